package mutant

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const source = `package small

import "fmt"

// Most is a bound.
const Most = 5

// Clamp bounds a number.
func Clamp(n int) int {
	if n > Most {
		return Most
	}
	return max(n, 0)
}

// Between is a-b, and says so.
func Between(a, b int, loud bool) int {
	if loud {
		fmt.Println("between", a, b)
		note(a, b)
	}
	return a - b
}

func note(from, to int) { last = from*10 + to }

var last int

// Never is called by no test.
func Never(s string) string {
	return s + "!"
}

// Loop comes to an end.
func Loop(n int) (sum int) {
	for i := 0; i < n; i++ {
		sum += i
	}
	return sum
}
`

const tests = `package small

import (
	"testing"
	"time"
)

func TestSlow(t *testing.T) {
	time.Sleep(1100 * time.Millisecond)
	if Loop(4) != 6 {
		t.Fatal("loop")
	}
}

func TestAll(t *testing.T) {
	if Clamp(7) != 5 || Clamp(3) != 3 || Clamp(-1) != 0 {
		t.Fatal("clamp")
	}
	if Between(7, 3, true) != 4 {
		t.Fatal("between")
	}
}
`

// at is where a text is in the source, and its line.
func at(text string) (offset, line int) {
	before, _, _ := strings.Cut(source, text)
	return len(before), 1 + strings.Count(before, "\n")
}

// module writes a module with one package, small.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.org/small\n\ngo 1.24\n", "small/small.go": source,
		"small/small_test.go": tests} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

