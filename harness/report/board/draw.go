package board

import (
	"fmt"
	"math"
	"strings"

	"github.com/ruleout/ruleout/harness/verdict"
)

// The size of a drawing, in CSS pixels.
const (
	wide = 168
	high = 22
	// reach is how many margins there are on each side; what is farther away is at the edge.
	reach = 20.
	edge  = 6 // px that are left for arrows
)

// drawing is an estimate with its interval against its margin.
type drawing struct {
	Share bool // of seeds, from 0 to 100 %
	// Zones are where an effect matters: x and width.
	Zones []zone
	// Zero is where no effect is.
	Zero int
	// From, To and At are of the interval and the estimate. There is no interval before the second seed.
	From, To, At int
	Interval     bool
	Known        bool
	// Less and More say that the interval goes on beyond the edge.
	Less, More bool
	Label      string
}

type zone struct{ X, Width int }

// margins returns the x of an effect in margins. The scale is even around zero and becomes logarithmic beyond the
// margin, so that what does not matter and what is twenty times too large can be distinguished from their
// neighbours alike.
func margins(m float64) int {
	m = min(max(m, -reach), reach)
	return int(math.Round(wide/2 + math.Asinh(m)*(wide/2-edge)/math.Asinh(reach)))
}

// share returns the x of a share in per cent.
func share(percent float64) int {
	percent = min(max(percent, 0), 100)
	return int(math.Round(edge + percent*(wide-2*edge)/100))
}

func draw(v *verdict.Verdict) drawing {
	h := v.Hypothesis
	d := drawing{Label: v.Effect(), Known: v.Outcome != verdict.Invalid && !math.IsNaN(v.Estimate.Value)}
	if !d.Known {
		return d
	}
	at := func(x float64) int { return margins(h.Margins(x)) }
	if d.Share = h.Kind == verdict.Mechanism; d.Share {
		at = share
		rare := 100 * v.Rule.Rare
		if d.Zones = []zone{{share(0), share(rare) - share(0)}}; h.Extent == verdict.Every {
			d.Zones[0].X = share(100 - rare)
		}
	} else {
		d.Zero = margins(0)
		if h.Direction != verdict.Down {
			d.Zones = append(d.Zones, zone{margins(1), wide - margins(1)})
		}
		if h.Direction != verdict.Up {
			d.Zones = append(d.Zones, zone{0, margins(-1)})
		}
		d.Less, d.More = h.Margins(v.Estimate.Lo) < -reach, h.Margins(v.Estimate.Hi) > reach
	}
	d.At, d.From, d.To = at(v.Estimate.Value), at(v.Estimate.Lo), at(v.Estimate.Hi)
	d.Interval = !math.IsInf(v.Estimate.Lo, 0) || !math.IsInf(v.Estimate.Hi, 0)
	return d
}

// ticks of the scale above the drawings.
func ticks() []tick {
	var list []tick
	for _, m := range []int{-10, -3, -1, 0, 1, 3, 10} {
		list = append(list, tick{margins(float64(m)), strings.Replace(fmt.Sprint(m), "-", "−", 1)})
	}
	return list
}

type tick struct {
	X    int
	Text string
}

// strip draws every pair as a dot: its difference in margins across, and its seed downwards, so that outliers and
// anything that comes and goes with the seeds can be seen.
func strip(points []float64) string {
	var b strings.Builder
	for i, m := range points {
		if !math.IsNaN(m) {
			fmt.Fprintf(&b, "M%d %dh0", margins(m), rowHigh/2+i*rowHigh)
		}
	}
	return b.String()
}

// rowHigh is the height of a seed in a strip, in CSS pixels.
const rowHigh = 3
