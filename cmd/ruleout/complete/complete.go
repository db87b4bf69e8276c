// Package complete lists what the last word of a command line may become. The scripts that ruleout completion prints
// ask it.
package complete

import (
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/machine/kernel"
)

// Words lists what the last of the words may become, each with a description after a tab where there is one.
func Words(node *kong.Node, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	words = unbreak(words[:len(words)-1])
	if last == "=" { // bash takes --flag=VALUE apart at the equals sign
		last = ""
	}

	positionals := 0
	var waiting *kong.Flag // that the next word is the value of
	onlyArguments := false
	for _, word := range words {
		switch {
		case waiting != nil:
			waiting = nil
		case onlyArguments:
			positionals++
		case word == "--":
			onlyArguments = true
		case strings.HasPrefix(word, "-"):
			name, _, valued := strings.Cut(word, "=")
			if f := flagNamed(node, name); f != nil && !valued && !f.IsBool() {
				waiting = f
			}
		default:
			if c := child(node, word); c != nil && positionals == 0 {
				node = c
			} else {
				positionals++
			}
		}
	}

	if waiting != nil {
		return matching(last, "", candidates(waiting.Value, last))
	}
	if name, value, valued := strings.Cut(last, "="); valued && strings.HasPrefix(last, "--") && !onlyArguments {
		if f := flagNamed(node, name); f != nil {
			return matching(last, name+"=", candidates(f.Value, value))
		}
	}
	var all []string
	if strings.HasPrefix(last, "-") && !onlyArguments {
		for _, f := range flagsOf(node) {
			all = append(all, "--"+f.Name+"\t"+f.Help)
		}
		return matching(last, "", all)
	}
	for _, c := range node.Children {
		if !c.Hidden {
			all = append(all, c.Name+"\t"+c.Help)
		}
	}
	if p := positional(node, positionals); p != nil {
		all = append(all, candidates(p, last)...)
	}
	return matching(last, "", all)
}

// unbreak puts together what bash took apart at equals signs.
func unbreak(words []string) []string {
	var out []string
	for i, word := range words {
		switch {
		case word == "=" && len(out) > 0:
			out[len(out)-1] += "="
		case i > 0 && words[i-1] == "=" && len(out) > 0:
			out[len(out)-1] += word
		default:
			out = append(out, word)
		}
	}
	// A flag whose value is being written is left as it was before the equals sign.
	if n := len(out); n > 0 && len(words) > 0 && words[len(words)-1] == "=" {
		out[n-1] = strings.TrimSuffix(out[n-1], "=")
	}
	return out
}

func flagsOf(node *kong.Node) []*kong.Flag {
	var out []*kong.Flag
	for n := node; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if !f.Hidden {
				out = append(out, f)
			}
		}
	}
	return out
}

func flagNamed(node *kong.Node, word string) *kong.Flag {
	for _, f := range flagsOf(node) {
		if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// positional returns the i-th argument; the last one may take any number.
func positional(node *kong.Node, i int) *kong.Value {
	if n := len(node.Positional); n > 0 && i >= n && node.Positional[n-1].IsSlice() {
		i = n - 1
	}
	if i >= len(node.Positional) {
		return nil
	}
	return node.Positional[i]
}

// candidates lists values of a flag or argument, by its enum or its tag complete:
// the extension of files, "dir", "kernel" or "image".
func candidates(v *kong.Value, typed string) []string {
	if v.Enum != "" {
		return v.EnumSlice()
	}
	switch kind := v.Tag.Get("complete"); kind {
	case "":
		return nil
	case "kernel":
		store, err := kernel.OpenDefault()
		if err != nil {
			return nil
		}
		kernels, err := store.List()
		if err != nil {
			return nil
		}
		var names []string
		for _, k := range kernels {
			names = append(names, k.Name)
		}
		return names
	case "image":
		store, err := image.OpenDefault()
		if err != nil {
			return nil
		}
		images, err := store.List()
		if err != nil {
			return nil
		}
		var hashes []string
		for _, i := range images {
			hashes = append(hashes, i.Hash)
		}
		return hashes
	default:
		return files(typed, kind)
	}
}

// files lists directories, and files with the extension, that begin as typed.
func files(typed, extension string) []string {
	dir, _ := filepath.Split(typed)
	look := dir
	if look == "" {
		look = "."
	}
	entries, err := os.ReadDir(look)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(filepath.Base(typed), ".") {
			continue
		}
		info, err := os.Stat(filepath.Join(look, name)) // through symbolic links
		switch {
		case err != nil:
		case info.IsDir():
			out = append(out, dir+name+"/")
		case strings.HasSuffix(name, "."+extension):
			out = append(out, dir+name)
		}
	}
	return out
}

// matching keeps what begins as typed, prefixed, sorted and without doubles.
func matching(typed, prefix string, all []string) []string {
	var out []string
	for _, c := range all {
		if c = prefix + c; strings.HasPrefix(c, typed) {
			out = append(out, c)
		}
	}
	sort.Strings(out)
	return slices.Compact(out)
}
