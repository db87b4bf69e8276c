package nightly

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// baselineFormat of the files that this package writes.
const baselineFormat = 1

// suffix of a baseline's file: JSON Lines.
const suffix = ".jsonl"

// Head is the first line of a baseline: what its runs are of.
type Head struct {
	Format   int    `json:"format"`
	Scenario string `json:"scenario"` // name
	Hash     string `json:"hash"`     // of the scenario
	Kernel   string `json:"kernel"`   // as it is called: usually a series, such as 6.1
	// What made the runs.
	Release string `json:"release"`
	Tool    string `json:"tool"`
	QEMU    string `json:"qemu"`
	Netem   string `json:"netem"`
	Key     string `json:"key"` // of the provenance
	// Metrics are what is watched, in the order of the values.
	Metrics []string `json:"metrics"`
	// Left are seeds that were left out of the pool, because their runs are invalid.
	Left []uint64 `json:"left,omitempty"`
}

// Row is one run of a baseline.
type Row struct {
	Seed   uint64  `json:"seed"`
	Digest string  `json:"digest"`
	Values []value `json:"values"`
}

// value is a number, or NaN where the run did not record the metric, which is null in JSON.
type value float64

// MarshalJSON writes the shortest number that reads back the same.
func (v value) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(v)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(v))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *value) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = value(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(v))
}

// Baseline is what the runs of a scenario on a kernel were like when they were accepted.
type Baseline struct {
	Head
	Rows []Row
	// Sum is "sha256:…" of all lines before the last, which has it.
	Sum string
}

// Place is the scenario and kernel of a series, for people: "dup-ack on 6.1".
func (b *Baseline) Place() string { return place(b.Scenario, b.Kernel) }

func place(scenario, kernel string) string { return scenario + " on " + kernel }

// Pool returns the seeds.
func (b *Baseline) Pool() []uint64 {
	seeds := make([]uint64, len(b.Rows))
	for i, r := range b.Rows {
		seeds[i] = r.Seed
	}
	return seeds
}

// row finds a seed, or returns nil.
func (b *Baseline) row(seed uint64) *Row {
	for i := range b.Rows {
		if b.Rows[i].Seed == seed {
			return &b.Rows[i]
		}
	}
	return nil
}

// column returns a metric's values over the pool.
func (b *Baseline) column(i int) []float64 {
	list := make([]float64, len(b.Rows))
	for j, r := range b.Rows {
		list[j] = float64(r.Values[i])
	}
	return list
}

// FileName of a baseline.
func FileName(scenario, kernel string) string {
	return result.BaseName(scenario+"-"+kernel) + suffix
}

// Encode returns the file of a baseline.
func (b *Baseline) Encode() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	head := b.Head
	head.Format = baselineFormat
	err := enc.Encode(head)
	for i := range b.Rows {
		err = errors.Join(err, enc.Encode(&b.Rows[i]))
	}
	if err != nil {
		return nil, fmt.Errorf("encode baseline of %s: %w", b.Place(), err)
	}
	sum := result.Sum(out.Bytes())
	err = enc.Encode(last{sum})
	return out.Bytes(), err
}

// last is the last line of a baseline.
type last struct {
	Sum string `json:"sum"`
}

// damaged is the error of a file in which a line was changed.
func damaged(file string, line int, format string, args ...any) error {
	return problem.Wrap(problem.Usage, fmt.Errorf("%s:%d: %w", file, line, fmt.Errorf(format, args...)),
		"the baseline is damaged: git checkout restores the accepted one, ruleout nightly accept writes a new one")
}

// maxLine bounds a line of a baseline, in bytes.
const maxLine = 1 << 20

// ReadBaseline reads a baseline's file. What is wrong with it is an error of kind [problem.Usage] that names the line.
func ReadBaseline(file string) (*Baseline, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read baseline: %w", err), "ruleout nightly accept makes it")
	}
	b := new(Baseline)
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, maxLine)
	line, before := 0, 0
	for scanner.Scan() {
		line++
		text := scanner.Bytes()
		switch {
		case b.Sum != "":
			return nil, damaged(file, line, "something follows the sum")
		case line == 1:
			err = strict(text, &b.Head)
			if err == nil && b.Format != baselineFormat {
				return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: format %d, this build reads %d", file, b.Format,
					baselineFormat), "use the build of ruleout that wrote it, or accept a new one")
			}
			if err == nil && !slices.IsSorted(b.Metrics) {
				err = errors.New("metrics are not in order")
			}
		case bytes.HasPrefix(text, []byte(`{"sum":`)):
			var l last
			if err = strict(text, &l); err == nil {
				if b.Sum = l.Sum; b.Sum != result.Sum(data[:before]) {
					return nil, damaged(file, line, "the sum does not fit the lines before it")
				}
			}
		default:
			var r Row
			err = strict(text, &r)
			if err == nil && len(r.Values) != len(b.Metrics) {
				err = fmt.Errorf("%d values of %d metrics", len(r.Values), len(b.Metrics))
			}
			if err == nil && b.row(r.Seed) != nil {
				err = fmt.Errorf("seed %d is there twice", r.Seed)
			}
			b.Rows = append(b.Rows, r)
		}
		if err != nil {
			return nil, damaged(file, line, "%w", err)
		}
		before += len(text) + 1
	}
	if err := scanner.Err(); err != nil {
		return nil, damaged(file, line+1, "%w", err)
	}
	if b.Sum == "" {
		return nil, damaged(file, line+1, "it ends before its sum: the file is not whole")
	}
	if len(b.Rows) == 0 {
		return nil, damaged(file, line, "it has no run")
	}
	return b, nil
}

// strict decodes one JSON value and wants to know all of its keys.
func strict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// ReadBaselines reads all baselines of a directory, in the order of their names. With kernels, only theirs.
func ReadBaselines(dir string, kernels ...string) ([]*Baseline, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read baseline: %w", err), "")
	}
	var list []*Baseline
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		file := filepath.Join(dir, e.Name())
		b, err := ReadBaseline(file)
		if err != nil {
			return nil, err
		}
		if want := FileName(b.Scenario, b.Kernel); want != e.Name() {
			return nil, damaged(file, 1, "a file of this name is not of %s, which is in %s", b.Place(), want)
		}
		if len(kernels) == 0 || slices.Contains(kernels, b.Kernel) {
			list = append(list, b)
		}
	}
	return list, nil
}

// writeFile writes a file whole or not at all, and makes its directory.
func writeFile(path string, data []byte) (err error) {
	defer func() {
		err = problem.Wrap(problem.Machine, err, "what was there before is unharmed")
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := atomicfile.File(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
