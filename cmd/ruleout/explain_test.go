//go:build linux

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// plainRecord is as much of a record as its figures need.
type plainRecord struct {
	Seed     uint64
	Counters map[string]map[string]float64
	Metrics  map[string]struct{ Value float64 }
	Timeline struct {
		Interval float64
		Series   map[string][]float64
	}
}

// plainExplanation is as much of an explanation as names figures.
type plainExplanation struct {
	Compared struct{ With string }
	Events   []struct {
		From, To                   float64
		Kind, Series, Place, Text  string
		Value, Twin, Low, High     float64
		Out, Of                    int
		Until, Extreme, Extreme_at float64
	}
	Totals []struct {
		Kind, Place, Name      string
		Value, Twin, Low, High float64
	}
}

// explained computes the figures of an explanation again, from the records alone: its own, and the calm ones in a
// directory, of which that with the same seed is the twin. There have to be events in these series:
//
//	explained explanation.json record.json calm web.tcp.retrans
func explained(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: explained EXPLANATION RECORD DIR SERIES...")
	}
	read := func(path string, into any) {
		text, err := os.ReadFile(ts.MkAbs(path))
		ts.Check(err)
		ts.Check(json.Unmarshal(text, into))
	}
	var e plainExplanation
	var here, twin plainRecord
	read(args[0], &e)
	read(args[1], &here)
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[2]), "*.json"))
	ts.Check(err)
	var calm []plainRecord
	for _, file := range files {
		var r plainRecord
		read(file, &r)
		calm = append(calm, r)
		if r.Seed == here.Seed {
			twin = r
		}
	}
	if len(calm) < 2 || twin.Seed != here.Seed || e.Compared.With != "twin" {
		ts.Fatalf("%d calm runs, compared with %s", len(calm), e.Compared.With)
	}
	same := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-6 {
			ts.Fatalf("%s: the explanation has %v, the records have %v", what, got, want)
		}
	}
	found := map[string]bool{}
	for _, x := range e.Events {
		if x.Kind != "series" || x.To-x.From > here.Timeline.Interval*1.5 {
			continue // blocks are means
		}
		found[x.Series] = true
		at := int(math.Round(x.From / here.Timeline.Interval))
		same(x.Series, x.Value, here.Timeline.Series[x.Series][at])
		if !strings.HasPrefix(x.Series, "http.latency") { // no answer, no latency
			same(x.Series+" of the twin", x.Twin, twin.Timeline.Series[x.Series][at])
		}
		low, high := around(calm, x.Series, at)
		same(x.Series+", least", x.Low, low)
		same(x.Series+", most", x.High, high)
		if x.Value >= low && x.Value <= high {
			ts.Fatalf("%s at %v is in its range", x.Series, x.From)
		}
		for i, v := range here.Timeline.Series[x.Series][:at] {
			// What is out by more than the whole width of the range, and by five, is out by any rule.
			low, high := around(calm, x.Series, i)
			if away := max(v-high, low-v); away > high-low && away > 5 {
				ts.Fatalf("%s is out at sample %d already: %v, and calm %v to %v", x.Series, i, v, low, high)
			}
		}
	}
	for _, name := range args[3:] {
		if !found[name] {
			ts.Fatalf("the explanation has nothing about %s", name)
		}
	}
	for _, x := range e.Totals {
		of := func(r *plainRecord) float64 { return r.Counters[x.Place][x.Name] }
		if x.Kind == "metric" {
			name := strings.TrimPrefix(x.Place+"."+x.Name, "clients.")
			if _, ok := here.Metrics[name]; !ok {
				continue // of a queue
			}
			of = func(r *plainRecord) float64 { return r.Metrics[name].Value }
		}
		same(x.Name, x.Value, of(&here))
		same(x.Name+" of the twin", x.Twin, of(&twin))
		low, high := math.Inf(1), math.Inf(-1)
		for i := range calm {
			low, high = min(low, of(&calm[i])), max(high, of(&calm[i]))
		}
		same(x.Name+", least", x.Low, low)
		same(x.Name+", most", x.High, high)
		if x.Value >= low && x.Value <= high {
			ts.Fatalf("%s %s is in its range", x.Place, x.Name)
		}
	}
}

// around is the range of calm samples half a second around one. Where nothing was answered there is no latency.
func around(calm []plainRecord, series string, at int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, r := range calm {
		values := r.Timeline.Series[series]
		reach := int(math.Round(0.5 / r.Timeline.Interval))
		for i := max(at-reach, 0); i <= min(at+reach, len(values)-1); i++ {
			if strings.HasPrefix(series, "http.latency") && r.Timeline.Series["http.completed"][i] == 0 {
				continue
			}
			low, high = min(low, values[i]), max(high, values[i])
		}
	}
	return low, high
}
