package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
)

//go:generate go test -count=1 -run=^TestGeneratedIndexForPrograms$ -update .

const llms = "../../llms.txt"

// TestGeneratedIndexForPrograms makes the list of commands in llms.txt.
func TestGeneratedIndexForPrograms(t *testing.T) {
	const begin, end = "\n## Commands\n", "\n## Guides\n"
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	text, err := os.ReadFile(llms)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	var list strings.Builder
	for _, leaf := range parser.Model.Leaves(true) {
		link := fmt.Sprintf("- [ruleout %s](docs/reference/command/%s.md): ", leaf.Path(),
			strings.ReplaceAll(leaf.Path(), " ", "-"))
		if len(link)+len(leaf.Help) > 120 {
			link = strings.TrimSuffix(link, " ") + "\n  "
		}
		fmt.Fprintf(&list, "%s%s\n", link, leaf.Help)
	}
	golden.Equal(t, llms, before+begin+"\n"+list.String()+end+after)
}

// TestIndexForProgramsIsTrue looks for each file and command that llms.txt names, and for each exit status.
func TestIndexForProgramsIsTrue(t *testing.T) {
	text, err := os.ReadFile(llms)
	require.NoError(t, err)
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(links), 40)
	for _, link := range links {
		_, err := os.Stat("../../" + link[1])
		assert.NoError(t, err)
	}
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	commands := regexp.MustCompile("`ruleout ([^`]+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(commands), 5)
	for _, c := range commands {
		assert.True(t, has(parser.Model.Node, strings.Fields(c[1])), "there is no ruleout %s", c[1])
	}
	for _, status := range []int{0, 1, 2, 3, 4, exitInterrupted} {
		assert.Regexp(t, fmt.Sprintf(`\b%d\s+[a-z]`, status), string(text))
	}
}

// has says whether there is a command with the flags of a command line.
func has(node *kong.Node, words []string) bool {
	leaf := false
	for _, word := range words {
		switch {
		case strings.HasPrefix(word, "--"):
			found := false
			for _, f := range node.Flags {
				found = found || word == "--"+f.Name
			}
			if !found {
				return false
			}
		case !leaf:
			var next *kong.Node
			for _, c := range node.Children {
				if c.Name == word {
					next = c
				}
			}
			if next == nil {
				return false
			}
			node, leaf = next, len(next.Children) == 0
		}
	}
	return leaf
}
