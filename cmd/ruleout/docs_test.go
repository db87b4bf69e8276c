package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages returns the text of every page of the documentation by its path from the root of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		found[path] = string(text)
	}
	t.Chdir("../..")
	add("README.md")
	require.NoError(t, filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			add(path)
		}
		return err
	}))
	return found
}

var (
	yamlBlock   = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	exampleName = regexp.MustCompile(`^# ([a-z-]+\.yaml)\b`)
)

// TestExamplesOfDocsAreValid checks every YAML block of the documentation as ruleout check does. A block begins with
// a comment that names its file: campaigns name the file of their scenario.
func TestExamplesOfDocsAreValid(t *testing.T) {
	examples := 0
	for path, text := range pages(t) {
		page := map[string]string{}
		for _, block := range yamlBlock.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(block[1], "apiVersion: ") {
				continue // a manifest of Kubernetes: make lint checks it
			}
			name := exampleName.FindStringSubmatch(block[1])
			if !assert.NotNil(t, name, "%s: a block of YAML does not begin with \"# FILE.yaml\"", path) {
				continue
			}
			page[name[1]] = block[1]
			assert.NoError(t, validates(t, name[1], page), "%s: %s", path, name[1])
			examples++
		}
	}
	assert.GreaterOrEqual(t, examples, 3)
}

// example writes a YAML block of a guide into a file, by the name that its first line gives:
//
//	example from-tcpdump.md again.yaml
func example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: example GUIDE FILE")
	}
	text, err := os.ReadFile(filepath.Join(ts.Getenv("SCENARIOS"), "../docs/guides", args[0]))
	ts.Check(err)
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		if name := exampleName.FindStringSubmatch(block[1]); name != nil && name[1] == args[1] {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(block[1]), 0o600))
			return
		}
	}
	ts.Fatalf("%s has no %s", args[0], args[1])
}

// TestRowsOfDocsAreValid checks the tables whose last column is "in". The code at the start of the cell before it is
// keys of base.yaml, docs/guides/coming-from.md, at the place that the last cell names.
func TestRowsOfDocsAreValid(t *testing.T) {
	all := pages(t)
	base := yamlBlock.FindStringSubmatch(all["docs/guides/coming-from.md"])
	require.NotNil(t, base)
	rows := 0
	for path, text := range all {
		counts := false
		for line := range strings.Lines(text) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
			place := strings.TrimSpace(cells[len(cells)-1])
			switch {
			case !strings.HasPrefix(line, "|"):
				counts = false
			case place == "in":
				counts = true
			case counts && place != "" && !strings.HasPrefix(place, "-"):
				here := cells[len(cells)-2]
				scenario, err := put(base[1], place, code(here))
				if assert.NoError(t, err, "%s: %s", path, line) {
					assert.NoError(t, validates(t, "row.yaml", map[string]string{"row.yaml": scenario}), "%s: %s", path, line)
					rows++
				}
			}
		}
	}
	assert.GreaterOrEqual(t, rows, 60)
}

// code returns the first code of a cell.
func code(cell string) string {
	_, after, _ := strings.Cut(cell, "`")
	found, _, _ := strings.Cut(after, "`")
	return found
}

// put puts keys into the scenario at a place.
func put(base, place, keys string) (string, error) {
	var at, with string
	switch place {
	case "fault":
		at, with = "[client, web], do: watch}", "[client, web], "+keys+"}"
	case "link":
		at, with = "[client, web], delay: 10ms}", "[client, web], "+keys+"}"
	case "http":
		at, with = "http: {rate: 20/s}", "http: {"+keys+"}"
		if !strings.Contains(keys, "rate:") {
			with = "http: {rate: 20/s, " + keys + "}"
		}
	case "load":
		base = strings.Replace(base, "web: {service: {", "web: {service: {udp: {}, bulk: {}, ", 1)
		at, with = "load:\n", "load:\n  - {from: client, to: web, "+keys+"}\n"
	case "node":
		at, with = "web: {service:", "web: {"+keys+", service:"
	case "php":
		at, with = "database: db, request: {queries: 1}}", "database: db, "+keys+"}"
	case "router":
		at, with = "  db: {", "  edge: {"+keys+"}\n  db: {"
	case "machine":
		at, with = "duration: 5s", "duration: 5s\nmachine: {"+keys+"}"
	case "expect":
		at, with = "http.errors == 0", keys
	default:
		return "", fmt.Errorf("unknown place %q", place)
	}
	if keys == "" || strings.Count(base, at) != 1 {
		return "", fmt.Errorf("put %q in place of %q: there are %d", keys, at, strings.Count(base, at))
	}
	return strings.Replace(base, at, with, 1), nil
}

// validates checks one of some files. Beside them stands node.yaml, the scenario that the guide to campaigns supposes:
// the one of the incident, whose first fault is called acks.
func validates(t *testing.T, name string, files map[string]string) error {
	t.Helper()
	dir := t.TempDir()
	node, err := os.ReadFile("scenarios/incident/node.yaml")
	require.NoError(t, err)
	node = bytes.Replace(node, []byte("name: requests"), []byte("name: acks"), 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "node.yaml"), node, 0o600))
	for file, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	_, err = new(checkCmd).check(filepath.Join(dir, name))
	return err
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	// generated pages say so in their first comment.
	generated = regexp.MustCompile(`<!-- (Generated|Made by make generate)`)
)

// anchors are the names that GitHub gives to the headings of a page.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		found[strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return found
}

// TestLinksOfDocsLeadSomewhere follows every link from a page to a file of the repository, and to a heading of it.
func TestLinksOfDocsLeadSomewhere(t *testing.T) {
	links := 0
	for path, text := range pages(t) {
		for _, l := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			links++
			file, anchor, named := strings.Cut(l[1], "#")
			to := path
			if file != "" {
				to = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(to); !assert.NoError(t, err, "%s: %s", path, l[1]) || !named {
				continue
			}
			target, err := os.ReadFile(to)
			require.NoError(t, err)
			assert.Contains(t, anchors(string(target)), anchor, "%s: %s", path, l[1])
		}
	}
	assert.Greater(t, links, 100)
}

// TestLinesOfDocsFit holds prose to 120 columns. Tables have a row a line, code has the lines of its output, and
// generated pages have their words elsewhere.
func TestLinesOfDocsFit(t *testing.T) {
	for path, text := range pages(t) {
		if generated.MatchString(text) {
			continue
		}
		for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
			line = strings.TrimSuffix(line, "\n")
			assert.True(t, strings.HasPrefix(line, "|") || utf8.RuneCountInString(line) <= 120, "%s: %s", path, line)
		}
	}
}
