package result_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// made returns a record with made-up contents.
func made(t *testing.T) *result.Record {
	t.Helper()
	r := &result.Record{
		Schema:     result.Schema,
		Scenario:   result.Scenario{Name: "made-up", Hash: "sha256:00", Canonical: json.RawMessage(`{"version":1}`)},
		Seed:       7,
		Backend:    "vm",
		Provenance: result.Provenance{Tool: "t", Kernel: "k", Key: "sha256:11"},
		Valid:      true,
		Metrics:    map[string]result.Metric{"http.latency.p99": {Value: 0.131, Unit: "s", Better: metric.Lower}},
		Counters:   map[string]map[string]int64{"web": {"TcpExt.TCPRenoRecovery": 412}},
		Timeline:   result.Timeline{Interval: 0.1, Series: map[string][]float64{"web.cpu.softirq": {0.01, 0.02, 0.03}}},
		Time:       result.Time{Measured: 30, Wall: 2.1},
	}
	seal(t, r)
	return r
}

func seal(t *testing.T, r *result.Record) {
	t.Helper()
	digest, err := r.ComputeDigest()
	require.NoError(t, err)
	r.Digest = digest
}

func TestDigestCoversWhatWasMeasured(t *testing.T) {
	base := made(t).Digest
	for name, change := range map[string]func(*result.Record){
		"metric":      func(r *result.Record) { r.Metrics["http.latency.p99"] = result.Metric{Value: 0.132, Unit: "s"} },
		"counter":     func(r *result.Record) { r.Counters["web"]["TcpExt.TCPRenoRecovery"]++ },
		"sample":      func(r *result.Record) { r.Timeline.Series["web.cpu.softirq"][2] = 0.031 },
		"validity":    func(r *result.Record) { r.Valid = false },
		"reason":      func(r *result.Record) { r.InvalidBecause.Add(result.HeldSocket, "node web", "held back 1 segment") },
		"seed":        func(r *result.Record) { r.Seed++ },
		"scenario":    func(r *result.Record) { r.Scenario.Hash = "sha256:01" },
		"virtual end": func(r *result.Record) { r.Time.Virtual = 31 },
	} {
		r := made(t)
		change(r)
		seal(t, r)
		require.NotEqual(t, base, r.Digest, name)
	}
}

func TestDigestLeavesOutTheHost(t *testing.T) {
	base := made(t).Digest
	r := made(t)
	r.Time.Wall, r.Provenance.QEMU, r.Provenance.Key, r.Backend = 99, "10.0.0", "sha256:22", "host"
	r.Provenance.Template, r.Provenance.Prepared = "sha256:33", "sha256:44"
	r.Scenario.Set = map[string]string{"seed": "1"}
	seal(t, r)
	require.Equal(t, base, r.Digest)
}

func TestCompareNamesTheFirstMomentFirst(t *testing.T) {
	a, b := made(t), made(t)
	require.Empty(t, result.Compare(a, b))

	b.Timeline.Series["web.cpu.softirq"][1] = 0.5
	b.Counters["web"]["TcpExt.TCPTimeouts"] = 3
	diff := result.Compare(a, b)
	require.Equal(t, []result.Difference{
		{Field: "timeline.web.cpu.softirq", Moment: 0.1, A: "0.02", B: "0.5"},
		{Field: "counters.web.TcpExt.TCPTimeouts", Moment: -1, A: "missing", B: "3"},
	}, diff)
}

func TestSaveAndRead(t *testing.T) {
	dir := t.TempDir()
	r := made(t)
	path, err := result.Save(dir, r)
	require.NoError(t, err)
	require.Equal(t, "made-up-7-"+result.Short(r.Digest)+".json", filepath.Base(path))

	back, err := result.Read(path)
	require.NoError(t, err)
	require.Empty(t, result.Compare(r, back))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays behind")
}

