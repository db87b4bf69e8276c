package machine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Replay is how a run that was made again compares with its record.
type Replay struct {
	Equal       bool         `json:"equal"`
	Recorded    string       `json:"recorded"` // digest
	Replayed    string       `json:"replayed"` // digest
	SameKey     bool         `json:"same_key"`
	Provenance  []Difference `json:"provenance"`  // what differs in it
	Differences []Difference `json:"differences"` // what differs in the record, timelines first
	// First is the digest of a first replay that differed, if there was one: then kernel and frozen machines were
	// hashed again, Cache has what was wrong with them, and the run was made once more.
	First string   `json:"first,omitempty"`
	Cache []string `json:"cache,omitempty"`
	// Captured is the run whose packets were captured, if the record was made without.
	Captured *CapturedRun `json:"captured,omitempty"`

	// Last is the record of the run whose packets the spool has.
	Last *result.Record `json:"-"`
}

// CapturedRun is how a run that was made once more, to capture packets, differs from the record.
type CapturedRun struct {
	Snaplen     int          `json:"snaplen"`
	Digest      string       `json:"digest"`
	Differences []Difference `json:"differences"`
}

// Difference is a field that differs. Recorded and Replayed are its values.
type Difference struct {
	Field    string   `json:"field"`
	Moment   *float64 `json:"moment,omitempty"` // s from the start of the measured window; of timelines only
	Recorded string   `json:"recorded"`
	Replayed string   `json:"replayed"`
}

// RequestOf returns the request for the run of a record. An error of kind [problem.Usage] says that the record's
// scenario does not belong to it.
func RequestOf(recorded *result.Record) (Request, error) {
	s, err := scenario.FromCanonical(recorded.Scenario.Canonical)
	if err != nil {
		return Request{}, fmt.Errorf("its scenario: %w", err)
	}
	if hash := s.Hash(); hash != recorded.Scenario.Hash {
		return Request{}, problem.Wrap(problem.Usage,
			fmt.Errorf("its scenario does not match its hash %s", result.Short(recorded.Scenario.Hash)),
			"the record was changed, or was made by a build with other defaults")
	}
	s.PinImages(recorded.Provenance.Images)
	request := Request{Scenario: s, Set: recorded.Scenario.Set, Seed: recorded.Seed, Backend: recorded.Backend}
	if recorded.Backend == NameVM {
		request.Kernel, err = kernelOf(&recorded.Provenance)
	}
	return request, err
}

// MakeAgain makes the run of a record again, as it was made, and compares the two. If they differ although their keys
// are equal, the cache is hashed again and the run is made once more. If the record was made without a capture and the
// request has a spool for one, the captured run follows as a run of its own. note reports how the replay goes on.
func MakeAgain(ctx context.Context, recorded *result.Record, request Request, note func(text string)) (*Replay, error) {
	spool := request.Capture
	request.Capture = nil
	as := recorded.Provenance.Capture
	once := spool != nil && spool.Snap() == as
	switch {
	case once:
		request.Capture = spool
	case as > 0:
		request.Capture = pcapng.Discard(as)
	}
	again, err := Run(ctx, request)
	if err != nil {
		return nil, err
	}
	r := compareRecords(recorded, again)
	if !r.Equal && r.SameKey && recorded.Backend == NameVM {
		note("it differs: hashing the kernel and the VM templates again, then one more run")
		if r, err = doubt(ctx, recorded, request, r); err != nil {
			return nil, err
		}
	}
	if spool != nil && !once {
		note("one more run, to capture packets")
		request.Capture = spool
		if again, err = Run(ctx, request); err != nil {
			return nil, err
		}
		r.Captured = &CapturedRun{spool.Snap(), again.Digest, compareRecords(recorded, again).Differences}
		r.Last = again
	}
	return r, nil
}

// doubt finds out whether the cache is at fault for a replay that differs, and makes the run once more. The captured
// packets are those of the first replay.
func doubt(ctx context.Context, recorded *result.Record, request Request, first *Replay) (*Replay, error) {
	wrong, err := Audit(request.Kernel)
	if err != nil {
		return nil, err
	}
	if request.Capture != nil {
		request.Capture = pcapng.Discard(request.Capture.Snap())
	}
	again, err := Run(ctx, request)
	if err != nil {
		return nil, errors.Join(append(wrong, err)...)
	}
	r := compareRecords(recorded, again)
	r.First = first.Replayed
	for _, err := range wrong {
		r.Cache = append(r.Cache, err.Error())
	}
	return r, nil
}

// imageList names images and their hashes.
func imageList(images map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(images)) {
		list = append(list, name+" "+result.Short(images[name]))
	}
	return strings.Join(list, ", ")
}

// compareRecords lists in what two records of a run differ.
func compareRecords(recorded, again *result.Record) *Replay {
	r := &Replay{
		Equal: recorded.Digest == again.Digest, Recorded: recorded.Digest, Replayed: again.Digest,
		Last:       again,
		SameKey:    recorded.Provenance.Key == again.Provenance.Key,
		Provenance: []Difference{}, Differences: []Difference{},
	}
	p, q := recorded.Provenance, again.Provenance
	for _, f := range []struct{ name, a, b string }{
		{"guest program", p.Program(), q.Program()}, {"kernel", p.Kernel, q.Kernel},
		{"kernel_config", p.KernelConfig, q.KernelConfig}, {"netem", p.Netem, q.Netem},
		{"qemu", p.QEMU, q.QEMU}, {"machine", machineBoard(p.Machine), machineBoard(q.Machine)},
		{"template", p.Template, q.Template}, {"prepared", p.Prepared, q.Prepared},
		{"images", imageList(p.Images), imageList(q.Images)},
		{"capture", strconv.Itoa(p.Capture), strconv.Itoa(q.Capture)},
	} {
		if f.a != f.b && f.a != "" { // which records of early builds lack
			r.Provenance = append(r.Provenance, Difference{Field: f.name, Recorded: f.a, Replayed: f.b})
		}
	}
	for _, d := range result.Compare(recorded, again) {
		one := Difference{Field: d.Field, Recorded: d.A, Replayed: d.B}
		if d.Moment >= 0 {
			one.Moment = &d.Moment
		}
		r.Differences = append(r.Differences, one)
	}
	return r
}

// machineBoard is the machine without the beginning of its template's hash, which early builds put there.
func machineBoard(machine string) string {
	board, _, _ := strings.Cut(machine, ", template ")
	return board
}
