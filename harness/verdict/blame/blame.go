package blame

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict/blame/packet"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// Story is what two records say of one another.
type Story struct {
	A string `json:"a"`
	B string `json:"b"`
	// Identical runs have equal digests.
	Identical bool `json:"identical"`
	// Alarm says that the runs should be identical, and are not: the same software, scenario and seed.
	Alarm bool `json:"alarm"`
	// Asked is what differs in the software, the seed and the scenario, by the paths of the latter.
	Asked []compare.Setting `json:"asked"`
	// Interval of the timelines in s; 0 if the two have none, or not the same.
	Interval float64 `json:"interval"`
	// Together is up to when all counts are the same, in s after the start of the measured window: of packets, segments
	// sent again, connections, requests and answers. It is negative if they always are, or if there is no common timeline.
	Together float64 `json:"together"`
	// Parted are the series of which a sample differs, by the time of the first one.
	Parted []Parting `json:"parted"`
	Faults []Choice  `json:"faults"`
	// Ended is how the runs ended, and which expectations hold in one only.
	Ended []compare.Setting `json:"ended"`
	// Moved are the metrics and counters that differ by the margin, the largest first.
	Moved []Number `json:"moved"`
	// Packets is what captures say; nil unless they were made.
	Packets *Packets `json:"packets,omitempty"`
}

// Parting is the first sample that differs of a series.
type Parting struct {
	At     float64 `json:"at"` // s after the start of the measured window, where the sample begins
	Series string  `json:"series"`
	// Counts says that the series counts something. What takes time or memory differs by microseconds and pages as soon as
	// anything does.
	Counts bool   `json:"counts"`
	A      string `json:"a"` // a number as JSON, or missing
	B      string `json:"b"`
}

// Choice is the first time at which a fault of both runs chose another packet, of those that a record keeps. A record
// has times of packets and not the packets, so it is the first choice that comes at another time, by more than
// [packet.Late]: what a setting costs in CPU time moves all packets by microseconds.
type Choice struct {
	Fault string `json:"fault"`
	// Same is how many of the first choices came at the same times so far.
	Same int `json:"same"`
	// A and B are when the next one came, in s; absent where there is none.
	A *float64 `json:"a"`
	B *float64 `json:"b"`
}

// Number is a metric, or a counter as NODE.GROUP.NAME.
type Number struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	A    float64 `json:"a"`
	B    float64 `json:"b"`
	// By is the difference as a share of the larger of the two, 0 to 2.
	By float64 `json:"by"`
}

// Tell compares two records, which are called a and b. Numbers that differ by less than the margin, a share, are left
// out.
func Tell(nameA, nameB string, a, b *result.Record, margin float64) (*Story, error) {
	s := &Story{A: nameA, B: nameB, Identical: a.Digest == b.Digest, Together: -1, Asked: []compare.Setting{},
		Parted: []Parting{}, Faults: []Choice{}, Ended: []compare.Setting{}, Moved: []Number{}}
	s.Alarm = !s.Identical && a.Run == b.Run
	var err error
	if s.Asked, err = asked(a, b); err != nil {
		return nil, err
	}
	if a.Timeline.Interval == b.Timeline.Interval {
		s.Interval = a.Timeline.Interval
		s.parted(a, b)
	}
	s.faults(a, b)
	s.ended(a, b)
	s.moved(a, b, margin)
	return s, nil
}

// asked lists what determines a run and is not the same in both.
func asked(a, b *result.Record) ([]compare.Setting, error) {
	var sides [2]map[string]string
	for i, r := range []*result.Record{a, b} {
		p := &r.Provenance
		var scenario any
		if err := json.Unmarshal(r.Scenario.Canonical, &scenario); err != nil {
			return nil, fmt.Errorf("read the scenario of %s, seed %d: %w", r.Scenario.Name, r.Seed, err)
		}
		m := map[string]string{}
		leaves("", scenario, m)
		maps.Copy(m, map[string]string{
			" seed": fmt.Sprint(r.Seed), " kernel": p.Kernel, " kernel's configuration": result.Short(p.KernelConfig),
			" QEMU": p.QEMU, " program in the guest": result.Short(p.Program()), " machine": p.Machine,
			" bytes captured of a packet": fmt.Sprint(p.Capture),
		})
		for name, hash := range p.Images {
			m[" image "+name] = result.Short(hash)
		}
		sides[i] = m
	}
	list := compare.Settings(sides[0], sides[1])
	for i := range list {
		list[i].Name = strings.TrimPrefix(list[i].Name, " ") // the blank put it first
	}
	return list, nil
}

// leaves puts the values of a document under their paths. An item of a list that has a name goes by it, as in --set.
func leaves(path string, v any, to map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			leaves(strings.TrimPrefix(path+"."+k, "."), e, to)
		}
	case []any:
		for i, e := range v {
			at := fmt.Sprintf("%s[%d]", path, i)
			if m, ok := e.(map[string]any); ok {
				if name, ok := m["name"].(string); ok {
					at = path + "." + name
				}
			}
			leaves(at, e, to)
		}
	default:
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false) // expectations have < and >
		_ = enc.Encode(v)        // it was read from JSON
		to[path] = strings.TrimSpace(text.String())
	}
}

