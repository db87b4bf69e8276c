package describe

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// Arrivals says how many pages a load asks for, and when: 15 pages a second; at random times (Poisson).
func Arrivals(h *scenario.HTTPLoad) (much, when string) {
	switch {
	case h.Replay != nil:
		much, when = replayed(h.Replay)
	case h.Times != nil:
		much, when = pages(int64(len(h.Times))), "at stated times"
	default:
		much, when = drawn(h)
	}
	if h.Batch > 1 {
		when += fmt.Sprintf(", %d at once each time", h.Batch)
	}
	if h.Sync != "" {
		when += fmt.Sprintf(", together with other loads (%s)", h.Sync)
	}
	return much, when
}

// drawn is arrivals at a rate.
func drawn(h *scenario.HTTPLoad) (much, when string) {
	when = "at random times (Poisson)"
	if h.Arrivals == scenario.Constant {
		when = "evenly spaced"
	}
	if h.First != nil {
		when += ", the first after " + Duration(*h.First)
	}
	if b := h.Bursts; b != nil {
		when += fmt.Sprintf(", in bursts of %s with %s between them", Duration(b.On), Duration(b.Off))
	}
	if h.Curve == nil {
		return per(h.Rate, "page"), when
	}
	most := h.Curve[0].Rate
	for _, p := range h.Curve {
		most = max(most, p.Rate)
	}
	return "up to " + per(most, "page"), when + ", on a curve"
}

// replayed is the requests of a recording, and what of it could not be read.
func replayed(r *scenario.Replay) (much, when string) {
	of, broken := "an access log", "line"
	name := r.Log
	if r.Capture != "" {
		of, broken, name = "a capture", "packet", r.Capture
	}
	rec := r.Recording()
	when = fmt.Sprintf("as in %s (%s: %s of %s requests", of, unit.Clip(name), quantity.Count(int64(rec.Requests)),
		quantity.Count(rec.Total))
	if rec.Broken > 0 {
		when += ", " + quantity.Plural(rec.Broken, "broken "+broken) + " left out"
	}
	if rec.Repeated > 0 {
		when += ", " + quantity.Plural(rec.Repeated, "repeated SYN") + " left out"
	}
	when += ")"
	if r.Faster > 1 {
		when += ", " + quantity.Count(int64(r.Faster)) + " times as fast"
	}
	return pages(int64(rec.Requests)), when
}

func pages(n int64) string { return quantity.Plural(n, "page") }

// per writes a frequency of something: 15 pages a second.
func per(f scenario.Frequency, noun string) string {
	number, unit, _ := strings.Cut(f.String(), "/")
	if number != "1" {
		noun += "s"
	}
	return fmt.Sprintf("%s %s a %s", number, noun, map[string]string{"s": "second", "m": "minute", "h": "hour"}[unit])
}
