package campaign

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/verdict/design"
)

// level is a value of a factor, with what it does.
type level struct {
	label  string
	set    map[string]string
	kernel string
}

// levels lists the values of a factor that is no range.
func (f *Factor) levels() []level {
	var list []level
	for _, v := range f.Values {
		list = append(list, level{label: v, set: map[string]string{f.Set: v}})
	}
	for _, k := range f.Kernels {
		list = append(list, level{label: k, kernel: k})
	}
	if len(f.Settings) > 0 {
		for _, name := range f.Labels() {
			list = append(list, level{label: name, set: f.Settings[name]})
		}
	}
	return list
}

// at returns the level at x of the range, 0 to 1.
func (f *Factor) at(x float64) level {
	r := f.Range
	from, kind, _ := readEnd(r.From) // checked before
	to, _, _ := readEnd(r.To)
	text := quantities[kind].spell(design.Range{Lo: from, Hi: to, Log: r.Scale == "log"}.At(x))
	return level{label: text, set: map[string]string{f.Set: text}}
}

// check says what is wrong with a range.
func (r *Range) check() error {
	from, kind, err := readEnd(r.From)
	if err != nil {
		return err
	}
	to, other, err := readEnd(r.To)
	switch {
	case err != nil:
		return err
	case kind != other:
		return fmt.Errorf("%s is %s and %s is %s: both ends of a range must be of one kind", r.From, quantities[kind].name,
			r.To, quantities[other].name)
	case from >= to:
		return fmt.Errorf("the range from %s to %s is empty", r.From, r.To)
	case r.Scale == "log" && from <= 0:
		return fmt.Errorf("a range on a log scale must begin above zero, not at %s", r.From)
	}
	return nil
}

// quantities are what an end of a range may be, by their names: how they are read, and how a value is spelt.
var quantities = []struct {
	name  string
	read  func(string) (float64, error)
	spell func(float64) string
}{
	{"a number", readNumber,
		func(v float64) string { return strconv.FormatInt(int64(math.Round(v)), 10) }},
	{"a duration", read(unit.ParseDuration), func(v float64) string {
		return unit.Duration(math.Round(v/1e3) * 1e3).String()
	}},
	{"a rate", read(unit.ParseRate), func(v float64) string { return unit.Rate(math.Round(v/1e3) * 1e3).String() }},
	{"a size", read(unit.ParseSize), func(v float64) string { return unit.Size(math.Round(v)).String() }},
	{"a frequency", read(unit.ParseFrequency), func(v float64) string {
		return unit.Frequency(math.Round(v*1e3) / 1e3).String()
	}},
	{"a share", read(unit.ParseShare), func(v float64) string { return unit.Share(math.Round(v*1e5) / 1e5).String() }},
}

func read[T ~int64 | ~uint64 | ~float64](parse func(string) (T, error)) func(string) (float64, error) {
	return func(text string) (float64, error) {
		v, err := parse(text)
		return float64(v), err
	}
}

// readNumber reads a number, which may be below zero, as the overhead of a rate may.
func readNumber(text string) (float64, error) {
	digits, negative := strings.CutPrefix(text, "-")
	v, ok := unit.Decimal(digits)
	if !ok {
		return 0, fmt.Errorf("%s is not a number", unit.Quote(text))
	}
	if negative {
		v = -v
	}
	return v, nil
}

// readEnd reads an end of a range, and returns which of the quantities it is.
func readEnd(text string) (v float64, kind int, err error) {
	for i, q := range quantities {
		if v, err := q.read(text); err == nil {
			return v, i, nil
		}
	}
	return 0, 0, fmt.Errorf("%s is neither a number nor a quantity, such as 20ms", unit.Quote(text))
}
