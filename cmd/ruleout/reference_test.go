package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
)

//go:generate go test -count=1 -run=^TestGeneratedReference$ -update .
//go:generate make -C ../.. --no-print-directory setup
//go:generate ../../docs/transcript.sh
//go:generate ../../docs/explain.sh

// TestGeneratedReference makes docs/reference/command, an index and a page for each command, from the help of the
// program.
func TestGeneratedReference(t *testing.T) {
	const dir, made = "../../docs/reference/command/", "<!-- Made by make generate from the output of --help. -->"
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	var index strings.Builder
	fmt.Fprintf(&index, "# The command\n\n%s\n\n| command | what it does |\n|---|---|\n", made)
	pages := []string{"README.md"}
	for _, node := range parser.Model.Leaves(true) {
		page := strings.ReplaceAll(node.Path(), " ", "-") + ".md"
		pages = append(pages, page)
		fmt.Fprintf(&index, "| [`ruleout %s`](%s) | %s |\n", node.Path(), page, node.Help)
		golden.Equal(t, dir+page, fmt.Appendf(nil, "# ruleout %s\n\n%s\n\n```\n%s```\n\n[All commands](README.md)\n",
			node.Path(), made, help(t, node)))
	}
	golden.Equal(t, dir+"README.md", []byte(index.String()))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, pages, names, "a page of a command that is gone")
}

func help(t *testing.T, node *kong.Node) string {
	t.Helper()
	t.Setenv("COLUMNS", "80") // what it is wrapped at
	var out bytes.Buffer
	parser, err := newParser(new(cli), &ui{out: &out, err: io.Discard})
	require.NoError(t, err)
	parser.Exit = func(int) { panic("helped") } // kong goes on parsing otherwise
	require.PanicsWithValue(t, "helped", func() {
		_, _ = parser.Parse(append(strings.Fields(node.Path()), "--help"))
	})
	return out.String()
}

// TestEveryCommandHasExamples keeps the help complete.
func TestEveryCommandHasExamples(t *testing.T) {
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	for _, node := range parser.Model.Leaves(true) {
		require.Contains(t, node.Detail, "Examples:\n\n  ruleout "+node.Path(), node.Path())
	}
}
