package unit

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// longestQuantity bounds the text of a quantity: no sensible one is longer, and
// arbitrary precision costs time.
const longestQuantity = 40

type scale struct {
	name  string
	worth int64 // in base units
}

// kind is a kind of number with units.
type kind struct {
	what     string // with its article
	example  string
	fewer    string // another example, for the hint on a missing unit
	units    []scale
	slips    map[string]string // spelling that is refused → what to write
	compound bool              // several units may follow one another, as in 1m30s
}

var (
	durations = &kind{what: "a duration", example: "s", fewer: "ms", units: durationUnits,
		slips: durationSlips, compound: true}
	rates       = &kind{what: "a rate", example: "mbit", fewer: "kbit", units: rateUnits, slips: rateSlips}
	sizes       = &kind{what: "a size", example: "kB", fewer: "B", units: sizeUnits, slips: sizeSlips}
	frequencies = &kind{what: "a frequency", example: "/s", fewer: "/m", units: frequencyUnits, slips: frequencySlips}
	shares      = &kind{what: "a share", example: "%", units: shareUnits}
	speeds      = &kind{what: "a speed", example: "mips", units: speedUnits}
)

// parse reads a whole number of base units that fits an int64.
func (q *kind) parse(text string) (int64, error) {
	r, err := q.rat(text)
	switch {
	case err != nil:
		return 0, err
	case !r.IsInt():
		return 0, &problem.Mistake{Msg: fmt.Sprintf("%s is not a whole number of %s", Clip(text), q.units[0].name)}
	case !r.Num().IsInt64():
		return 0, &problem.Mistake{Msg: fmt.Sprintf("%s is too large", Clip(text))}
	}
	return r.Num().Int64(), nil
}

// rat reads an exact number of base units, zero or more.
func (q *kind) rat(text string) (*big.Rat, error) {
	if len(text) > longestQuantity {
		return nil, &problem.Mistake{Msg: fmt.Sprintf("%s is too long for %s", Clip(text), q.what)}
	}
	rest, sum, last := text, new(big.Rat), int64(math.MaxInt64)
	if strings.HasPrefix(rest, "-") && len(rest) > 1 && isDigit(rest[1]) {
		return nil, &problem.Mistake{Msg: fmt.Sprintf("%s is negative; %s is zero or more", text, q.what)}
	}
	for first := true; first || rest != ""; first = false {
		number := rest[:decimal(rest)]
		if number == "" {
			return nil, &problem.Mistake{Msg: fmt.Sprintf("%s is not %s", Quote(text), q.what),
				Hint: "write a number and a unit, such as " + q.such("20")}
		}
		rest = rest[len(number):]
		name := rest
		if q.compound {
			name = rest[:len(rest)-
				len(strings.TrimLeftFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }))]
		}
		rest = rest[len(name):]
		worth, err := q.unit(text, number, name)
		if err != nil {
			return nil, err
		}
		if worth >= last {
			return nil, &problem.Mistake{Msg: fmt.Sprintf("%s is not %s: its units must fall, as in 1m30s", Quote(text), q.what)}
		}
		last = worth
		r, ok := new(big.Rat).SetString(number)
		if !ok {
			return nil, &problem.Mistake{Msg: fmt.Sprintf("%s is not a number", Quote(number))}
		}
		sum.Add(sum, r.Mul(r, ratOf(worth)))
	}
	return sum, nil
}

// unit finds what the unit called name, that follows number in text, is worth.
func (q *kind) unit(text, number, name string) (int64, error) {
	if name == "µs" || name == "μs" { // the micro sign and the Greek letter
		name = "us"
	}
	names := make([]string, len(q.units))
	for i, u := range q.units {
		if u.name == name {
			return u.worth, nil
		}
		names[i] = u.name
	}
	if name == "" {
		return 0, &problem.Mistake{Msg: fmt.Sprintf("%s needs a unit, such as %s", Quote(text), q.such(number))}
	}
	if trimmed := strings.TrimSpace(name); slices.Contains(names, trimmed) {
		return 0, &problem.Mistake{Msg: fmt.Sprintf("%s has a blank before its unit", Quote(text)),
			Hint: "write " + number + trimmed}
	}
	msg := fmt.Sprintf("unknown unit %s in %s", Quote(name), Quote(text))
	if say, ok := q.slips[name]; ok {
		return 0, &problem.Mistake{Msg: msg, Hint: "write " + say}
	}
	hint := "units of " + q.what + ": " + strings.Join(names, ", ")
	if near := spelling.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return 0, &problem.Mistake{Msg: msg, Hint: hint}
}

// such returns number with one or two units of q.
func (q *kind) such(number string) string {
	if q.fewer == "" {
		return number + q.example
	}
	return number + q.example + " or " + number + q.fewer
}

// spell returns the shortest exact text for n base units whose number is 1 or more.
func (q *kind) spell(n int64) string {
	if n == 0 {
		return "0" + q.zero()
	}
	best := ""
	for _, u := range q.units {
		if n/u.worth == 0 {
			break
		}
		text, exact := ratText(big.NewRat(n, u.worth))
		if !exact || n%u.worth != 0 && !decimalWorth(u.worth) {
			continue // 90m is a spelling, 1.5h is one that the reader has to work minutes out of
		}
		if text += u.name; best == "" || len(text) <= len(best) {
			best = text
		}
	}
	return best
}

// decimalWorth reports whether n is a power of ten.
func decimalWorth(n int64) bool {
	for n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// zero is the unit in which nothing is written.
func (q *kind) zero() string {
	if q == durations {
		return "s"
	}
	return q.units[0].name
}

// ratText writes r, which is 0 or more, as a decimal fraction if that ends after at most 12 places.
func ratText(r *big.Rat) (text string, exact bool) {
	places, exact := r.FloatPrec()
	if !exact || places > 12 {
		return "", false
	}
	return r.FloatString(places), true
}

// spellFloat writes f×times in decimal digits followed by a unit, with the fewest
// significant digits for which reads is true: 0.07×100 is 7, and not 7.000000000000001.
func spellFloat(f float64, times int64, unit string, reads func(text string) bool) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	exact := new(big.Float).SetPrec(200).SetFloat64(f) // 53 bits and those of times fit
	exact.Mul(exact, new(big.Float).SetInt64(times))
	for digits := 1; digits <= 20; digits++ {
		r, _ := new(big.Rat).SetString(exact.Text('e', digits-1))
		places, _ := r.FloatPrec() // exact: a decimal fraction
		if text := r.FloatString(places) + unit; reads(text) {
			return text
		}
	}
	return exact.Text('g', 20) + unit // too small to have been written by a user
}

func ratOf(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

// decimal returns the length of the decimal number at the start of text: digits, and
// perhaps a point with digits on both sides of it.
func decimal(text string) int {
	i := Digits(text)
	if i == 0 || i == len(text) || text[i] != '.' {
		return i
	}
	if n := Digits(text[i+1:]); n > 0 {
		return i + 1 + n
	}
	return i
}

// Digits returns the length of the digits at the start of text.
func Digits(text string) int {
	i := 0
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Whole reads a whole number as it is written in names, ranges and lists: digits alone, without a sign and without
// zeros in front.
func Whole(text string) (n int, ok bool) {
	if Digits(text) != len(text) || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// Decimal reads a number of digits, perhaps with a point among them: no sign, no exponent and no infinity.
func Decimal(text string) (f float64, ok bool) {
	if decimal(text) != len(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// Clip shortens text that is shown in a message to a length that people read.
func Clip(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// Quote quotes text for a message.
func Quote(text string) string { return strconv.Quote(Clip(text)) }