// A field that is added to the record must be left out where it has no value, or no
// record that was kept has the digest any more that it was kept with.
func TestReadARecordOfAnEarlyBuild(t *testing.T) {
	r, err := result.Read("testdata/early.json")
	require.NoError(t, err)
	require.Equal(t, "tiny-3-f11bc21e6378.json", result.FileName(r))
	require.Equal(t, "microvm, template 2e6bcec06738", r.Provenance.Machine)
	require.Empty(t, r.Provenance.Template)
	require.EqualValues(t, 184, r.Faults[0].Chosen)
}

// Reasons are objects; those of early builds, plain texts, stay what they are.
func TestReasons(t *testing.T) {
	const early, now = `["load[0] fell behind"]`,
		`[{"kind":"recorder-late","text":"2 s late"},{"kind":"held-socket","place":"node web","text":"1"}]`
	for text, want := range map[string]string{early: "load[0] fell behind", now: "2 s late; node web: 1"} {
		var r result.Reasons
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		require.Equal(t, want, r.String())
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(r))
		require.Equal(t, text+"\n", b.String())
	}
	for _, text := range []string{`[7]`, `["a]`, `{}`, `[{"kind":7}]`} {
		require.Error(t, json.Unmarshal([]byte(text), new(result.Reasons)), text)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	path, err := result.Save(dir, made(t))
	require.NoError(t, err)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)

	for name, tc := range map[string]struct{ text, want string }{
		"a record that was cut off":      {string(whole[:len(whole)/2]), "unexpected end of JSON input"},
		"a record that was edited":       {strings.Replace(string(whole), "412", "413", 1), "do not fit its digest"},
		"a record of a later schema":     {strings.Replace(string(whole), `"schema": 1`, `"schema": 9`, 1), "record has schema 9, this build reads 1"},
		"a later one with other types":   {`{"schema": 9, "seed": "x"}`, "record has schema 9, this build reads 1"},
		"a record without a schema":      {`{"seed": 7}`, "record has schema 0, and the first is 1"},
		"a field of the wrong type":      {strings.Replace(string(whole), `"seed": 7`, `"seed": "x"`, 1), ".json:"},
		"something else than a document": {"hello", ".json:1:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "r.json")
			require.NoError(t, os.WriteFile(p, []byte(tc.text), 0o600))
			_, err := result.Read(p)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
	_, err = result.Read(filepath.Join(dir, "missing.json"))
	require.Equal(t, problem.Usage, problem.KindOf(err))
}

func TestCheckDirRefusesAPlaceThatIsNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := result.CheckDir(filepath.Join(file, "runs"))
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
}

// A name in a record leads a file that is called after it out of no directory.
func TestNamesAreChecked(t *testing.T) {
	for _, name := range []string{"../evil", "/etc/passwd", "a/b", "..", ".hidden", "a\x00b", "a\nb",
		strings.Repeat("a", 65)} {
		r := made(t)
		r.Scenario.Name = name
		seal(t, r)
		b, err := result.Encode(r)
		require.NoError(t, err)
		_, err = result.Decode(b)
		require.ErrorContains(t, err, "is not a scenario's name", "%q", name)
		file := result.FileName(r)
		require.Equal(t, filepath.Base(file), file, "%q", name)
		require.True(t, filepath.IsLocal(file), "%q", name)
		require.NotContains(t, file, "/")
		require.False(t, strings.HasPrefix(file, "."), "%q", name)
	}
	require.Equal(t, "made-up-7-x.json", result.BaseName("made-up-7-x.json"))
	require.Equal(t, "-.-x-6.1+b.jsonl", result.BaseName("../x 6.1+b.jsonl"))
}

// What decoding takes is bounded by what a record may have.
func TestCheckSize(t *testing.T) {
	require.NoError(t, result.CheckSize([]byte(`{"a":1}`)))
	for name, b := range map[string]string{
		"bytes":   strings.Repeat(" ", result.MostBytes+1),
		"objects": strings.Repeat("{},", 100_001),
		"values":  strings.Repeat(`"a":1,`, 500_001),
	} {
		require.ErrorContains(t, result.CheckSize([]byte(b)), name)
		_, err := result.Decode([]byte(b))
		require.Error(t, err)
	}
}
