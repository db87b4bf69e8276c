package validate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/selftest/validate"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// A case is head, its name and some keys, body and what it expects.
const head = `version: 1
name: `

const body = `
duration: 1s
nodes: {client: , web: {service: {php: {}}}}
links: [{between: [client, web]}]
`

// write makes files in a new directory and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestCasesSayWhereTheirNumbersComeFrom(t *testing.T) {
	const expect = "expect: [web.Tcp.RetransSegs == 0]\n"
	for _, c := range []struct {
		what  string
		files map[string]string
		want  string
	}{
		{"no source", map[string]string{"a.yaml": head + "a" + body + expect}, "a.yaml: no source"},
		{"nothing expected", map[string]string{"a.yaml": head + "a\nsource: RFC 1" + body}, "a.yaml: nothing is expected"},
		{"a name twice", map[string]string{
			"a.yaml": head + "a\nsource: RFC 1" + body + expect, "b.yaml": head + "a\nsource: RFC 1" + body + expect},
			"b.yaml: a second case called a"},
		{"no files", nil, "no scenarios"},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := validate.Load([]string{write(t, c.files)})
			require.ErrorContains(t, err, c.want)
			require.Equal(t, problem.Usage, problem.KindOf(err))
			require.NotEmpty(t, problem.HintOf(err))
		})
	}
	_, err := validate.Load([]string{"testdata/no-such-file.yaml"})
	require.Equal(t, problem.Usage, problem.KindOf(err))
}

// world makes runs that end as a test says, by the names of the kernel and the scenario.
type world func(kernel, name string) (*result.Record, error)

func (w world) Run(_ context.Context, arm *campaign.Arm, _ uint64) (*result.Record, error) {
	return w(arm.Kernel, arm.Scenario.Name)
}

func met(values ...float64) *result.Record {
	r := &result.Record{Valid: true}
	for _, v := range values {
		r.Expect = append(r.Expect, result.Expectation{Expr: "web.Tcp.RetransSegs == 3", OK: v == 3, Value: v})
	}
	return r
}

// table is five cases on two kernels that differ, each in its own way.
func table(t *testing.T) *validate.Table {
	t.Helper()
	const expect = "expect: [web.Tcp.RetransSegs == 3, web.Tcp.OutRsts == 3]\n"
	cases, err := validate.Load([]string{write(t, map[string]string{
		"agrees.yaml": "# Where kernels differ from a book. Some are\n# green.\n#\n# Others.\n" + head +
			"agrees\nsource: RFC 1, 2\nabout: One thing." + body + expect,
		"disagrees.yaml": head + "disagrees\nsource: a | b\nabout: Another thing." + body + expect,
		"invalid.yaml":   head + "invalid\nsource: RFC 4\nabout: A third thing." + body + expect,
		"lost.yaml":      head + "lost\nsource: RFC 5\nabout: A fourth thing." + body + expect,
		"new.yaml":       head + "new\nsource: RFC 6\nsince: 6.5\nabout: A fifth thing." + body + expect,
	})})
	require.NoError(t, err)
	require.Len(t, cases, 5)
	runs := world(func(kernel, name string) (*result.Record, error) {
		switch kernel + " " + name {
		case "old new":
			t.Error("a case of 6.5 ran on 6.1")
		case "old lost":
			return nil, problem.Wrap(problem.Machine, errors.New("QEMU died"), "buy another")
		case "recent disagrees":
			return met(3, 4), nil
		case "recent invalid":
			r := met(3, 3)
			r.Valid, r.InvalidBecause = false,
				result.Reasons{{Kind: result.FaultDidNotAct, Place: "fault f", Text: "the fault never acted"}}
			return r, nil
		}
		return met(3, 3), nil
	})
	var told int
	got, err := validate.Run(t.Context(), cases, []validate.Kernel{{Name: "old", Release: "6.1.0-48-cloud-amd64"},
		{Name: "recent", Release: "6.12.95+deb12-cloud-amd64"}},
		validate.Options{Runner: runs, Seed: 1, Jobs: 3, Each: func(validate.Case, validate.Kernel, *validate.Outcome) {
			told++
		}})
	require.NoError(t, err)
	require.Equal(t, 10, told)
	for _, r := range got.Rows {
		r.File = filepath.Base(r.File)
	}
	return got
}

