//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// segment is what tshark says of one at a point, with its numbers relative to the first ones of its connection.
type segment struct {
	frame int
	at    float64
	shape string
}

// fields are tshark's names of what two runs have to have in common; the first ones are for finding it.
var fields = []string{"frame.number", "frame.time_epoch", "frame.interface_name", "ip.src", "tcp.srcport", "ip.dst",
	"tcp.dstport", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "ip.ttl", "ip.dsfield", "tcp.options.mss_val",
	"tcp.options.wscale.shift"}

// dissected has what tshark reads out of a capture of TCP over IPv4 in which no ports are used again and no SACK is
// sent: the segments of each direction of each connection at each point.
func dissected(ts *testscript.TestScript, file string) map[string][]segment {
	args := []string{"-r", ts.MkAbs(file), "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	ts.Check(err)
	first, lists := map[string]int64{}, map[string][]segment{}
	for line := range strings.Lines(string(out)) {
		v := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		number := func(i int) int64 {
			n, err := strconv.ParseInt(v[i], 0, 64)
			ts.Check(err)
			return n
		}
		at, err := strconv.ParseFloat(v[1], 64)
		ts.Check(err)
		way, back := strings.Join(v[3:7], " "), strings.Join([]string{v[5], v[6], v[3], v[4]}, " ")
		if _, known := first[way]; !known {
			first[way] = number(8) // the SYN, or its answer
		}
		relative := []int64{(number(8) - first[way]) & math.MaxUint32, 0}
		if number(7)&0x10 != 0 {
			relative[1] = (number(9) - first[back]) & math.MaxUint32
		}
		key := v[2] + " " + way
		lists[key] = append(lists[key], segment{int(number(0)), at - 946684800, // 1 January 2000
			fmt.Sprint(v[7], relative, v[10:])})
	}
	return lists
}

// parts checks by tshark what ruleout diff --packets --format json says: the first segment of all that differs, its
// frames and times, and how many are the same before it.
//
//	parts STORY A.pcapng B.pcapng
func parts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: parts STORY A.pcapng B.pcapng")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	type packet struct {
		Frame int
		At    float64
	}
	var story struct {
		Packets struct {
			Same  int
			First *struct {
				Point string
				At    float64
				A, B  *packet
			}
		}
	}
	ts.Check(json.Unmarshal(text, &story))
	a, b := dissected(ts, args[1]), dissected(ts, args[2])
	var best [2]segment
	where, when := "", math.Inf(1)
	var same []float64
	for _, key := range slices.Sorted(maps.Keys(a)) {
		for i, x := range a[key] {
			if i >= len(b[key]) {
				ts.Fatalf("%s: only A has frame %d; this check is not for that", key, x.frame)
			}
			y := b[key][i]
			at := min(x.at, y.at)
			if x.shape == y.shape {
				same = append(same, at)
				continue
			}
			if at < when {
				when, where, best = at, key, [2]segment{x, y}
			}
			break
		}
	}
	before := 0
	for _, at := range same {
		if at < when {
			before++
		}
	}
	if where == "" {
		if story.Packets.First != nil || story.Packets.Same != before {
			ts.Fatalf("tshark sees %d segments, all the same, and the story says %+v", before, story.Packets)
		}
		return
	}
	first := story.Packets.First
	if first == nil || first.A == nil || first.B == nil {
		ts.Fatalf("tshark sees frames %d and %d differ: %s, %s; the story says %+v", best[0].frame, best[1].frame,
			best[0].shape, best[1].shape, first)
	}
	if first.A.Frame != best[0].frame || first.B.Frame != best[1].frame || !strings.HasPrefix(where, first.Point+" ") ||
		math.Abs(first.A.At-best[0].at) > 1e-6 || math.Abs(first.B.At-best[1].at) > 1e-6 || story.Packets.Same != before {
		ts.Fatalf("tshark sees frames %d at %v and %d at %v of %s differ, after %d that are the same; the story says %+v, "+
			"%+v and %+v, after %d", best[0].frame, best[0].at, best[1].frame, best[1].at, where, before, first, first.A,
			first.B, story.Packets.Same)
	}
}
