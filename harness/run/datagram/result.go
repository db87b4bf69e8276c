package datagram

import (
	"time"

	"github.com/ruleout/ruleout/harness/run/window"
)

// Result is what is known of a load from both of its ends.
type Result struct {
	Sent
	// There is what became of the datagrams, at the service.
	There Way
	// Answered is how many answers the service sent, one for each number.
	Answered int64
	// Answers tells that the service answers.
	Answers bool
}

// Join puts together what the sender and the service say of a load. What a service did not see at all has no entry.
func Join(sent *Sent, at *At, answers bool) Result {
	r := Result{Sent: *sent, Answers: answers}
	if at != nil {
		r.There, r.Answered = at.Way, at.Answered
	}
	return r
}

// Merge adds what became of another load's datagrams in the same run.
func (r *Result) Merge(from *Result) {
	r.Planned += from.Planned
	r.Sent.Sent += from.Sent.Sent
	r.Unsent += from.Unsent
	r.Refused += from.Refused
	r.Back.merge(&from.Back)
	r.RoundTrip.Merge(&from.RoundTrip)
	r.Late.Merge(&from.Late)
	r.Left = window.Sum(r.Left, from.Left)
	r.There.merge(&from.There)
	r.Answered += from.Answered
	r.Answers = r.Answers || from.Answers
}

// Metrics returns the values of the catalogue's udp metrics in base units, for a measured window of a length. Quantiles
// of nothing are left out, and so is what is about answers if there are none.
func (r *Result) Metrics(window time.Duration) map[string]float64 {
	m := map[string]float64{
		"udp.planned": float64(r.Planned),
		"udp.sent":    float64(r.Sent.Sent),
		"udp.unsent":  float64(r.Unsent),
		"udp.refused": float64(r.Refused),
		"udp.goodput": 8 * float64(r.There.Bytes) / window.Seconds(),
	}
	way(m, "udp.", r.Sent.Sent, &r.There)
	if r.Answers {
		m["udp.answered"] = float64(r.Answered)
		way(m, "udp.back.", r.Answered, &r.Back)
		r.RoundTrip.Put(m, "udp.rtt.", "mean", "max", "p50", "p90", "p99")
	}
	return m
}

func way(m map[string]float64, prefix string, sent int64, w *Way) {
	m[prefix+"received"] = float64(w.Received)
	m[prefix+"lost"] = float64(sent - w.Received)
	m[prefix+"late"] = float64(w.Late)
	m[prefix+"duplicates"] = float64(w.Duplicates)
	m[prefix+"reordered"] = float64(w.Reordered)
	if sent > 0 {
		m[prefix+"loss"] = float64(sent-w.Received) / float64(sent)
	}
	w.Delay.Put(m, prefix+"delay.", "mean", "max", "p50", "p90", "p99")
}

// Series returns the series of the timeline, in base units.
func (r *Result) Series() map[string][]float64 {
	out := map[string][]float64{}
	add := func(name string, values []int64, scale float64) {
		if len(values) == 0 { // timeline: off
			return
		}
		list := make([]float64, len(values))
		for i, v := range values {
			list[i] = float64(v) / scale
		}
		out[name] = list
	}
	add("udp.sent", r.Left, 1)
	add("udp.received", r.There.Arrived, 1)
	add("udp.delay.max", r.There.DelayMax, 1e9)
	if r.Answers {
		add("udp.back.received", r.Back.Arrived, 1)
		add("udp.back.delay.max", r.Back.DelayMax, 1e9)
	}
	return out
}
