package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/cmd/ruleout/manual"
)

// manualOf returns the pages of the program, by name.
func manualOf(t *testing.T) (map[string]string, *kong.Node) {
	t.Helper()
	parser, err := newParser(new(cli), &ui{out: io.Discard, err: io.Discard})
	require.NoError(t, err)
	pages := map[string]string{}
	edition := manual.Edition{Command: "ruleout", Version: "1.2.3", Date: "2026-11-25"}
	for _, p := range manual.Pages(parser.Model.Node, edition) {
		pages[p.Name] = p.Text
	}
	return pages, parser.Model.Node
}

// TestManualHasAPageForEachCommand looks for the page of each command, its flags in it, and the way to it from above.
func TestManualHasAPageForEachCommand(t *testing.T) {
	pages, app := manualOf(t)
	plain := strings.NewReplacer(`\-`, "-").Replace
	for _, leaf := range app.Leaves(true) {
		name := strings.ReplaceAll(leaf.FullPath(), " ", "-")
		page := plain(pages[name+".1"])
		require.NotEmpty(t, page, name)
		for _, f := range leaf.Flags {
			assert.Equal(t, !f.Hidden, strings.Contains(page, "--"+f.Name), "%s of %s", f.Name, name)
		}
		assert.Contains(t, page, "\n.SH EXAMPLES\n.EX\nruleout "+leaf.Path(), name)
		above := plain(pages[strings.ReplaceAll(leaf.Parent.FullPath(), " ", "-")+".1"])
		assert.Contains(t, above, ".BR "+name+" (1)\n")
	}
	for name, page := range pages {
		assert.NotContains(t, page, "${", name)
		for line := range strings.Lines(page) {
			for _, r := range line {
				assert.Less(t, r, rune(0x80), "%s: %s", name, line)
			}
		}
	}
	assert.NotContains(t, pages, "ruleout-soak.1", "a hidden command")
}

// TestManualIsReadByItsReaders has man and mandoc, where they are installed, print each page, which they do without a
// word of warning.
func TestManualIsReadByItsReaders(t *testing.T) {
	pages, _ := manualOf(t)
	dir := t.TempDir()
	for name, text := range pages {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	for _, reader := range [][]string{{"man", "--warnings", "-l"}, {"mandoc", "-T", "lint", "-W", "style"}} {
		t.Run(reader[0], func(t *testing.T) {
			if _, err := exec.LookPath(reader[0]); err != nil {
				t.Skipf("%s is not installed", reader[0])
			}
			for name := range pages {
				cmd := exec.Command(reader[0], append(reader[1:], filepath.Join(dir, name))...)
				cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
				var said strings.Builder
				cmd.Stderr = &said
				if reader[0] == "mandoc" {
					cmd.Stdout = &said
				}
				assert.NoError(t, cmd.Run(), name)
				for line := range strings.Lines(said.String()) {
					// An example is a line, since it is to be pasted.
					assert.Contains(t, line, "input text line longer than 80 bytes: ruleout ", name)
				}
			}
		})
	}
}
