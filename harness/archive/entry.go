package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/metric"
	"github.com/ruleout/ruleout/harness/result"
)

// Entry is what the index has of a record: enough for a verdict.
type Entry struct {
	// Run is the record's id, and what it is known by: an archive has each run once.
	Run string
	// Scenario is the scenario's hash; Kernel the release that it ran on; Key that of its provenance.
	Scenario, Kernel, Key string
	Seed                  uint64
	Digest                string
	Valid                 bool
	// Because says in one line why it is not valid.
	Because string
	// Values are metrics and counters, NODE.GROUP.NAME, by their names in order. What is absent was 0 for a counter, and
	// was not recorded for a metric: see [Entry.Value].
	Values []Value
	// Virtual and Wall are how long the run took, in seconds.
	Virtual, Wall float64

	offset, length int64
}

// Value is a number with its name.
type Value struct {
	Name  string
	Value float64
}

// Value returns a metric or counter. A counter that is absent is 0: all of them are recorded, and most do not move.
func (e *Entry) Value(name string) (float64, bool) {
	i, ok := slices.BinarySearchFunc(e.Values, name, func(v Value, name string) int { return strings.Compare(v.Name, name) })
	if ok {
		return e.Values[i].Value, true
	}
	return 0, metric.IsCounter(name)
}

// entryOf takes from a record what the index has.
func entryOf(r *result.Record) Entry {
	e := Entry{
		Run: r.Run, Scenario: r.Scenario.Hash, Kernel: r.Provenance.Kernel, Key: r.Provenance.Key, Seed: r.Seed, Digest: r.Digest,
		Valid: r.Valid, Because: strings.Join(r.InvalidBecause, "; "), Virtual: r.Time.Virtual, Wall: r.Time.Wall,
	}
	for name, m := range r.Metrics {
		e.Values = append(e.Values, Value{name, m.Value})
	}
	for node, counters := range r.Counters {
		for name, v := range counters {
			if v != 0 {
				e.Values = append(e.Values, Value{node + "." + name, float64(v)})
			}
		}
	}
	slices.SortFunc(e.Values, func(a, b Value) int { return strings.Compare(a.Name, b.Name) })
	return e
}

// line is a record as the archive has it: one line of JSON.
func line(r *result.Record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append(bytes.TrimSpace(b), '\n'), nil
}