// parted takes the timelines' differences, which come in the order of time.
func (s *Story) parted(a, b *result.Record) {
	for _, d := range result.Compare(a, b) {
		if series, ok := strings.CutPrefix(d.Field, "timeline."); ok && d.Moment >= 0 {
			p := Parting{d.Moment, series, counts(a, b, series), d.A, d.B}
			if !p.Counts || p.lasts(a.Timeline.Series[series], b.Timeline.Series[series], s.Interval) {
				s.Parted = append(s.Parted, p)
			}
		}
	}
	slices.SortStableFunc(s.Parted, func(a, b Parting) int { return cmp.Compare(a.At, b.At) })
	if i := slices.IndexFunc(s.Parted, func(p Parting) bool { return p.Counts }); i >= 0 {
		s.Together = s.Parted[i].At
	}
}

// lasts moves the parting to the first sample whose difference the next one does not make up for: a packet that comes
// some microseconds later may fall into the next sample, and is the same packet. It tells whether there is one.
func (p *Parting) lasts(a, b []float64, interval float64) bool {
	if len(a) != len(b) {
		return true // one of them lacks the series, or its end
	}
	for i := 0; i < len(a); i++ {
		switch {
		case a[i] == b[i]:
		case i+1 < len(a) && a[i]+a[i+1] == b[i]+b[i+1]:
			i++
		default:
			p.At, p.A, p.B = float64(i)*interval, fmt.Sprint(a[i]), fmt.Sprint(b[i])
			return true
		}
	}
	return false
}

// counts tells whether a series counts: its samples are whole numbers, and none of bytes of memory.
func counts(a, b *result.Record, series string) bool {
	broken := func(v float64) bool { return v != math.Trunc(v) }
	return !strings.HasSuffix(series, ".memory") && !slices.ContainsFunc(a.Timeline.Series[series], broken) &&
		!slices.ContainsFunc(b.Timeline.Series[series], broken)
}

// faults compares when the faults of both runs acted.
func (s *Story) faults(a, b *result.Record) {
	for i := range a.Faults {
		x := &a.Faults[i]
		j := slices.IndexFunc(b.Faults, func(f result.Receipt) bool { return f.Name == x.Name })
		if j < 0 {
			continue
		}
		y := &b.Faults[j]
		c := Choice{Fault: x.Name}
		for c.Same < min(len(x.Times), len(y.Times)) &&
			math.Abs(x.Times[c.Same]-y.Times[c.Same]) <= packet.Late.Seconds() {
			c.Same++
		}
		if c.Same == len(x.Times) && c.Same == len(y.Times) {
			continue // as far as the records have them
		}
		if c.Same < len(x.Times) {
			c.A = &x.Times[c.Same]
		}
		if c.Same < len(y.Times) {
			c.B = &y.Times[c.Same]
		}
		s.Faults = append(s.Faults, c)
	}
}

// ended compares validity and the expectations that both runs have.
func (s *Story) ended(a, b *result.Record) {
	var sides [2]map[string]string
	for i, r := range []*result.Record{a, b} {
		sides[i] = map[string]string{" valid": "yes"}
		if !r.Valid {
			sides[i][" valid"] = "no: " + r.InvalidBecause.String()
		}
		for _, e := range r.Expect {
			held := "does not hold"
			if e.OK {
				held = "holds"
			}
			sides[i][e.Expr] = held
		}
	}
	for _, d := range compare.Settings(sides[0], sides[1]) {
		if d.A != "" && d.B != "" { // what only one of them expects is among what was asked
			d.Name = strings.TrimPrefix(d.Name, " ")
			s.Ended = append(s.Ended, d)
		}
	}
}

// moved compares metrics and counters that both runs have.
func (s *Story) moved(a, b *result.Record, margin float64) {
	add := func(name, unit string, x, y float64) {
		if by := math.Abs(x-y) / max(math.Abs(x), math.Abs(y)); by >= margin && x != y {
			s.Moved = append(s.Moved, Number{name, unit, x, y, by})
		}
	}
	for name, x := range a.Metrics {
		if y, ok := b.Metrics[name]; ok {
			add(name, x.Unit, x.Value, y.Value)
		}
	}
	for node, counters := range a.Counters {
		for name, x := range counters {
			if y, ok := b.Counters[node][name]; ok {
				add(node+"."+name, "1", float64(x), float64(y))
			}
		}
	}
	slices.SortFunc(s.Moved, func(a, b Number) int {
		return cmp.Or(cmp.Compare(b.By, a.By), cmp.Compare(b.size(), a.size()), strings.Compare(a.Name, b.Name))
	})
}

// Value writes one of the two numbers.
func (n *Number) Value(v float64) string { return metric.Of(n.Name, n.Unit).Format(v) }

// size is the larger of the two numbers.
func (n *Number) size() float64 { return max(math.Abs(n.A), math.Abs(n.B)) }
