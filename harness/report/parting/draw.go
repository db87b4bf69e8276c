package parting

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/chart"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/report/page"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/blame"
)

// mostCharts is how many series are drawn.
const mostCharts = 10

// drawing is the charts, and what is behind all of them.
type drawing struct {
	Charts   []page.Figure
	NoCharts string // why there are none
	Ticks    []page.Tick
	Bands    []band
	// Mark is where the two part; nil if they do not.
	Mark *page.Tick
	// Faults are the names of the shaded ones.
	Faults string
}

// band is when a fault acts, of [chart.Width].
type band struct{ X, Width int }

// series is one that both records have.
type series struct {
	name   string
	told   effect.Series
	known  bool // told is of it
	a, b   []float64
	by     float64 // how much they differ, see [distance]
	parted int     // place among the events
}

// draw makes the charts of the series that differ most.
func draw(s *blame.Story, a, b *result.Record) *drawing {
	d := &drawing{}
	if s.Interval == 0 {
		d.NoCharts = "The two have no common timeline, so there is nothing to draw."
		return d
	}
	list := differing(s, a, b)
	if len(list) == 0 {
		d.NoCharts = "No series differs by enough to be seen in a chart."
		return d
	}
	longest := 0
	for _, l := range list {
		longest = max(longest, len(l.a), len(l.b))
	}
	frame := chart.Frame{From: 0, To: float64(longest) * s.Interval}
	for _, at := range plan.Ticks(frame.From, frame.To, 8) {
		d.Ticks = append(d.Ticks, page.Tick{X: frame.X(at), Percent: frame.Percent(at), Text: plan.TickText(at)})
	}
	if n := len(d.Ticks); n > 0 {
		d.Ticks[n-1].Text += " s"
	}
	if s.Together >= 0 {
		d.Mark = &page.Tick{X: frame.X(s.Together), Percent: frame.Percent(s.Together),
			Text: quantity.Seconds(s.Together)}
	}
	d.faults(a, frame)
	for _, l := range list[:min(len(list), mostCharts)] {
		d.Charts = append(d.Charts, l.figure(frame, s.Interval, d.Ticks))
	}
	return d
}

// faults shades the times at which faults of a run act.
func (d *drawing) faults(r *result.Record, frame chart.Frame) {
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	if err != nil {
		return // another build's scenario: nothing is shaded, and nothing said
	}
	var names []string
	for _, f := range plan.New(s, r.Seed).Faults {
		if f.Watches || len(f.Spans) == 0 {
			continue
		}
		for _, span := range f.Spans {
			to := frame.To
			if span.To != nil {
				to = *span.To
			}
			d.Bands = append(d.Bands, band{frame.X(span.From), frame.X(to) - frame.X(span.From)})
		}
		names = append(names, f.Name)
	}
	d.Faults = strings.Join(names, ", ")
}

// differing lists the series that differ by enough to be seen, the most first. If those are few, counts that differ by
// less follow, in the order of time.
func differing(s *blame.Story, a, b *result.Record) (out []series) {
	var few []series
	for i, p := range s.Parted {
		l := series{name: p.Series, a: a.Timeline.Series[p.Series], b: b.Timeline.Series[p.Series], parted: i}
		if l.told, l.known = effect.SeriesOf(p.Series); l.a == nil || l.b == nil || !l.known && !p.Counts {
			continue
		}
		if l.told.Answered {
			l.a, l.b = answered(l.a, a), answered(l.b, b)
		}
		by, most, sum := distance(l.a, l.b)
		l.by = by
		switch {
		case l.told.Events && sum >= 3, !l.told.Events && l.known && most > l.told.Floor:
			out = append(out, l)
		case p.Counts:
			few = append(few, l)
		}
	}
	slices.SortStableFunc(out, func(a, b series) int { return cmp.Compare(b.by, a.by) })
	const enough = 3
	if len(out) < enough {
		out = append(out, few[:min(len(few), enough-len(out))]...)
	}
	return out
}

// distance says how much two series differ: the area between the curves as a share of the area below the higher one, 0
// to 1; the largest difference of a sample; and the sum of all. Gaps do not count.
func distance(a, b []float64) (share, most, sum float64) {
	below := 0.
	for i := range min(len(a), len(b)) {
		apart := math.Abs(a[i] - b[i])
		if math.IsNaN(apart) {
			continue
		}
		sum += apart
		most = max(most, apart)
		below += max(math.Abs(a[i]), math.Abs(b[i]))
	}
	if below > 0 {
		share = sum / below
	}
	return share, most, sum
}

// answered has gaps where nothing was answered.
func answered(values []float64, r *result.Record) []float64 {
	done := r.Timeline.Series["http.completed"]
	values = slices.Clone(values)
	for i := range values {
		if i >= len(done) || done[i] == 0 {
			values[i] = math.NaN()
		}
	}
	return values
}

// figure draws both runs.
func (l *series) figure(frame chart.Frame, interval float64, ticks []page.Tick) page.Figure {
	f := page.Figure{Title: l.name, Unit: about(l.name), Ticks: ticks}
	if l.told.Events {
		f.Unit += ", in " + quantity.Seconds(interval)
	}
	format := l.format()
	top := f.Scale(chart.Highest(l.a, l.b), format)
	for i, values := range [][]float64{l.a, l.b} {
		f.Lines = append(f.Lines, page.Curve{K: i + 1, Name: []string{"A", "B"}[i],
			Summary: page.Summary(values, format), D: chart.Series{Interval: interval, Values: values}.Line(frame, top)})
	}
	return f
}

// format is how a value of the series is written.
func (l *series) format() func(float64) string {
	switch {
	case l.told.Share:
		return quantity.Share
	case l.told.Unit == metric.Seconds:
		return quantity.Seconds
	case l.told.Unit == metric.Bytes:
		return quantity.Bytes
	}
	return metric.Metric{Unit: metric.One}.Format
}

// about is what a series is, in words; empty if that is not known.
func about(name string) string {
	if told, ok := effect.SeriesOf(name); ok {
		return told.Label
	}
	return ""
}
