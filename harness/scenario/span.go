package scenario

import (
	"fmt"
	"math"
	"reflect"
)

// Span is one time at which a fault acts: from From to To, relative to the start of the
// measured window; To itself is not in it. To is [Forever] for one that ends with the run.
type Span struct{ From, To Duration }

// Forever is the end of what lasts as long as the run.
const Forever Duration = math.MaxInt64

// Spans lists when the fault acts in a measured window of this length, in order: the first most
// of them, and whether there are more. An injection's spans are of no length.
func (f *Fault) Spans(duration Duration, most int) (list []Span, more bool) {
	for n := 0; f.Times == 0 || n < f.Times; n++ {
		from := f.At + Duration(n)*f.Every
		if n > 0 && (f.Every == 0 || from >= duration) {
			break
		}
		if n == most {
			return list, true
		}
		to := from + f.For
		switch {
		case f.Do.Inject != nil:
			to = from
		case f.For == 0:
			to = Forever
		}
		list = append(list, Span{from, to})
	}
	return list, false
}

// Repetitions is how many spans there are in a measured window of this length.
func (f *Fault) Repetitions(duration Duration) int64 {
	if f.Every == 0 {
		return 1
	}
	n := int64((duration - f.At + f.Every - 1) / f.Every) // that begin within the window
	if f.Times > 0 {
		n = min(n, int64(f.Times))
	}
	return max(n, 1)
}

// manySpans is how many repetitions of a fault are compared with those of others.
const manySpans = 1000

// overlaps finds faults that cannot both mean something at one time.
func (v *validation) overlaps() {
	for i := range v.Faults {
		for j := range i {
			a, b := &v.Faults[j], &v.Faults[i]
			if !v.sound(fmt.Sprintf("faults[%d]", i)) || !v.sound(fmt.Sprintf("faults[%d]", j)) || !sameLink(a, b) {
				continue
			}
			if a.Do.Pause && b.Do.Pause && a.Node == b.Node {
				if at, ok := v.meet(a, b); ok {
					v.fail(fmt.Sprintf("faults[%d]", i), fmt.Sprintf("%s and %s both stop %s at %v", a.Name, b.Name, a.Node, at),
						"one fault is enough, and the first that ends would let the processes go on")
				}
			}
			if a.Do.Down && b.Do.Down {
				if at, ok := v.meet(a, b); ok {
					v.fail(fmt.Sprintf("faults[%d]", i), fmt.Sprintf("%s and %s both take the link down at %v", a.Name, b.Name, at),
						"it cannot be more down than down: one fault is enough")
				}
			}
			if a.total() && !b.Do.Down && (a.From == "" || a.From == b.From) && v.covers(a, b) {
				v.fail(fmt.Sprintf("faults[%d]", i), fmt.Sprintf("%s would never see a packet: %s loses all of them before", b.Name,
					a.Name), "faults act in the order of the file; put this one first, or at another time")
			}
		}
	}
}

func sameLink(a, b *Fault) bool {
	return a.Link == b.Link || a.Link == [2]string{b.Link[1], b.Link[0]}
}

// total reports whether the fault lets no packet through.
func (f *Fault) total() bool {
	s := f.Select
	s.Packets, s.Per, s.Chance = "", "", nil
	return f.Do.Drop && reflect.ValueOf(s).IsZero() && (f.Select.Packets == "" || f.Select.Packets == AnyPacket) &&
		(f.Select.Chance == nil || *f.Select.Chance == 1)
}

// meet finds a moment at which both act.
func (v *validation) meet(a, b *Fault) (Duration, bool) {
	x, _ := a.Spans(v.Duration, manySpans)
	y, _ := b.Spans(v.Duration, manySpans)
	for i, j := 0, 0; i < len(x) && j < len(y); {
		if from := max(x[i].From, y[j].From); from < min(x[i].To, y[j].To) {
			return from, true
		}
		if x[i].To < y[j].To {
			i++
		} else {
			j++
		}
	}
	return 0, false
}

// covers reports whether a acts at all times at which b does.
func (v *validation) covers(a, b *Fault) bool {
	x, _ := a.Spans(v.Duration, manySpans)
	y, more := b.Spans(v.Duration, manySpans)
	if more {
		return false
	}
	for _, s := range y {
		inside := false
		for _, t := range x {
			inside = inside || t.From <= s.From && s.To <= t.To
		}
		if !inside {
			return false
		}
	}
	return true
}
