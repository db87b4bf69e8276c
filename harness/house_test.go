package harness_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
)

const module = "github.com/ruleout/ruleout/"

// wings in their order: a package imports its own wing and those before it.
var wings = []string{"base", "scenario", "record", "run", "machine", "verdict", "report", "selftest", "cmd"}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath, Doc  string
	GoFiles, Imports []string
}

// wing is the place of a package's wing, or -1.
func wing(path string) int {
	path, ours := strings.CutPrefix(path, module)
	if !ours {
		return -1
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "harness/"), "/")
	return slices.Index(wings, name)
}

// packages lists the packages of the repository, without those that only tests import.
func packages(t *testing.T) (list []goPackage) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,GoFiles,Imports", "./harness/...", "./cmd/...")
	cmd.Dir = golden.Repository(t, ".")
	out, err := cmd.Output()
	require.NoError(t, err)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		// Programs that scenarios run are no part of the harness.
		if len(p.GoFiles) > 0 && !strings.HasSuffix(p.ImportPath, "test") && p.ImportPath != module+"harness" &&
			p.ImportPath != module+"harness/base/golden" && !strings.HasPrefix(p.ImportPath, module+"scenarios/") {
			list = append(list, p)
		}
	}
}

// TestWings holds the imports of all packages against the order of the wings. The linter does so file by file; this one
// also sees a wing that is new.
func TestWings(t *testing.T) {
	for _, p := range packages(t) {
		from := wing(p.ImportPath)
		require.GreaterOrEqual(t, from, 0, "%s is in no wing", p.ImportPath)
		require.NotEmpty(t, p.Doc, "%s has no documentation", p.ImportPath)
		for _, imported := range p.Imports {
			require.LessOrEqual(t, wing(imported), from, "%s imports %s", p.ImportPath, imported)
		}
	}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	folders := 0
	for _, e := range entries {
		if e.IsDir() {
			folders++
			require.FileExists(t, filepath.Join(e.Name(), "doc.go"))
		}
	}
	require.LessOrEqual(t, folders, 10)
}

// TestPlacesExist looks up each place that the table "I want to add" names.
func TestPlacesExist(t *testing.T) {
	text, err := os.ReadFile(golden.Repository(t, "docs/architecture/README.md"))
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "## I want to add")
	table, _, _ = strings.Cut(table, "## Words")
	places := regexp.MustCompile("`([a-z]+/[a-zA-Z/.]+)`").FindAllStringSubmatch(table, -1)
	require.Greater(t, len(places), 20)
	for _, p := range places {
		_, inHarness := os.Stat(p[1])
		_, inRoot := os.Stat(golden.Repository(t, p[1]))
		require.True(t, inHarness == nil || inRoot == nil, "there is no %s", p[1])
	}
}

//go:generate go test -count=1 -run=^TestMap$ -update .

// TestMap keeps the picture and the list of packages in docs/architecture/README.md as go list has them.
func TestMap(t *testing.T) {
	const begin, end = "<!-- map, written by go test ./harness -update -->\n", "<!-- end of map -->\n"
	path := golden.Repository(t, "docs/architecture/README.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	golden.Equal(t, path, before+begin+drawn(packages(t))+end+after)
}

// drawn is the picture as a Mermaid flowchart, with the number of imports on each arrow, and the packages by wing.
func drawn(list []goPackage) string {
	arrows := map[[2]int]int{}
	rooms := make([][]string, len(wings))
	for _, p := range list {
		from := wing(p.ImportPath)
		name := strings.TrimPrefix(p.ImportPath, module)
		first, _, _ := strings.Cut(strings.Join(strings.Fields(p.Doc), " "), ". ")
		first = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(first, "Package "), "Command "), ".")
		_, says, _ := strings.Cut(first, " ")
		rooms[from] = append(rooms[from], fmt.Sprintf("| [`%s`](../../%s) | %s |", strings.TrimPrefix(name, "harness/"), name,
			strings.ReplaceAll(says, "|", "\\|")))
		for _, imported := range p.Imports {
			if to := wing(imported); to >= 0 && to != from {
				arrows[[2]int{from, to}]++
			}
		}
	}
	var b strings.Builder
	b.WriteString("\n```mermaid\nflowchart RL\n")
	for _, name := range wings {
		fmt.Fprintf(&b, "  %s\n", name)
	}
	for _, a := range slices.SortedFunc(maps.Keys(arrows), func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) }) {
		fmt.Fprintf(&b, "  %s -->|%d| %s\n", wings[a[0]], arrows[a], wings[a[1]])
	}
	b.WriteString("```\n")
	for i, name := range wings {
		fmt.Fprintf(&b, "\n**%s**\n\n| package | what it is |\n|---|---|\n%s\n", name, strings.Join(rooms[i], "\n"))
	}
	return b.String() + "\n"
}
