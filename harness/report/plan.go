package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// PlanOptions of [Plan]. The zero value is plain text of 80 columns.
type PlanOptions struct {
	// Color marks titles.
	Color bool
	// ASCII draws the picture without block characters.
	ASCII bool
	// Width of a line; 0 stands for 80.
	Width int
}

// Plan writes what a run would do, for a terminal.
func Plan(w io.Writer, pl *plan.Plan, o PlanOptions) error {
	if o.Width == 0 {
		o.Width = 80
	}
	p := &printer{w: w, color: o.Color}
	p.line("%s  seed %d", p.paint(text.Bold, pl.Scenario), pl.Seed)
	for _, l := range Wrap(pl.About, o.Width) {
		p.line("%s", l)
	}
	for _, sec := range []Section{planNodes(pl), planLinks(pl), planLoad(pl), planFaults(pl), planRamps(pl)} {
		if len(sec.Rows) == 0 {
			continue
		}
		p.line("")
		p.line("%s", p.paint(text.Bold, sec.Title))
		sec.fit(o.Width - 2)
		p.table(sec)
		for _, note := range lines(sec.Note) {
			p.line("  %s", p.paint(text.Faint, note))
		}
	}
	p.line("")
	p.line("%s", p.paint(text.Bold, "Timeline"))
	for _, l := range pl.Picture(plan.Canvas{Width: o.Width - 2, ASCII: o.ASCII}) {
		p.line("  %s", l)
	}
	p.line("")
	for _, m := range pl.Moments {
		p.line("  %+9.3f  %-9s  %s", m.At, m.Kind, m.Text)
	}
	p.line("  %+9.3f  %-9s  %s", pl.Duration, "end", "of the measured window; the last requests are waited for")
	if len(pl.Expect) > 0 {
		p.line("")
		p.line("%s", p.paint(text.Bold, "Expected"))
		for _, l := range Wrap(prefix("after ", pl.Source), o.Width-2) {
			p.line("  %s", l)
		}
		for _, e := range pl.Expect {
			p.line("  %s", e)
		}
	}
	p.line("")
	for _, l := range Wrap(PlanCost(pl), o.Width) {
		p.line("%s", l)
	}
	return p.err
}

// PlanCost says what a run is estimated to cost.
func PlanCost(pl *plan.Plan) string {
	c := pl.Cost
	prepare := ""
	if c.Prepare > 0 {
		prepare = fmt.Sprintf(" To start its programs takes about %s before, once for all seeds.",
			quantity.Exact(quantity.Seconds(c.Prepare)))
	}
	return fmt.Sprintf("estimate: %s of virtual time, for about %s of which the guest's CPU is busy: "+
		"%s to %s of wall time on an idle core. What faults add (retransmissions, a loop of ACKs) is not in it.",
		quantity.Seconds(c.Virtual), quantity.Seconds(c.Busy), quantity.Exact(quantity.Seconds(c.WallLeast)),
		quantity.Exact(quantity.Seconds(c.WallMost))) + prepare
}

func planNodes(pl *plan.Plan) Section {
	sec := Section{Title: "Nodes", Left: 2, Header: []string{"node", "does"}}
	for _, n := range pl.Nodes {
		does := n.Does
		if does == "" {
			does = none
		}
		sec.Rows = append(sec.Rows, []string{n.Name, does})
	}
	return sec
}

func planLinks(pl *plan.Plan) Section {
	sec := Section{Title: "Links", Left: 1, Header: []string{"link", "delay one way", "rate", "queue", "MTU"}}
	for i := range pl.Links {
		l := &pl.Links[i]
		name := l.String()
		if l.Profile != "" {
			name += ", as " + l.Profile
		}
		if l.Back == nil {
			sec.Rows = append(sec.Rows, planLink(name, l))
			continue
		}
		sec.Rows = append(sec.Rows, planLink(name+", from "+l.Between[0], l), planLink("– from "+l.Between[1], l.Back))
	}
	return sec
}

// place is where a fault acts.
func place(f *plan.Fault) string {
	if f.Node != "" {
		return f.Node
	}
	return f.Link[0] + " – " + f.Link[1]
}

// planLink is the row of a link, or of one of its directions.
func planLink(name string, l *plan.Link) []string {
	rate, queue := none, none
	if l.Rate > 0 {
		rate = quantity.Exact(quantity.Rate(float64(l.Rate)))
	}
	if l.Waiting != "" {
		queue = l.Waiting
	}
	return []string{name, quantity.Exact(quantity.Seconds(l.Delay)), rate, queue, quantity.Count(int64(l.MTU))}
}

func planLoad(pl *plan.Plan) Section {
	sec := Section{Title: "Load", Left: 1, Header: []string{"what", "from", "to", "requests", "of them measured"}}
	for _, l := range pl.Load {
		requests, measured := quantity.Count(l.Requests), quantity.Count(l.Measured)
		if l.To == "" || l.Requests == 0 { // a program, or bulk data
			requests, measured = none, none
		}
		sec.Note = join(sec.Note, l.Note)
		sec.Rows = append(sec.Rows, []string{l.Does, moment(l.Begin), moment(l.End), requests, measured})
	}
	return sec
}

// moment writes a time of the run's own clock.
func moment(at float64) string { return plan.TickText(at) + " s" }

func planFaults(pl *plan.Plan) Section {
	sec := Section{Title: "Faults", Left: 4, Header: []string{"fault", "link", "does", "when"}}
	for _, f := range pl.Faults {
		sec.Rows = append(sec.Rows, []string{f.Name, place(&f), f.Does, f.When})
		for _, s := range f.Forge {
			sec.Note = join(sec.Note, f.Name+": "+s)
		}
	}
	return sec
}

// planRamps lists the values of ramps, a row each.
func planRamps(pl *plan.Plan) Section {
	sec := Section{Title: "Ramps", Left: 2, Header: []string{"fault", "value, from how long after its beginning"}}
	for _, f := range pl.Faults {
		var steps []string
		for _, s := range f.Ramp {
			steps = append(steps, fmt.Sprintf("%s (%s)", s.Value, s.Begins()))
		}
		if len(steps) > 0 {
			sec.Rows = append(sec.Rows, []string{f.Name, strings.Join(steps, ", ")})
		}
	}
	return sec
}

// leastColumn is what [Section.fit] leaves of a column of text.
const leastColumn = 18

// fit makes columns of text narrower, the widest first, until the table is no wider than width.
func (s *Section) fit(width int) {
	widths := make([]int, len(s.Header))
	total := 2 * (len(s.Header) - 1)
	for i := range s.Header {
		widths[i] = text.RuneWidthWithoutEscSequences(s.Header[i])
		for _, row := range s.Rows {
			widths[i] = max(widths[i], text.RuneWidthWithoutEscSequences(row[i]))
		}
		total += widths[i]
	}
	s.most = make([]int, s.Left)
	for total > width {
		widest := 0
		for i := range s.Left {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if s.Left == 0 || widths[widest] <= leastColumn {
			return
		}
		widths[widest]--
		total--
		s.most[widest] = widths[widest]
	}
}

// Wrap breaks a text into lines of at most so many columns, where words end.
func Wrap(s string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && text.RuneWidthWithoutEscSequences(line)+1+text.RuneWidthWithoutEscSequences(word) > width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line == "" {
		return out
	}
	return append(out, line)
}
