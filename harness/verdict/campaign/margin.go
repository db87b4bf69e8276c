package campaign

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/verdict"
)

// setMargin reads a margin in the unit of the metric, or as a share of the base.
func setMargin(h *verdict.Hypothesis, text string, m metric.Metric, absolute bool) error {
	slip := func(msg, say string) error { return &problem.Mistake{Msg: msg, Hint: say} }
	if strings.HasPrefix(text, "-") {
		return slip(fmt.Sprintf("the margin %s is negative", text),
			"a margin is a distance; the direction says which way: direction: down")
	}
	h.Scale = verdict.Difference
	if share, err := unit.ParseShare(text); err == nil {
		h.Margin = float64(share)
		switch {
		case h.Margin == 0:
			return slip("a margin of zero", "it is the smallest change that matters, and must be above zero")
		case absolute && !m.Share:
			return slip(fmt.Sprintf("%s is not a share: it has no percentage points", m.Name),
				"leave absolute out for a share of the base")
		case h.Kind == verdict.Mechanism:
			return slip("a counter changes by a number, not by a share", "such as 1")
		case !absolute:
			h.Scale = verdict.Ratio
		}
		return nil
	}
	if absolute {
		return slip(fmt.Sprintf("absolute needs a margin in per cent, not %s", text),
			"an amount with a unit is absolute by itself")
	}
	h.Unit = m.Unit
	var err error
	switch {
	case m.Share:
		err = slip(fmt.Sprintf("the margin %s needs a unit: %s is a share", text, m.Name),
			"such as 5%, and absolute: true for points")
	case m.Unit == metric.Seconds:
		var d unit.Duration
		d, err = unit.ParseDuration(text)
		h.Margin = float64(d) / 1e9
	case m.Unit == metric.Bytes:
		var s unit.Size
		s, err = unit.ParseSize(text)
		h.Margin = float64(s)
	case m.Unit == metric.PerSecond:
		var f unit.Frequency
		f, err = unit.ParseFrequency(text)
		h.Margin = float64(f)
	default:
		h.Unit = ""
		var ok bool
		if h.Margin, ok = unit.Decimal(text); !ok {
			err = slip(fmt.Sprintf("%s is not a margin", unit.Quote(text)),
				"a number, as the metric is a count, or a share of the base such as 5%")
		}
	}
	if err == nil && !(h.Margin > 0) {
		err = slip("a margin of zero", "it is the smallest change that matters, and must be above zero")
	}
	return err
}