func TestVerdicts(t *testing.T) {
	want := map[string]validate.Verdict{"agrees": validate.Agrees, "disagrees": validate.Disagrees,
		"invalid": validate.Invalid, "lost": validate.Failed, "new": validate.Agrees}
	got := table(t)
	for _, r := range got.Rows {
		require.Equal(t, want[r.Name], r.Verdict(), r.Name)
	}
	require.Equal(t, validate.LeftOut, got.Rows[4].Outcomes[0].Verdict)
	require.Empty(t, got.Rows[3].Outcomes[0].Records())
	require.Len(t, got.Rows[0].Outcomes[0].Records(), 1)
}

func TestTables(t *testing.T) {
	got := table(t)
	var text, page bytes.Buffer
	require.NoError(t, got.Text(&text))
	require.NoError(t, got.Markdown(&page, "make validate", "../scenarios/validate"))
	for name, b := range map[string]*bytes.Buffer{"table.txt": &text, "table.md": &page} {
		golden.Equal(t, filepath.Join("testdata", name), b.Bytes())
	}
}

func TestCancelEndsIt(t *testing.T) {
	cases, err := validate.Load([]string{write(t,
		map[string]string{"a.yaml": head + "a\nsource: RFC 1" + body + "expect: [web.Tcp.RetransSegs == 0]\n"})})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = validate.Run(ctx, cases, []validate.Kernel{{Release: "6.1.0"}},
		validate.Options{Jobs: 1, Runner: world(func(_, _ string) (*result.Record, error) {
			cancel()
			return nil, context.Canceled
		})})
	require.ErrorIs(t, err, context.Canceled)
	_, err = validate.Run(t.Context(), nil, nil, validate.Options{Jobs: 1})
	require.Error(t, err)
}

func TestShort(t *testing.T) {
	for release, want := range map[string]string{
		"6.1.0-48-cloud-amd64": "6.1", "6.12.95+deb12-cloud-amd64": "6.12", "7.2-rc1": "7.2",
		"7.2.13+deb14-amd64": "7.2", "odd": "odd",
	} {
		require.Equal(t, want, validate.Short(release))
	}
}

func TestBreak(t *testing.T) {
	const expect = "expect: [web.Tcp.RetransSegs == 3]\n"
	dir := write(t, map[string]string{
		"a.yaml": head + "a\nsource: RFC 1" + body + expect, "b.yaml": head + "b\nsource: RFC 1" + body + expect,
		"good.txt": "# a comment\n\na: duration=2s\nb: duration=3s\n", "half.txt": "a: duration=2s\n",
		"odd.txt": "c: duration=2s\n", "wrong.txt": "a: duration=2\nb: duration=3s\n",
	})
	cases, err := validate.Load([]string{dir})
	require.NoError(t, err)
	broken, err := validate.Break(filepath.Join(dir, "good.txt"), cases)
	require.NoError(t, err)
	require.Len(t, broken, 2)
	require.Equal(t, "duration=2s", broken[0].Change)
	require.NotEqual(t, cases[0].Scenario.Hash(), broken[0].Scenario.Hash())
	for file, want := range map[string]string{"half.txt": "nothing breaks the case b", "odd.txt": ":1: no case and change",
		"wrong.txt": ":1: ", "none.txt": "no such file"} {
		_, err := validate.Break(filepath.Join(dir, file), cases)
		require.ErrorContains(t, err, want)
		require.Equal(t, problem.Usage, problem.KindOf(err))
	}

	// One fails, as it must; the other agrees with anything.
	table, err := validate.Run(t.Context(), broken, []validate.Kernel{{Release: "6.1.0"}},
		validate.Options{Jobs: 1, Runner: world(func(_, name string) (*result.Record, error) {
			if name == "a" {
				return met(4), nil
			}
			return met(3), nil
		})})
	require.NoError(t, err)
	require.Equal(t, []string{"b on 6.1, with duration=3s"}, table.Missed())
}

// Each case of this repository has something that breaks it.
func TestEveryCaseCanBeBroken(t *testing.T) {
	cases, err := validate.Load([]string{"../../../scenarios/validate"})
	require.NoError(t, err)
	broken, err := validate.Break("../../../scenarios/validate/broken.txt", cases)
	require.NoError(t, err)
	require.Len(t, broken, len(cases))
}

// The cases of this repository can be read, and each of them says something.
func TestTheCasesOfThisRepository(t *testing.T) {
	cases, err := validate.Load([]string{"../../../scenarios/validate"})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(cases), 20)
	for _, c := range cases {
		require.NotEmpty(t, c.Scenario.About, c.Path)
		require.Equal(t, c.Scenario.Name+".yaml", filepath.Base(c.Path))
	}
}
