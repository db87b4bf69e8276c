package page

import (
	"strconv"

	"github.com/ruleout/ruleout/harness/report/chart"
	"github.com/ruleout/ruleout/harness/run/plan"
)

// picture is the plan of the run over time: a row for each load, phase and fault, and what is shaded behind all charts.
type picture struct {
	Rows  []row
	Bands []row // the faults again, as high as a chart
	Ticks []Tick
	// Shaded is whether a fault acts for some time, Forging whether segments are forged at moments.
	Shaded, Forging bool
	Warm            int // width of the warm-up, of chart.Width
	// Turns are where programs start or end, of chart.Width; Ends is whether one of these ends is marked. Unseen says how
	// many programs have no row.
	Turns  []int
	Ends   bool
	Unseen string
}

// row is something over time. Faint is where it acted for less than half of a column.
type row struct {
	Name, Kind, Note string
	Solid, Faint     string
	Marks            []mark // moments
}

// mark is a moment.
type mark struct {
	X       int     // of chart.Width
	Percent float64 // of the width
}

// Tick is a number beside an axis.
type Tick struct {
	X       int     // of chart.Width, or of chart.Height
	Percent float64 // of the width, or of the height from the top
	Text    string
}

// Columns of the rows of a picture. Those of a load are wide enough to hold some requests, or
// there would be nothing but single ones to see.
const (
	columns     = 500
	loadColumns = 125
)

func newPicture(p *plan.Plan, f chart.Frame) *picture {
	pic := &picture{Warm: f.X(0)}
	notes, watches := map[string]string{}, map[string]bool{}
	for _, fault := range p.Faults {
		notes[fault.Name] = fault.Does + ", " + fault.When
		watches[fault.Name] = fault.Watches
	}
	loads := p.Tracks(loadColumns)
	for i, t := range p.Tracks(columns) {
		if t.Kind == plan.LoadTrack {
			t = loads[i]
		}
		r := newRow(t)
		if t.Kind == plan.FaultTrack || t.Kind == plan.InjectTrack {
			r.Note = notes[t.Name]
			if watches[t.Name] { // it changes nothing, so nothing in the charts is its doing
				r.Kind = "watch"
				pic.Rows = append(pic.Rows, r)
				continue
			}
			pic.Bands = append(pic.Bands, r)
			pic.Shaded = pic.Shaded || t.Kind == plan.FaultTrack
			pic.Forging = pic.Forging || t.Kind == plan.InjectTrack
		}
		pic.Rows = append(pic.Rows, r)
	}
	for _, at := range plan.Ticks(f.From, f.To, 8) {
		pic.Ticks = append(pic.Ticks, Tick{f.X(at), f.Percent(at), plan.TickText(at)})
	}
	if n := len(pic.Ticks); n > 0 {
		pic.Ticks[n-1].Text += " s"
	}
	return pic
}

func newRow(t plan.Track) row {
	r := row{Name: t.Name, Kind: string(t.Kind)}
	if t.Kind == plan.InjectTrack {
		for i, c := range t.Cells {
			if c.Cover > 0 {
				r.Marks = append(r.Marks, mark{i * chart.Width / columns, float64(i) * 100 / columns})
			}
		}
		return r
	}
	var solid, faint []byte
	width := chart.Width / len(t.Cells)
	for i := 0; i < len(t.Cells); {
		c := t.Cells[i]
		end := i + 1
		for end < len(t.Cells) && same(c, t.Cells[end]) {
			end++
		}
		switch {
		case c.Cover >= 0.5 || c.Cover > 0 && t.Kind == plan.LoadTrack:
			solid = box(solid, i*width, end*width, c.Height)
		case c.Cover > 0:
			faint = box(faint, i*width, end*width, c.Height)
		}
		i = end
	}
	r.Solid, r.Faint = string(solid), string(faint)
	return r
}

// same says whether two cells look alike.
func same(a, b plan.Cell) bool {
	return (a.Cover >= 0.5) == (b.Cover >= 0.5) && (a.Cover > 0) == (b.Cover > 0) && a.Height == b.Height
}

// box appends a box to a path, standing on the ground.
func box(path []byte, from, to int, height float64) []byte {
	number := func(command byte, n int) { path = strconv.AppendInt(append(path, command), int64(n), 10) }
	number('M', from)
	number(' ', chart.Height)
	number('V', chart.Y(height, 1))
	number('H', to)
	number('V', chart.Height)
	return append(path, 'Z')
}
