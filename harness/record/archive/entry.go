package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Entry is what the index has of a run: enough for a verdict.
type Entry struct {
	// Run is the record's id, and what it is known by: an archive has each run once.
	Run string
	// Scenario is the scenario's hash; Kernel the release that it ran on; Key that of its provenance.
	Scenario, Kernel, Key string
	// Made is "sha256:…" of what the run was made with: QEMU, kernel and program. Runs that differ in it are not to be
	// compared as if only their scenarios differed. It is empty where an earlier ruleout kept only the numbers of a
	// run.
	Made   string
	Seed   uint64
	Digest string
	Valid  bool
	// Failure says why there is no record, and is empty if there is one. Such a run is not valid, and has no digest.
	Failure Failure
	// Because says in one line why it is not valid, Kinds for programs. Records of early builds have no kinds, nor has a
	// failure.
	Because string
	Kinds   []result.Kind
	// Values are metrics and counters, NODE.GROUP.NAME, by their names in order. What is absent was 0 for a counter,
	// and was not recorded for a metric: see [Entry.Value].
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
	i, ok := slices.BinarySearchFunc(e.Values, name, func(v Value, name string) int {
		return strings.Compare(v.Name, name)
	})
	if ok {
		return e.Values[i].Value, true
	}
	return 0, e.Failure == "" && metric.IsCounter(name)
}

// Clone returns a copy that stays valid after the call in which [Archive.Entries] gave it.
func (e *Entry) Clone() Entry {
	c := *e
	c.Values = slices.Clone(e.Values)
	return c
}

// String names it in messages.
func (e *Entry) String() string { return fmt.Sprintf("run %.19s, seed %d", e.Run, e.Seed) }

// entryOf takes from a record what the index has.
func entryOf(r *result.Record) Entry {
	e := Entry{
		Run: r.Run, Scenario: r.Scenario.Hash, Kernel: r.Provenance.Kernel, Key: r.Provenance.Key,
		Made: made(&r.Provenance), Seed: r.Seed,
		Digest: r.Digest, Valid: r.Valid, Because: r.InvalidBecause.String(), Virtual: r.Time.Virtual, Wall: r.Time.Wall,
	}
	for _, reason := range r.InvalidBecause {
		if reason.Kind != "" {
			e.Kinds = append(e.Kinds, reason.Kind)
		}
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

// made hashes what a run was made with. Records of early builds do not have the hash of the software.
func made(p *result.Provenance) string {
	parts := []string{p.Program(), p.Kernel, p.KernelConfig, p.QEMU, p.Software}
	for _, name := range slices.Sorted(maps.Keys(p.Images)) {
		parts = append(parts, "image "+name+" "+p.Images[name])
	}
	return result.Sum([]byte(strings.Join(parts, "\n")))
}

// Failure says why there is no record of a run.
type Failure string

// Failures.
const (
	// Broke: the run broke twice, such as by a kernel panic.
	Broke Failure = "broke"
	// Refused: the kernel refuses a value of the scenario, as it would with any seed.
	Refused Failure = "refused"
)

// Failed is a run of which there is no record. It is kept so that a later evaluation of the archive knows that the run
// was tried.
type Failed struct {
	Failure  Failure `json:"failure"` // first, which distinguishes it from a record
	Schema   int     `json:"schema"`
	Run      string  `json:"run"`
	Scenario string  `json:"scenario"` // its hash
	Kernel   string  `json:"kernel"`   // its release
	Seed     uint64  `json:"seed"`
	Because  string  `json:"because"`
}

// mostBecause bounds the reason of a failure, in bytes.
const mostBecause = 1000

// failedPrefix begins the line of a [Failed].
var failedPrefix = []byte(`{"failure":`)

func (f *Failed) complete() {
	f.Schema = result.Schema
	f.Because = strings.ToValidUTF8(f.Because[:min(len(f.Because), mostBecause)], "")
	// It has no provenance, so it is known by what was to be run. A record of the same run has another id.
	f.Run = result.Sum(fmt.Appendf(nil, "failed\n%s\n%s\n%s\n%d", f.Failure, f.Scenario, f.Kernel, f.Seed))
}

func (f *Failed) entry() Entry {
	return Entry{Run: f.Run, Scenario: f.Scenario, Kernel: f.Kernel, Seed: f.Seed, Failure: f.Failure, Because: f.Because}
}

// understand reads a line and takes from it what the index has. What it cannot read is errDamaged, but for a record of
// another schema, which is sound and must not be dropped: that is an error of kind [problem.Usage].
func understand(line []byte) (Entry, error) {
	if bytes.HasPrefix(line, failedPrefix) {
		var f Failed
		if err := json.Unmarshal(line, &f); err != nil {
			return Entry{}, fmt.Errorf("%w: %w", errDamaged, err)
		}
		if f.Schema > result.Schema || f.Failure != Broke && f.Failure != Refused {
			return Entry{}, problem.Wrap(problem.Usage, fmt.Errorf("a failed run %q has schema %d, this build reads %d",
				f.Failure, f.Schema, result.Schema), "a newer ruleout wrote it: read it with that one")
		}
		f.complete()
		return f.entry(), nil
	}
	r, err := result.Decode(line)
	var head struct {
		Schema int `json:"schema"`
	}
	switch {
	case problem.KindOf(err) == problem.Usage && json.Unmarshal(line, &head) == nil && head.Schema > result.Schema:
		return Entry{}, err
	case err != nil:
		return Entry{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return entryOf(r), nil
}

// line is a record, or a failed run, as the archive has it: one line of JSON.
func line(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append(bytes.TrimSpace(b), '\n'), nil
}

// short stands for a string in memory: two different ones with the same do not occur.
type short [16]byte

func shorten(s string) (sum short) {
	full := sha256.Sum256([]byte(s))
	copy(sum[:], full[:])
	return sum
}

// row is what is remembered of a run while its archive is open.
type row struct {
	offset, length int64
	run, digest    short
	place          short // what was to be run: scenario, kernel and seed
	failed         bool
}

func rowOf(e *Entry) row {
	place := shorten(fmt.Sprintf("%s\n%s\n%d", e.Scenario, e.Kernel, e.Seed))
	return row{e.offset, e.length, shorten(e.Run), shorten(e.Digest), place, e.Failure != ""}
}

// runs are those of an archive.
type runs struct {
	digests map[short]short // by run
	places  map[short]bool  // true where there is a record, false where the run only failed
	records int
}

func newRuns() runs { return runs{digests: map[short]short{}, places: map[short]bool{}} }

// add takes a run in, unless it is there already: it returns whether it is new, and whether it was there with another
// digest.
func (r *runs) add(w *row) (fresh, conflict bool) {
	if digest, there := r.digests[w.run]; there {
		return false, digest != w.digest
	}
	r.digests[w.run] = w.digest
	r.places[w.place] = r.places[w.place] || !w.failed
	if !w.failed {
		r.records++
	}
	return true, false
}

// stale reports whether an entry says that a run failed which was made after all.
func (r *runs) stale(e *Entry) bool {
	return e.Failure != "" && r.places[rowOf(e).place]
}
