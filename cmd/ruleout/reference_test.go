package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
)

//go:generate go test -count=1 -run=^TestGeneratedReference$ -update .
//go:generate make -C ../.. --no-print-directory setup
//go:generate ../../docs/transcript.sh

// TestGeneratedReference makes docs/reference/command.md of what the commands say of themselves.
func TestGeneratedReference(t *testing.T) {
	var b strings.Builder
	fmt.Fprintln(&b, "# The command\n\n<!-- Made by make generate of what the program says with --help. -->")
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	for _, node := range parser.Model.Leaves(true) {
		fmt.Fprintf(&b, "\n## ruleout %s\n\n```\n%s```\n", node.Path(), help(t, node))
	}
	golden.Equal(t, "../../docs/reference/command.md", []byte(b.String()))
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