func TestFind(t *testing.T) {
	list, err := Find(module(t), Target{Dir: "small"})
	require.NoError(t, err)
	var keys []string
	for i := range list {
		keys = append(keys, strings.TrimPrefix(list[i].Key(), "small/small.go "))
		text := string(list[i].apply([]byte(source)))
		require.NotEqual(t, source, text)
		require.Equal(t, strings.Count(source, "\n"), strings.Count(text, "\n"))
	}
	require.Equal(t, []string{
		"- constant: 5 → 6",
		"Clamp boundary: n > Most → n >= Most", "Clamp negation: n > Most → n <= Most",
		"Clamp arithmetic: max(n, 0) → min(n, 0)", "Clamp dropped: max(n, 0) → n", "Clamp constant: 0 → 1",
		`Between dropped: fmt.Println("between", a, b) → nothing`, "Between dropped: note(a, b) → nothing",
		"Between swapped: note(a, b) → note(b, a)",
		"Between arithmetic: a - b → a + b",
		"note arithmetic: from*10 + to → from*10 - to", "note arithmetic: from*10 → from/10", "note constant: 10 → 11",
		"Loop constant: 0 → 1", "Loop boundary: i < n → i <= n", "Loop negation: i < n → i >= n",
		"Loop arithmetic: i++ → i--", "Loop arithmetic: sum += i → sum -= i",
	}, keys)

	list, err = Find(module(t), Target{Dir: "small", Files: []string{"small.go"},
		Except: []string{"Clamp", "Between", "note", "Loop"}})
	require.NoError(t, err)
	require.Len(t, list, 1)
	list, err = Find(module(t), Target{Dir: "small", Files: []string{"other.go"}})
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestTry(t *testing.T) {
	root := module(t)
	target := Target{Dir: "small"}
	list, err := Find(root, target)
	require.NoError(t, err)
	want := map[string]Status{
		"Clamp boundary: n > Most → n >= Most": Survived, // 5 is 5 either way
		"Clamp dropped: max(n, 0) → n":         Killed,
		"note constant: 10 → 11":               Survived,
		"Between arithmetic: a - b → a + b":    Killed,
		"Loop constant: 0 → 1":                 Survived, // 0 adds nothing
		"Loop negation: i < n → i >= n":        Killed,   // by the slow test
	}
	list = slices.DeleteFunc(list, func(m Mutant) bool { return want[strings.TrimPrefix(m.Key(), m.File+" ")] == "" })
	require.Len(t, list, len(want))
	// One that does not compile, and one that no test reaches.
	bad, never := list[0], list[0]
	offset, _ := at("n > Most")
	bad.To, bad.edits = "bad", []edit{{offset, offset + 1, "unknown"}}
	offset, never.Line = at(`"!"`)
	never.To, never.edits = "never", []edit{{offset + 1, offset + 2, "?"}}
	list = append(list, bad, never)
	want["Clamp boundary: n > Most → bad"], want["Clamp boundary: n > Most → never"] = Unviable, Uncovered
	if !testing.Short() { // one that does not end, which takes 10 s
		loop := list[0]
		offset, loop.Line = at("i++")
		loop.To, loop.body, loop.edits = "loop", body{}, []edit{{offset, offset + 3, "i--"}} // compiled by itself
		list = append(list, loop)
		want["Clamp boundary: n > Most → loop"] = TimedOut
	}

	told := 0
	lab := Lab{Root: root, Workers: 2, Tell: func(Outcome) { told++ }}
	outcomes, err := lab.Try(t.Context(), target, list, "sum")
	require.NoError(t, err)
	got := map[string]Status{}
	known := map[string]Outcome{}
	for _, o := range outcomes {
		got[strings.TrimPrefix(o.Key, "small/small.go ")] = o.Status
		known[o.Key] = o
	}
	require.Equal(t, want, got)
	require.Equal(t, len(want), told)
	left, err := os.ReadFile(filepath.Join(root, "small/small.go"))
	require.NoError(t, err)
	require.Equal(t, source, string(left), "no file is touched")

	// What counts, and what has no excuse.
	excuses, err := ParseExcuses("# why\nsmall/small.go Clamp boundary: n > Most → n >= Most\n  the bound is the bound\n" +
		"small/small.go Clamp dropped: max(n, 0) → n\n  no\nsmall/small.go Gone constant: 1 → 2\n  no\nother.go x: y\n  no\n")
	require.NoError(t, err)
	tally := Count(target, list, known, excuses)
	require.Equal(t, []int{len(list), len(list) - 1, 1, len(list) - 5},
		[]int{tally.Found, tally.Tried, tally.Unviable, tally.Killed})
	require.InDelta(t, float64(len(list)-5)/float64(len(list)-1), tally.Share(), 1e-9)
	require.Len(t, tally.Excused, 1)
	require.Len(t, tally.Bare, 3)
	require.Equal(t, []string{"small/small.go Gone constant: 1 → 2"}, tally.Stale)
	require.Equal(t, []string{"small/small.go Clamp dropped: max(n, 0) → n"}, tally.Mended)
	require.False(t, tally.Good())

	// Tests that fail anyway say nothing of mutants.
	require.NoError(t, os.WriteFile(filepath.Join(root, "small/more_test.go"),
		[]byte("package small\n\nimport \"testing\"\n\nfunc TestNo(t *testing.T) { t.Fatal(\"no\") }\n"), 0o644))
	_, err = lab.Try(t.Context(), target, list, "sum")
	require.ErrorContains(t, err, "tests of small fail without any change")
}

func TestGood(t *testing.T) {
	for _, c := range []struct {
		tally Tally
		good  bool
	}{
		{Tally{Tried: 10, Killed: 9}, true},
		{Tally{Tried: 100, Killed: 89}, false},
		{Tally{Tried: 10, Killed: 9, Bare: []Outcome{{}}}, false},
		{Tally{Tried: 10, Killed: 10, Stale: []string{""}}, false},
		{Tally{Tried: 10, Killed: 10, Mended: []string{""}}, true},
	} {
		require.Equal(t, c.good, c.tally.Good(), c.tally)
	}
}

// The same mutants are drawn whatever else there is, and others with another seed.
func TestChoose(t *testing.T) {
	var list []Mutant
	for i := range 100 {
		list = append(list, Mutant{File: "a.go", Operator: Constant, From: "1", To: "2", Nth: i + 1})
	}
	keys := func(list []Mutant) (keys []string) {
		for i := range list {
			keys = append(keys, list[i].Key())
		}
		return keys
	}
	ten := keys(Choose(list, 1, 10))
	require.Len(t, ten, 10)
	require.Equal(t, ten, keys(Choose(slices.Clone(list), 1, 10)))
	slices.Reverse(list)
	require.Equal(t, ten, keys(Choose(list, 1, 10)))
	require.NotEqual(t, ten, keys(Choose(list, 2, 10)))
	require.Len(t, Choose(list, 1, 0), 100)
	most := keys(Choose(list, 1, 20))
	require.Equal(t, ten, most[:10], "more are the same and others")
}

func TestExcuses(t *testing.T) {
	for text, want := range map[string]string{
		"a.go x\nb.go y\n  why\n":       "survivors.txt:2: no reason for a.go x",
		"a.go x\n":                      "survivors.txt: no reason for a.go x",
		"  why\n":                       "survivors.txt:1: a reason without a mutant",
		"a.go x\n  why\na.go x\n  no\n": "survivors.txt:3: a.go x is there twice",
	} {
		_, err := ParseExcuses(text)
		require.EqualError(t, err, want)
	}
	list, err := ParseExcuses("# text\n\na.go x\n  one\n\ttwo\nb.go y\n  three\n")
	require.NoError(t, err)
	require.Equal(t, Excuses{"a.go x": "one two", "b.go y": "three"}, list)
	_, err = Listed()
	require.NoError(t, err)
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outcomes.jsonl")
	list, err := Read(path)
	require.NoError(t, err)
	require.Empty(t, list)
	require.NoError(t,
		os.WriteFile(path,
			[]byte("{\"key\":\"a\",\"status\":\"survived\"}\n{\"key\":\"a\",\"status\":\"killed\"}\n{\"key\":\"b\",\"sta"),
			0o644))
	list, err = Read(path)
	require.NoError(t, err)
	require.Equal(t, map[string]Outcome{"a": {Key: "a", Status: Killed}}, list)
}
