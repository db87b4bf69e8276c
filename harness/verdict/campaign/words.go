package campaign

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// words are what stands in braces, with its value.
type words map[string]string

// combinations lists every choice of one value for each word, words in alphabetical order, the last
// one changing fastest. Without words there is one, which is empty.
func combinations(each map[string][]string) []words {
	list := []words{{}}
	for _, name := range slices.Sorted(maps.Keys(each)) {
		var next []words
		for _, w := range list {
			for _, v := range each[name] {
				longer := maps.Clone(w)
				longer[name] = v
				next = append(next, longer)
			}
		}
		list = next
	}
	return list
}

// word is a name in braces. Braces also enclose YAML mappings in values, which have a colon or a comma.
var word = regexp.MustCompile(`\{([A-Za-z][A-Za-z0-9-]*)\}`)

// in replaces the words of text.
func (w words) in(text string) string {
	return word.ReplaceAllStringFunc(text, func(m string) string {
		if v, ok := w[m[1:len(m)-1]]; ok {
			return v
		}
		return m
	})
}

// inAll replaces the words of keys and values.
func (w words) inAll(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[w.in(k)] = w.in(v)
	}
	return out
}

// unknown says in a message which word of text is not among those of each, and returns a hint.
func unknown(text string, each map[string][]string) (msg, hint string) {
	for _, m := range word.FindAllStringSubmatch(text, -1) {
		if _, ok := each[m[1]]; !ok {
			if len(each) == 0 {
				return fmt.Sprintf("no word %q", m[1]), "add the key each with the word and its values"
			}
			return fmt.Sprintf("no word %q", m[1]), yamldoc.NearHint(m[1], slices.Sorted(maps.Keys(each)))
		}
	}
	return "", ""
}

// settings are lists of PATH=VALUE; later ones win.
type settings []string

// with returns a longer list: paths in alphabetical order, so that the same settings are the same list.
func (s settings) with(m map[string]string) settings {
	out := slices.Clone(s)
	for _, path := range slices.Sorted(maps.Keys(m)) {
		out = append(out, path+"="+m[path])
	}
	return out
}

// asMap returns the settings by path.
func (s settings) asMap() map[string]string {
	m := map[string]string{}
	for _, one := range s {
		path, value, _ := strings.Cut(one, "=")
		m[path] = value
	}
	return m
}
