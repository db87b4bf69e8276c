package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// otherFormats are the commands without --format json, and why.
var otherFormats = map[string]string{
	"completion": "prints a script for a shell",
	"complete":   "prints what these scripts read",
	"schema":     "prints JSON, a schema, and nothing else",
}

// TestEveryCommandPrintsJSON walks the command line, hidden commands included: each has --format with json, and a row
// about what it prints in docs/reference/json.md.
func TestEveryCommandPrintsJSON(t *testing.T) {
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/reference/json.md")
	require.NoError(t, err)
	var other []string
	for _, leaf := range parser.Model.Leaves(false) {
		i := slices.IndexFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "format" })
		json := i >= 0 && slices.Contains(leaf.Flags[i].EnumSlice(), formatJSON)
		if otherFormats[leaf.Path()] != "" {
			assert.False(t, json, "%s is no exception any more", leaf.Path())
			other = append(other, leaf.Path())
			continue
		}
		assert.True(t, json, "%s has no --format json", leaf.Path())
		if !leaf.Hidden {
			assert.Contains(t, string(page), "\n| `"+leaf.Path()+"` | ", "what it prints is not documented")
		}
	}
	assert.Len(t, other, len(otherFormats), "exceptions for commands that are gone")
	for line := range strings.Lines(string(page)) {
		if path, row := strings.CutPrefix(line, "| `"); row {
			path, _, _ = strings.Cut(path, "`")
			assert.True(t, slices.ContainsFunc(parser.Model.Leaves(true), func(n *kong.Node) bool { return n.Path() == path }),
				"there is no ruleout %s", path)
		}
	}
}
