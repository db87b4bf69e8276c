package datagram

import (
	"time"

	"github.com/ruleout/ruleout/harness/run/load"
	"github.com/ruleout/ruleout/harness/run/window"
)

// Way is what became of the datagrams of one direction that were planned inside the measured window, as their receiver
// saw it.
type Way struct {
	// Received datagrams came within the timeout; each number counts once.
	Received int64 `json:"received"`
	// Late datagrams came after the timeout.
	Late int64 `json:"late"`
	// Duplicates are further arrivals of a number.
	Duplicates int64 `json:"duplicates"`
	// Reordered datagrams came after one with a higher number. Late ones may be among them.
	Reordered int64 `json:"reordered"`
	// Bytes that the received datagrams carried.
	Bytes int64 `json:"bytes"`
	// Delay one way of the received datagrams.
	Delay load.Histogram `json:"delay"`
	// Arrived is how many came in each interval of the measured window, whenever they were planned, duplicates apart, and
	// DelayMax the longest delay among them in ns.
	Arrived  []int64 `json:"arrived,omitempty"`
	DelayMax []int64 `json:"delay_max,omitempty"`
}

// receiver makes a Way of arrivals.
type receiver struct {
	window  window.Window
	timeout int64
	way     Way
	next    uint64   // one more than the highest number so far: RFC 4737's NextExp
	seen    []uint64 // a bit a number
}

func newReceiver(w window.Window, timeout time.Duration) *receiver {
	r := &receiver{window: w, timeout: int64(timeout)}
	if n := w.Bins(); n > 0 {
		r.way.Arrived, r.way.DelayMax = make([]int64, n), make([]int64, n)
	}
	return r
}

// arrived takes one datagram. Times are relative to the start of the measured window. It tells whether the number is
// new.
func (r *receiver) arrived(h *header, sent, now int64, size int) bool {
	word, bit := h.number/64, uint64(1)<<(h.number%64)
	for uint64(len(r.seen)) <= word {
		r.seen = append(r.seen, 0)
	}
	measured := h.flags&counted != 0
	if r.seen[word]&bit != 0 {
		if measured {
			r.way.Duplicates++
		}
		return false
	}
	r.seen[word] |= bit
	if h.number >= r.next {
		r.next = h.number + 1
	} else if measured {
		r.way.Reordered++
	}
	delay := max(now-sent, 0)
	if i := r.window.Bin(now); i >= 0 {
		r.way.Arrived[i]++
		r.way.DelayMax[i] = max(r.way.DelayMax[i], delay)
	}
	switch {
	case !measured:
	case delay > r.timeout:
		r.way.Late++
	default:
		r.way.Received++
		r.way.Bytes += int64(size)
		r.way.Delay.Record(delay)
	}
	return true
}

// merge adds what became of another load's datagrams.
func (w *Way) merge(from *Way) {
	w.Received += from.Received
	w.Late += from.Late
	w.Duplicates += from.Duplicates
	w.Reordered += from.Reordered
	w.Bytes += from.Bytes
	w.Delay.Merge(&from.Delay)
	w.Arrived = window.Sum(w.Arrived, from.Arrived)
	w.DelayMax = window.Highest(w.DelayMax, from.DelayMax)
}
