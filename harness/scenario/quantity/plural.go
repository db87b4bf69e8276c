package quantity

import "strings"

// Plural puts a number before a noun, whose plural is regular: 1 request, 2 requests, 3 copies.
func Plural(n int64, noun string) string { return Count(n) + " " + Noun(n, noun) }

// Noun returns the noun alone, in the form that goes with the number.
func Noun(n int64, noun string) string {
	switch {
	case n == 1:
		return noun
	case strings.HasSuffix(noun, "sis"):
		return noun[:len(noun)-2] + "es"
	case strings.HasSuffix(noun, "s") || strings.HasSuffix(noun, "x") || strings.HasSuffix(noun, "ch"):
		return noun + "es"
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay") && !strings.HasSuffix(noun, "ey") &&
		!strings.HasSuffix(noun, "oy"):
		return noun[:len(noun)-1] + "ies"
	}
	return noun + "s"
}

// Ordinal writes a position: 1st, 2nd, 3rd, 11th.
func Ordinal(n int64) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return Count(n) + suffix
}

// List joins words as a sentence does: a, b and c.
func List(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
