package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// mostQuoted is how many of the last lines of a program's output are quoted in a report that is text.
const mostQuoted = 8

// programs is the table of what became of the programs of images, with the last words of those that did not end as the
// scenario plans.
func programs(r *result.Record, s *scenario.Scenario) Section {
	sec := Section{ID: "programs", Title: "Programs", Left: 3,
		Header: []string{"node", "program", "how", "started", "ready", "ended"}}
	for i := range r.Programs {
		p := &r.Programs[i]
		sec.Rows = append(sec.Rows, []string{
			p.Node, p.Name, ProgramEnd(p, s), programTime(p.Started), programTime(p.Ready), programTime(p.Ended),
		})
		if text := StatusGaps(p); text != "" {
			sec.Note = join(sec.Note, text)
		}
		if !Unplanned(p, s) {
			continue
		}
		if p.Signal == "SIGILL" {
			sec.Note = join(sec.Note, fmt.Sprintf("%s %s: SIGILL is an instruction that the emulated CPU does not have; "+
				"it is an x86-64 of the first version, without SSSE3, SSE4, POPCNT and AVX", p.Node, p.Name))
		}
		q := Quote{Title: fmt.Sprintf("%s %s %s", p.Node, p.Name, p.How())}
		switch n := len(p.Output); {
		case n == 0:
			q.Title += "; it wrote nothing"
		case n > mostQuoted:
			q.Title += fmt.Sprintf("; the last %d of its %s:", mostQuoted, quantity.Plural(int64(n), "line"))
		default:
			q.Title += "; it wrote:"
		}
		for _, l := range p.Output[max(0, len(p.Output)-mostQuoted):] {
			q.Lines = append(q.Lines, OutputTime(l.At)+"  "+stream(l)+"  "+l.Text)
		}
		sec.Quotes = append(sec.Quotes, q)
	}
	return sec
}

// stream names where a line was written to; both names are of one length.
func stream(l result.Line) string {
	if l.Error {
		return "err"
	}
	return "out"
}

// ProgramEnd says in a few words how a program ended, and how often it was started again. The
// scenario may be nil.
func ProgramEnd(p *result.Program, s *scenario.Scenario) string {
	how := p.How()
	plan, _ := programOf(p, s)
	switch {
	case p.Failed != "":
		how = "could not be started"
	case p.Stopped && p.Ended != nil && !early(p, plan):
		how = "was told to end, " + how
	}
	if p.Restarts > 0 {
		how += fmt.Sprintf("; started again %s", quantity.Plural(int64(p.Restarts), "time"))
	}
	return how
}

// OutputTime writes when a line of output was written: +1.234 s.
func OutputTime(at float64) string { return fmt.Sprintf("%+.3f s", at) }

func programTime(at *float64) string {
	if at == nil {
		return none
	}
	return OutputTime(*at)
}

// Unplanned reports whether a program ended otherwise than the scenario plans, or with a status that tells of trouble.
// The scenario may be nil.
func Unplanned(p *result.Program, s *scenario.Scenario) bool {
	plan, client := programOf(p, s)
	switch {
	case p.Failed != "" || p.Restarts > 0:
		return true
	case plan != nil && plan.ExpectExit != nil:
		return p.Ended == nil || p.Exit != *plan.ExpectExit
	case p.Ended == nil || p.Stopped && !early(p, plan):
		return false
	case p.Exit != 0:
		return true
	}
	return plan != nil && !client && !plan.MayExit
}

// early reports whether a program that was told to end had ended before.
func early(p *result.Program, plan *scenario.Program) bool {
	if plan == nil || plan.For == 0 {
		return false
	}
	stop := time.Duration(plan.For)
	if plan.At != nil {
		stop += time.Duration(*plan.At)
	}
	return *p.Ended < stop.Seconds()
}

// programOf finds what the scenario says of a program, and whether it is a client.
func programOf(p *result.Program, s *scenario.Scenario) (plan *scenario.Program, client bool) {
	if s == nil {
		return nil, false
	}
	list, places := s.Programs(p.Node)
	for i := range list {
		if list[i].Name == p.Name {
			return list[i], strings.HasPrefix(places[i], "load")
		}
	}
	return nil, false
}
