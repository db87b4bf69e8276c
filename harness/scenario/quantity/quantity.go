package quantity

import (
	"math"
	"strconv"
	"strings"
)

// Seconds formats a span of time that was measured, in seconds: 131 ms, 41.2 µs, 2.90 s.
func Seconds(v float64) string {
	if v == 0 {
		return "0 s"
	}
	abs := math.Abs(v)
	// The bounds are where three digits would round up to the next unit's 1.
	for _, u := range []struct {
		below, scale float64
		unit         string
	}{{999.5e-9, 1e9, "ns"}, {999.5e-6, 1e6, "µs"}, {999.5e-3, 1e3, "ms"}} {
		if abs < u.below {
			return Digits(v*u.scale) + " " + u.unit
		}
	}
	return Digits(v) + " s"
}

// Bytes formats a size in decimal units, as scenarios write them: 24 kB, 1.5 MB.
func Bytes(v float64) string {
	abs := math.Abs(v)
	switch {
	case abs < 999.5:
		return Count(int64(math.Round(v))) + " B"
	case abs < 999.5e3:
		return Digits(v/1e3) + " kB"
	case abs < 999.5e6:
		return Digits(v/1e6) + " MB"
	}
	return Digits(v/1e9) + " GB"
}

// Share formats a proportion as a percentage: 4.2 %, 0.03 %, 100 %.
func Share(v float64) string {
	p := v * 100
	switch abs := math.Abs(p); {
	case p == 0:
		return "0 %"
	case abs < 0.05:
		return strconv.FormatFloat(p, 'g', 1, 64) + " %"
	case abs < 99.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// Count formats a whole number with thousands apart: 1,204,332.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// Digits formats with three digits that matter, or all those before the point.
func Digits(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 999.5:
		return Count(int64(math.Round(v)))
	case abs >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Exact formats a number that the user chose, and so has no digits to spare: 20 ms and not 20.0 ms.
func Exact(s string) string {
	number, unit, found := strings.Cut(s, " ")
	if strings.ContainsRune(number, '.') {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if !found {
		return number
	}
	return number + " " + unit
}

// Rate formats bits a second: 1.50 Mbit/s.
func Rate(v float64) string {
	for _, u := range []struct {
		from, scale float64
		unit        string
	}{{999.5e6, 1e9, "Gbit/s"}, {999.5e3, 1e6, "Mbit/s"}, {999.5, 1e3, "kbit/s"}} {
		if math.Abs(v) >= u.from {
			return Digits(v/u.scale) + " " + u.unit
		}
	}
	return Digits(v) + " bit/s"
}
