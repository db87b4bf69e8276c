package page

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/chart"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// output is what a program wrote.
type output struct {
	Name, About string
	Open        bool // it is unfolded
	Bad         bool // its program did not end as planned
	Head, Tail  []said
	Gap         string // what is missing between the two
}

// said is a line of output.
type said struct {
	At, Text string
	Error    bool
}

// Bounds of what is shown of a program's output: lines that are not folded away, and lines at the beginning and the
// end.
const (
	mostUnfolded = 12
	mostSaid     = 400
)

// outputs is what the programs of a record wrote. The scenario may be nil.
func outputs(r *result.Record, s *scenario.Scenario) (list []output) {
	for i := range r.Programs {
		p := &r.Programs[i]
		o := output{Name: p.Node + " " + p.Name, Bad: report.Unplanned(p, s)}
		if o.Bad && p.Failed != "" {
			o.About = p.Failed + "; "
		}
		n := len(p.Output)
		if n == 0 && o.About == "" {
			continue
		}
		o.About += quantity.Plural(int64(n), "line")
		o.Open = n <= mostUnfolded
		head := p.Output
		if n > 2*mostSaid {
			head = p.Output[:mostSaid]
			o.Tail = lines(p.Output[n-mostSaid:])
			o.Gap = fmt.Sprintf("%s more in the record", quantity.Plural(int64(n-2*mostSaid), "line"))
		}
		o.Head = lines(head)
		if p.Dropped > 0 {
			o.About += fmt.Sprintf(", and %s in the middle that were not kept", quantity.Bytes(float64(p.Dropped)))
		}
		list = append(list, o)
	}
	return list
}

func lines(list []result.Line) []said {
	out := make([]said, len(list))
	for i, l := range list {
		out[i] = said{report.OutputTime(l.At), l.Text, l.Error}
	}
	return out
}

// mostProgramRows is how many programs have a row in the picture over time; those that did not run all the time come
// first.
const mostProgramRows = 16

// programs adds a row for each program, from its last start to its end. What starts or ends in sight is a mark in all
// charts.
func (pic *picture) programs(r *result.Record, s *scenario.Scenario, f chart.Frame) {
	var rows, steady []row
	for i := range r.Programs {
		p := &r.Programs[i]
		if p.Started == nil || p.Ended != nil && *p.Ended < f.From {
			continue // it is in the table
		}
		from, to := max(*p.Started, f.From), f.To
		if p.Ended != nil {
			to = min(*p.Ended, f.To)
		}
		line := row{Name: p.Node + " " + p.Name, Kind: "program", Note: report.ProgramEnd(p, s)}
		if from < f.To { // whatever is short can be seen
			line.Solid = string(box(nil, f.X(from), max(f.X(to), f.X(from)+chart.Width/columns), 1))
		}
		moments := 0
		for _, at := range []*float64{p.Started, p.Ended} {
			if at != nil && *at > f.From && *at < f.To {
				moments++
				pic.Turns = append(pic.Turns, f.X(*at))
			}
		}
		if p.Ended != nil && *p.Ended > f.From && *p.Ended < f.To && report.Unplanned(p, s) {
			pic.Ends = true
			line.Marks = append(line.Marks, mark{f.X(*p.Ended), f.Percent(*p.Ended)})
		}
		if moments == 0 {
			steady = append(steady, line)
			continue
		}
		rows = append(rows, line)
	}
	rows = append(rows, steady...)
	if n := len(rows) - mostProgramRows; n > 0 {
		pic.Unseen = fmt.Sprintf("%s has no row.", quantity.Plural(int64(n), "other program"))
		if n > 1 {
			pic.Unseen = fmt.Sprintf("%s have no row.", quantity.Plural(int64(n), "other program"))
		}
		rows = rows[:mostProgramRows]
	}
	pic.Rows = append(pic.Rows, rows...)
}
