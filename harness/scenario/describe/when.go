package describe

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// When says at which times a fault acts:
//
//	from 3 s to 9 s
//	from 3 s to the end
//	for 200 ms every 2 s, 5 times from 3 s on
//	once, at 3 s
func When(f *scenario.Fault) string {
	var out string
	switch once := f.Do.Inject != nil; {
	case once && f.Every > 0:
		out = fmt.Sprintf("every %s, %s", Duration(f.Every), repeated(f))
	case once:
		out = "once, at " + Duration(f.At)
	case f.Every > 0:
		out = fmt.Sprintf("for %s every %s, %s", Duration(f.For), Duration(f.Every), repeated(f))
	default:
		out = Span(scenario.Span{From: f.At, To: end(f.At, f.For)})
	}
	if f.Phase != "" {
		out += " (phase " + f.Phase + ")"
	}
	return out
}

// repeated says how often, and from when on.
func repeated(f *scenario.Fault) string {
	if f.Times > 0 {
		return fmt.Sprintf("%s from %s on", quantity.Plural(int64(f.Times), "time"), Duration(f.At))
	}
	return fmt.Sprintf("from %s to the end", Duration(f.At))
}

func end(at, length scenario.Duration) scenario.Duration {
	if length == 0 {
		return scenario.Forever
	}
	return at + length
}

// Span says from when to when.
func Span(s scenario.Span) string {
	switch {
	case s.From == s.To:
		return "at " + Duration(s.From)
	case s.From == 0 && s.To == scenario.Forever:
		return "all the time"
	case s.To == scenario.Forever:
		return fmt.Sprintf("from %s to the end", Duration(s.From))
	}
	return fmt.Sprintf("from %s to %s", Duration(s.From), Duration(s.To))
}
