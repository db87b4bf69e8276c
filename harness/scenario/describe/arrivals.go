package describe

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// Arrivals says how many pages a load asks for, all of a batch, and when: 15 pages a second; at random times (Poisson).
func Arrivals(h *scenario.HTTPLoad) (much, when string) {
	pages := func(n int) string { return quantity.Plural(int64(n)*int64(max(h.Batch, 1)), "page") }
	switch {
	case h.Users != nil:
		return "pages by " + quantity.Plural(int64(h.Users.Count), "user"), thinking(h.Users)
	case h.Replay != nil:
		much, when = pages(h.Replay.Recording().Requests), replayed(h.Replay)
	case h.Times != nil:
		much, when = pages(len(h.Times)), "at stated times"
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

// thinking says what users of a closed loop do between two pages.
func thinking(u *scenario.Users) string {
	switch {
	case u.Think == 0:
		return "each as soon as the last is answered (a closed loop)"
	case u.Thinking == scenario.ThinkConstant:
		return "each " + Duration(u.Think) + " after its last answer (a closed loop)"
	}
	return "each " + Duration(u.Think) + " after its last answer in the mean (exponential; a closed loop)"
}

// drawn is arrivals at a rate.
func drawn(h *scenario.HTTPLoad) (much, when string) {
	when = arrivals(h.Arrivals, h.First)
	if b := h.Bursts; b != nil {
		when += fmt.Sprintf(", in bursts of %s with %s between them", Duration(b.On), Duration(b.Off))
	}
	if h.Curve == nil {
		return per(Together(h.Rate, h.Batch), "page"), when
	}
	most := h.Curve[0].Rate
	for _, p := range h.Curve {
		most = max(most, p.Rate)
	}
	return "up to " + per(Together(most, h.Batch), "page"), when + ", on a curve"
}

// replayed is the requests of a recording, and what of it could not be read.
func replayed(r *scenario.Replay) string {
	of, broken := "an access log", "line"
	name := r.Log
	if r.Capture != "" {
		of, broken, name = "a capture", "packet", r.Capture
	}
	rec := r.Recording()
	when := fmt.Sprintf("as in %s (%s: %s of %s requests", of, unit.Clip(name), quantity.Count(int64(rec.Requests)),
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
	return when
}

// arrivals says by which process something arrives.
func arrivals(a scenario.Arrivals, first *scenario.Duration) string {
	out := "at random times (Poisson)"
	if a == scenario.Constant {
		out = "evenly spaced"
	}
	if first != nil {
		out += ", the first after " + Duration(*first)
	}
	return out
}

// Together writes the frequency of what comes in batches of n: 45/s. A batch of 0 is of one.
func Together(f scenario.Frequency, n int) string {
	text := f.String()
	number, unit, _ := strings.Cut(text, "/")
	each, err := strconv.ParseFloat(number, 64)
	if n < 2 || err != nil {
		return text
	}
	return strconv.FormatFloat(math.Round(each*float64(n)*1e6)/1e6, 'f', -1, 64) + "/" + unit
}

// per writes a frequency of something: 15 pages a second.
func per(frequency, noun string) string {
	number, unit, _ := strings.Cut(frequency, "/")
	if number != "1" {
		noun += "s"
	}
	return fmt.Sprintf("%s %s a %s", number, noun, map[string]string{"s": "second", "m": "minute", "h": "hour"}[unit])
}
