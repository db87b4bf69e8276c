// Package spelling finds the nearest name for a misspelling.
//
// It serves error messages only: a wrong guess costs a line of output, so [Nearest]
// prefers to say nothing over saying something far-fetched.
package spelling

import (
	"strings"
	"unicode/utf8"
)

// longest name, in bytes, that is compared; longer ones are not misspellings.
const longest = 80

// Nearest returns the candidate that is the fewest edits away from name, or an empty
// string when none is near: more than a third of the name's letters would have to
// change. Case does not count as an edit. Of equally near candidates the first wins.
func Nearest(name string, candidates []string) string {
	if name == "" || len(name) > longest {
		return ""
	}
	best, bound := "", (utf8.RuneCountInString(name)+1)/3
	for _, c := range candidates {
		if len(c) > longest {
			continue
		}
		if d := Distance(strings.ToLower(name), strings.ToLower(c)); d < bound || best == "" && d == bound {
			best, bound = c, d
		}
	}
	return best
}

// Distance is the number of insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (optimal string alignment).
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	// Three rows of the table are enough: a swap looks back two.
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}
