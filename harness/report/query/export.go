package query

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// CheckNames says which of the names is no metric or counter that a run of the archive could have; where is what they
// are given with, such as --metric. The error is of kind [problem.Usage].
func (s *Source) CheckNames(where string, names []string) error {
	plain := expect.Vocabulary{Nodes: s.Vocabulary.Nodes, Faults: s.Vocabulary.Faults}
	for _, name := range names {
		if _, err := plain.Figure(name); err != nil {
			return mistake(where, name, err)
		}
		if _, ok := metric.Lookup(name); !ok {
			return mistake(where, name, &problem.Mistake{Length: len(name),
				Msg: "not the name of a metric", Hint: "ruleout results query has expressions of several"})
		}
	}
	return nil
}

// words that are exported beside what identifies a run: settings, and levels of factors.
func (s *Source) settings() (names []string) {
	for _, f := range s.Vocabulary.Fields {
		if f.Name == "set" || strings.HasPrefix(f.Name, factor) {
			names = append(names, f.Name)
		}
	}
	return names
}

// ExportCSV writes a line for each run, as the archive is read: what identifies it, its settings, and these metrics
// in base units, empty where there is none.
func (s *Source) ExportCSV(w io.Writer, metrics []string) error {
	fields := slices.Concat([]string{"run", "digest", "scenario", "kernel", "seed", "valid"}, s.settings())
	out := csv.NewWriter(w)
	if err := out.Write(slices.Concat(fields, metrics)); err != nil {
		return err
	}
	row := make([]string, 0, len(fields)+len(metrics))
	err := s.archive.Entries(func(e *archive.Entry) error {
		word := s.words(e)
		row = row[:0]
		for _, name := range fields {
			if name == "seed" {
				row = append(row, strconv.FormatUint(e.Seed, 10))
				continue
			}
			row = append(row, word(name))
		}
		for _, name := range metrics {
			text := ""
			if v, ok := e.Value(name); ok {
				text = strconv.FormatFloat(v, 'g', -1, 64)
			}
			row = append(row, text)
		}
		return out.Write(row)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// ExportJSON writes an object a line for each run, as ruleout results query does, with the fields of
// [Source.ExportCSV]; null is what there is none of.
func (s *Source) ExportJSON(w io.Writer, metrics []string) error {
	fields := slices.Concat([]string{"run", "digest", "scenario", "kernel", "seed", "valid"}, s.settings())
	line := Table{Rows: [][]Cell{make([]Cell, len(fields)+len(metrics))}}
	for _, name := range fields {
		line.Columns = append(line.Columns, Column{Name: name, Words: name != "seed"})
	}
	for _, name := range metrics {
		line.Columns = append(line.Columns, Column{Name: name})
	}
	out := bufio.NewWriter(w)
	err := s.archive.Entries(func(e *archive.Entry) error {
		word, row := s.words(e), line.Rows[0]
		for i, name := range fields {
			if name == "seed" {
				row[i].Number = float64(e.Seed)
				continue
			}
			row[i].Text = word(name)
		}
		for i, name := range metrics {
			v, ok := e.Value(name)
			if !ok {
				v = math.NaN()
			}
			row[len(fields)+i].Number = v
		}
		return line.JSON(out)
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// ExportBench writes a line for each valid run in the Go benchmark format
// (https://go.dev/design/14313-benchmark-format), which benchstat reads. Its units are the names of the metrics; which
// direction is good, and what was set, is in lines of configuration.
func (s *Source) ExportBench(w io.Writer, metrics []string) error {
	out := bufio.NewWriter(w)
	for _, name := range metrics {
		if m, ok := metric.Lookup(name); ok && m.Better != metric.Neither {
			fmt.Fprintf(out, "Unit %s better=%s\n", name, m.Better)
		}
	}
	keys := slices.Concat([]string{"kernel"}, s.settings())
	now := make(map[string]string, len(keys))
	err := s.archive.Entries(func(e *archive.Entry) error {
		if !e.Valid {
			return nil
		}
		word := s.words(e)
		for _, key := range keys {
			if v := word(key); v != now[key] { // an empty one takes the key back
				now[key] = v
				fmt.Fprintf(out, "%s\n", strings.TrimRight(key+": "+v, " "))
			}
		}
		fmt.Fprintf(out, "BenchmarkRun/scenario=%s 1", result.Short(e.Scenario))
		for _, name := range metrics {
			if v, ok := e.Value(name); ok {
				fmt.Fprintf(out, " %s %s", strconv.FormatFloat(v, 'g', -1, 64), name)
			}
		}
		_, err := fmt.Fprintln(out)
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
