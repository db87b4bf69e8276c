package plan

import (
	"math"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Track is a row of the picture of a plan: a load, a phase or a fault, from the beginning of the warm-up to the
// end of the measured window in columns of equal width.
type Track struct {
	Name string
	Kind TrackKind
	// Cells are the columns.
	Cells []Cell
}

// TrackKind says what a row shows.
type TrackKind string

// Kinds of rows.
const (
	LoadTrack   TrackKind = "load"
	PhaseTrack  TrackKind = "phase"
	FaultTrack  TrackKind = "fault"
	InjectTrack TrackKind = "inject"
)

// Cell is a column of a row.
type Cell struct {
	// Cover is the share of the column's time in which it is so, and above zero for everything that happens in it at all.
	Cover float64
	// Height is 1, but for a load, where it is the requests of the column as a share of those of the fullest one, and for
	// a fault with a ramp, where it goes from 0.2 to 1 as the value goes from its lower to its higher end.
	Height float64
}

// Begin of the picture and its Length, in seconds: the warm-up is in it.
func (p *Plan) Begin() float64 { return -p.Warmup }

// Length of the picture in seconds.
func (p *Plan) Length() float64 { return p.Warmup + p.Duration }

// Tracks makes the rows of the picture: loads, then phases, then faults.
func (p *Plan) Tracks(columns int) []Track {
	var tracks []Track
	for i := range p.Load {
		if p.Load[i].To == "" || len(p.arrivals[i]) == 0 {
			continue // a program or bulk data, whose requests nobody plans
		}
		name := p.Load[i].From + " → " + p.Load[i].To
		tracks = append(tracks, Track{name, LoadTrack, p.density(p.arrivals[i], columns)})
	}
	for _, ph := range p.Phases {
		t := Track{ph.Name, PhaseTrack, make([]Cell, columns)}
		p.fill(t.Cells, ph.From, p.end(ph.To), nil)
		tracks = append(tracks, t)
	}
	for i := range p.Faults {
		tracks = append(tracks, p.faultTrack(&p.Faults[i], columns))
	}
	return tracks
}

func (p *Plan) end(to *float64) float64 {
	if to == nil {
		return p.Duration
	}
	return *to
}

// density is how many arrivals there are in each column.
func (p *Plan) density(arrivals []int64, columns int) []Cell {
	cells := make([]Cell, columns)
	most := 0.
	for _, at := range arrivals {
		c := &cells[p.column(float64(at)/1e9, columns)]
		c.Height++
		most = max(most, c.Height)
	}
	for i := range cells {
		if cells[i].Height > 0 {
			cells[i].Height /= most
			cells[i].Cover = 1
		}
	}
	return cells
}

// column in which a moment lies.
func (p *Plan) column(at float64, columns int) int {
	c := int((at-p.Begin())/p.Length()*float64(columns) + 1e-9) // a boundary is the column's after it
	return min(max(c, 0), columns-1)
}

func (p *Plan) faultTrack(f *Fault, columns int) Track {
	t := Track{f.Name, FaultTrack, make([]Cell, columns)}
	if f.fault.Do.Inject != nil {
		t.Kind = InjectTrack
	}
	// All repetitions are drawn, however many: beyond one a column there is nothing to see.
	spans, _ := f.fault.Spans(scenario.Duration(p.Duration*1e9), manyRepetitions)
	for _, span := range spans {
		to := p.Duration
		if span.To < scenario.Duration(p.Duration*1e9) {
			to = seconds(span.To)
		}
		p.fill(t.Cells, seconds(span.From), to, f.fault)
	}
	return t
}

// manyRepetitions is more than a picture can show.
const manyRepetitions = 1_000_000

// fill marks the columns from one moment to another.
func (p *Plan) fill(cells []Cell, from, to float64, f *scenario.Fault) {
	width := p.Length() / float64(len(cells))
	first := p.column(from, len(cells))
	for c := first; c < len(cells); c++ {
		begin := p.Begin() + float64(c)*width
		if begin >= to-width*1e-9 && c > first {
			break
		}
		inside := (min(to, begin+width) - max(from, begin)) / width
		cells[c].Cover = min(cells[c].Cover+max(inside, 1e-12), 1) // what takes no time is seen too
		cells[c].Height = max(cells[c].Height, rampHeight(f, begin+width/2-from))
	}
}

// rampHeight is how high the value of a fault's ramp is at a time after its beginning.
func rampHeight(f *scenario.Fault, after float64) float64 {
	if f == nil || f.Ramp == nil {
		return 1
	}
	r := f.Ramp
	level := float64(r.Step(scenario.Duration(after*1e9))) / float64(r.Steps-1)
	if !rises(f) {
		level = 1 - level
	}
	return 0.2 + 0.8*level
}

func rises(f *scenario.Fault) bool {
	switch r := f.Ramp; {
	case r.Chance != nil:
		return f.Select.Chance != nil && *r.Chance > *f.Select.Chance
	case r.Delay > 0:
		return r.Delay > f.Do.Delay
	default:
		return r.Rate > f.Do.Rate
	}
}

// Ticks returns round moments for an axis, at most so many: multiples of 1, 2 or 5 times a power of ten seconds, or of
// what clocks have.
func Ticks(from, to float64, most int) []float64 {
	step := (to - from) / float64(max(most, 1))
	steps := []float64{60, 120, 300, 600, 1200, 1800, 3600, 7200, 4 * 3600, 6 * 3600, 12 * 3600}
	if step <= 30 {
		steps = nil
		for unit := 1e-6; unit < 100; unit *= 10 {
			steps = append(steps, unit, 2*unit, 5*unit)
		}
		steps = append(steps[:len(steps)-2], 15, 30) // of 10, 20 and 50 seconds only the first
	}
	chosen := steps[len(steps)-1]
	for _, s := range steps {
		if s >= step*(1-1e-9) {
			chosen = s
			break
		}
	}
	var ticks []float64
	for i := math.Ceil(from/chosen - 1e-9); i*chosen <= to+chosen*1e-9; i++ {
		ticks = append(ticks, i*chosen)
	}
	return ticks
}
