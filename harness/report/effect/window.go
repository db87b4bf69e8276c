package effect

import (
	"math"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Window is the samples over which a value is taken.
type Window struct {
	// Name is before, during, between or after.
	Name string `json:"name"`
	// Seconds that the samples cover.
	Seconds float64 `json:"seconds"`

	samples []int
}

// Names of windows.
const (
	Before  = "before"
	During  = "during"
	Between = "between"
	After   = "after"
)

// grid is the samples of a timeline.
type grid struct {
	interval float64 // s
	n        int
}

// cover returns for each sample the share of it that the spans cover, and at least a trace where they touch it.
func (g grid) cover(spans []scenario.Span) []float64 {
	c := make([]float64, g.n)
	end := g.interval * float64(g.n)
	for _, s := range spans {
		from, to := float64(s.From)/1e9, end
		if s.To != scenario.Forever {
			to = min(float64(s.To)/1e9, end)
		}
		first := int(from/g.interval + 1e-9)
		for i := first; i < g.n; i++ {
			begin := float64(i) * g.interval
			if begin >= to-1e-12 && i > first {
				break
			}
			inside := (min(to, begin+g.interval) - max(from, begin)) / g.interval
			c[i] = min(c[i]+max(inside, 1e-12), 1)
		}
	}
	return c
}

// mostSpans is more than the samples of any timeline can tell apart.
const mostSpans = 1_000_000

// actor is something that acts at times: faults with the same times, or a load with times of its own.
type actor struct {
	names []string
	kind  string
	spans []scenario.Span
	once  bool      // an injection: it acts at a moment, and what it does may go on
	cover []float64 // of each sample, the share in which it acts
	first int       // sample in which it acts
	// usual: it acts in nine samples of ten, and so is part of the circumstances of all else.
	usual bool
}

// place works out in which samples the actor acts.
func (g grid) place(a *actor) {
	a.cover = g.cover(a.spans)
	a.first = g.n
	on := 0
	for i, c := range a.cover {
		if c > 0 {
			a.first = min(a.first, i)
		}
		if c >= 0.5 {
			on++
		}
	}
	a.usual = !a.once && 10*on >= 9*g.n
}

// disturbs says whether a sample is not calm because of it: because it acts, or, if it acts most of the time, because
// it does not. What an injection has set off may go on to the end.
func (a *actor) disturbs(i int) bool {
	if a.once {
		return i >= a.first
	}
	if a.usual {
		return a.cover[i] < 0.5
	}
	return a.cover[i] > 0
}

// windows sorts the samples around an actor; calm says in which of them no other actor acts.
func (g grid) windows(a *actor, calm func(int) bool) []Window {
	w := map[string]*Window{}
	add := func(name string, i int) {
		if w[name] == nil {
			w[name] = &Window{Name: name}
		}
		w[name].samples = append(w[name].samples, i)
		w[name].Seconds += g.interval
	}
	first, last, fully := a.first, -1, 0
	for i, c := range a.cover {
		if c > 0 {
			last = i
		}
		if c >= 0.5 {
			fully++
		}
	}
	for i, c := range a.cover {
		switch {
		case a.once && c > 0:
		case c >= 0.5 || fully == 0 && c > 0:
			add(During, i)
		case c > 0 || !calm(i):
		case i < first:
			add(Before, i)
		case i > last:
			add(After, i)
		default:
			add(Between, i)
		}
	}
	var list []Window
	for _, name := range []string{Before, During, Between, After} {
		if w[name] != nil {
			w[name].Seconds = math.Round(w[name].Seconds*1e6) / 1e6
			list = append(list, *w[name])
		}
	}
	return list
}
