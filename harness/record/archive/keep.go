package archive

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// numbersFile stands in for records and index where only numbers were kept.
const numbersFile = "numbers.zst"

// numbers is a line of it: an entry, without what no verdict needs.
type numbers struct {
	Run      string             `json:"run"`
	Digest   string             `json:"digest"`
	Scenario string             `json:"scenario"`
	Kernel   string             `json:"kernel"`
	Key      string             `json:"key"`
	Made     string             `json:"made,omitempty"`
	Failure  Failure            `json:"failure,omitempty"`
	Seed     uint64             `json:"seed"`
	Because  string             `json:"because,omitempty"` // of an invalid run
	Kinds    []result.Kind      `json:"kinds,omitempty"`
	Invalid  bool               `json:"invalid,omitempty"`
	Virtual  float64            `json:"virtual"`
	Wall     float64            `json:"wall"`
	Values   map[string]float64 `json:"values"`
}

// Keep writes into dir what verdicts on the archive need and nothing else: its identity, and of each run the metrics
// and counters that are named, all runs compressed as one. That is about a hundredth of the records, and goes into a
// repository. [Read] reads it; there are no records in it, so no run can be shown or replayed from it, but its digest
// is there to be compared with.
func (r *Reader) Keep(dir string, names []string) (runs int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, machine(fmt.Errorf("keep results: %w", err))
	}
	for _, name := range []string{recordsFile, indexFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return 0, problem.Wrap(problem.Usage, fmt.Errorf("%s has the records of a sweep", dir),
				"give a directory for the numbers alone")
		}
	}
	if err := r.Identity.write(filepath.Join(dir, identityFile)); err != nil {
		return 0, err
	}
	err = atomicfile.Stream(filepath.Join(dir, numbersFile), func(w io.Writer) (err error) {
		runs, err = r.numbers(w, names)
		return err
	})
	if err != nil && problem.KindOf(err) == problem.Other {
		err = machine(fmt.Errorf("keep results: %w", err))
	}
	return runs, err
}

// numbers writes a line for each run, in an order that does not depend on how the sweep went.
func (r *Reader) numbers(w io.Writer, names []string) (runs int, err error) {
	var list []numbers
	err = r.Entries(func(e *Entry) error {
		n := numbers{
			Run: e.Run, Digest: e.Digest, Scenario: e.Scenario, Kernel: e.Kernel, Key: e.Key, Made: e.Made,
			Failure: e.Failure, Seed: e.Seed,
			Because: e.Because, Kinds: e.Kinds, Invalid: !e.Valid, Virtual: e.Virtual, Wall: e.Wall,
			Values: map[string]float64{},
		}
		for _, name := range names {
			// A counter that did not move is known to be 0 without standing here.
			if v, ok := e.Value(name); ok && !(v == 0 && metric.IsCounter(name)) && !math.IsNaN(v) {
				n.Values[name] = v
			}
		}
		list = append(list, n)
		return nil
	})
	if err != nil {
		return 0, err
	}
	slices.SortFunc(list, func(a, b numbers) int {
		return cmp.Or(strings.Compare(a.Scenario, b.Scenario), strings.Compare(a.Kernel, b.Kernel),
			cmp.Compare(a.Seed, b.Seed), strings.Compare(a.Run, b.Run))
	})
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	enc := json.NewEncoder(z)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return 0, errors.Join(err, z.Close())
		}
	}
	return len(list), z.Close()
}

// Bounds of what is read of kept numbers: some hundred times what 16,000 runs of a large campaign take.
const (
	mostLine    = 1 << 20   // bytes of a run
	mostNumbers = 256 << 20 // bytes of all of them, as JSON
	mostWindow  = 32 << 20  // bytes that the decompressor looks back
)

// eachNumbers is Entries of an archive of which only the numbers were kept.
func eachNumbers(path string, f func(e *Entry) error) error {
	file, err := os.Open(path)
	if err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("read archive: %w", err), "")
	}
	defer func() { _ = file.Close() }() // nothing was written
	z, err := zstd.NewReader(bufio.NewReader(file), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(mostWindow))
	if err != nil {
		return fmt.Errorf("start decompression: %w", err)
	}
	defer z.Close()
	bad := func(err error) error {
		return problem.Wrap(problem.Usage, fmt.Errorf("read %s: %w", path, err),
			"the file is damaged: restore it from a copy")
	}
	lines := bufio.NewScanner(io.LimitReader(z, mostNumbers+1))
	lines.Buffer(nil, mostLine)
	total := 0
	for lines.Scan() {
		if total += len(lines.Bytes()) + 1; total > mostNumbers {
			return bad(fmt.Errorf("more than %d MiB of numbers", mostNumbers>>20))
		}
		var n numbers
		if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
			return bad(err)
		}
		e := n.entry()
		if err := f(&e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return bad(err)
	}
	return nil
}

func (n *numbers) entry() Entry {
	e := Entry{
		Run: n.Run, Digest: n.Digest, Scenario: n.Scenario, Kernel: n.Kernel, Key: n.Key, Made: n.Made,
		Failure: n.Failure, Seed: n.Seed,
		Valid: !n.Invalid, Because: n.Because, Kinds: n.Kinds, Virtual: n.Virtual, Wall: n.Wall,
	}
	for name, v := range n.Values {
		e.Values = append(e.Values, Value{name, v})
	}
	slices.SortFunc(e.Values, func(a, b Value) int { return strings.Compare(a.Name, b.Name) })
	return e
}

// keptIn returns the file of numbers in dir, if that is all there is.
func keptIn(dir string) (path string, ok bool) {
	path = filepath.Join(dir, numbersFile)
	_, err := os.Stat(path)
	_, whole := os.Stat(filepath.Join(dir, recordsFile))
	return path, err == nil && errors.Is(whole, fs.ErrNotExist)
}

// Kept says that only the numbers of the runs were kept, and no records.
func (r *Reader) Kept() bool { return r.kept != "" }

// errKept says that there is no record to be had.
func errKept(e *Entry) (*result.Record, error) {
	return nil, problem.Wrap(problem.Usage, fmt.Errorf("%v: only its numbers were kept, not its record", e),
		"run it again, with the settings of its arm in the report of the campaign")
}
