package kernel

import (
	"fmt"
	"slices"
)

// nearest returns the name with the smallest edit distance to want, if it is close
// enough to be a misspelling: within a third of its length.
func nearest(want string, names []string) string {
	names = slices.Sorted(slices.Values(names))
	best, distance := "", (len(want)+2)/3+1
	for _, name := range names {
		if d := editDistance(want, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

func didYouMean(want string, names []string) string {
	if n := nearest(want, names); n != "" {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, diagonal := i+1, i
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j+1], left)
			}
			diagonal, row[j], left = row[j+1], left, d
		}
		row[len(b)] = left
	}
	return row[len(b)]
}
