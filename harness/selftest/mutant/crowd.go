package mutant

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// which is the variable of the environment that says which of the mutants in a program is alive, from 1.
const which = "RULEOUT_MUTANT"

// crowd is the source of a package in which many mutants are at once: each function has a body for each of its mutants
// and its own, and runs the one that the environment asks for. So they are compiled once.
type crowd struct {
	files map[string][]byte // by path
	in    map[int]bool      // which of the list are in it
}

// newCrowd puts as many mutants together as it can. Those outside of functions, and in functions with labels, have to
// be compiled by themselves.
func newCrowd(l *loaded, list []Mutant) *crowd {
	c := &crowd{files: map[string][]byte{}, in: map[int]bool{}}
	type place struct {
		path string
		body body
	}
	bodies := map[place][]int{}
	for i := range list {
		if m := &list[i]; m.body.to > 0 {
			at := place{filepath.Join(l.Dir, filepath.Base(m.File)), m.body}
			bodies[at] = append(bodies[at], i)
			c.in[i] = true
		}
	}
	// From the last one of a file to the first, so that offsets stay true.
	for _, at := range slices.SortedFunc(maps.Keys(bodies),
		func(a, b place) int { return cmp.Compare(b.body.from, a.body.from) }) {
		source := l.sources[at.path]
		var b strings.Builder
		b.WriteString("{\nswitch ruleoutMutant {\n")
		for _, i := range bodies[at] {
			changed := list[i].apply(source)
			end := at.body.to + len(changed) - len(source)
			fmt.Fprintf(&b, "case %d:\n%s\n", i+1, changed[at.body.from:end])
			if at.body.void {
				b.WriteString("return\n")
			}
		}
		fmt.Fprintf(&b, "}\n%s\n}", source[at.body.from:at.body.to])
		if c.files[at.path] == nil {
			c.files[at.path] = bytes.Clone(source)
		}
		c.files[at.path] = slices.Replace(c.files[at.path], at.body.from, at.body.to, []byte(b.String())...)
	}
	if len(c.in) > 0 {
		c.files[filepath.Join(l.Dir, "ruleout_mutant.go")] = fmt.Appendf(nil,
			"package %s\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar ruleoutMutant, _ = strconv.Atoi(os.Getenv(%q))\n",
			l.files[0].Name.Name, which)
	}
	return c
}

// overlay writes files that stand in place of others, and the list of them for go's -overlay.
func overlay(dir string, files map[string][]byte) (list string, err error) {
	replace := map[string]string{}
	for path, text := range files {
		to := filepath.Join(dir, filepath.Base(path))
		err = errors.Join(err, os.WriteFile(to, text, 0o644))
		replace[path] = to
	}
	text, failed := json.Marshal(map[string]any{"Replace": replace})
	list = filepath.Join(dir, "overlay.json")
	if err = errors.Join(err, failed, os.WriteFile(list, text, 0o644)); err != nil {
		return "", fmt.Errorf("write mutants: %w", err)
	}
	return list, nil
}
