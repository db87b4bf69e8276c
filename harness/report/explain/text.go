package explain

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Options of the page.
type Options struct {
	// All shows what is left out otherwise.
	All bool
	// Markdown writes tables and headings so.
	Markdown bool
}

// How much is shown unless all is asked for: about 60 lines.
const (
	mostFaults   = 4
	mostForged   = 2
	mostMarks    = 8
	mostSeries   = 12
	mostMeasures = 5
	mostCounters = 8
)

// page writes the parts of an explanation, and remembers the first error.
type page struct {
	w   io.Writer
	o   Options
	err error
}

func (p *page) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", a...)
	}
}

func (p *page) title(text string) {
	p.line("")
	if p.o.Markdown {
		p.line("### %s", text)
		p.line("")
		return
	}
	p.line("%s", text)
}

// width of the page in columns.
const width = 120

// item is an entry of a list, with what belongs to it.
func (p *page) item(text string, below ...string) {
	if p.o.Markdown {
		p.line("- %s", strings.Join(append([]string{text}, below...), "; "))
		return
	}
	p.wrapped("  ", text)
	for _, b := range below {
		p.wrapped("    ", b)
	}
}

func (p *page) wrapped(indent, text string) {
	for _, line := range report.Wrap(text, width-len(indent)) {
		p.line("%s%s", indent, line)
	}
}

func (p *page) table(t *table.Table) {
	text := t.Text("  ")
	if p.o.Markdown {
		text = t.Markdown()
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
	if p.o.Markdown {
		p.line("")
	}
}

// Text writes the page.
func (e *Explanation) Text(w io.Writer, o Options) error {
	p := &page{w: w, o: o}
	head := fmt.Sprintf("%s  seed %d  kernel %s", e.Scenario, e.Seed, e.Kernel)
	if o.Markdown {
		head = "## " + head
	}
	p.line("%s", head)
	p.line("")
	for _, sentence := range e.comparison() {
		p.item(sentence)
	}
	left := p.faults(e)
	left = append(left, p.events(e)...)
	left = append(left, p.measures(e)...)
	left = append(left, p.counters(e)...)
	p.line("")
	if c := e.Chance; c != nil {
		p.item(fmt.Sprintf("Of %s figures, %s are out of their calm range. Of each calm run, held against the others, "+
			"it is %s.", quantity.Count(int64(c.Figures)), quantity.Count(int64(c.Here)), span(c.Least, c.Most)))
	}
	if len(left) > 0 {
		p.item("Left out: " + quantity.List(left) + ". --all shows them.")
	}
	return p.err
}

func span(a, b int) string {
	if a == b {
		return strconv.Itoa(a)
	}
	return fmt.Sprintf("%d to %d", a, b)
}

// seeds names those of runs: seed 2; seeds 2, 4 and 7; seeds 2 to 6.
func seeds(runs []Run) string {
	var list []string
	gap := false
	for i, r := range runs {
		list = append(list, strconv.FormatUint(r.Seed, 10))
		gap = gap || i > 0 && r.Seed != runs[i-1].Seed+1
	}
	noun := quantity.Noun(int64(len(runs)), "seed") + " "
	if n := len(list); n > 2 && !gap {
		return noun + list[0] + " to " + list[n-1]
	}
	return noun + quantity.List(list)
}

// comparison says in sentences what the run is compared with.
func (e *Explanation) comparison() (list []string) {
	if !e.Valid {
		list = append(list, "This run is invalid: it shows nothing either way. "+e.InvalidBecause.String()+".")
	}
	c := &e.Compared
	what := "the same scenario without " + quantity.List(c.Without)
	if len(c.Without) == 0 {
		what = "the same scenario: it has nothing that could be left out"
	}
	switch c.With {
	case WithTwin:
		text := "Calm is " + what + ", with the same seed"
		if further := c.Runs[1:]; len(further) > 0 {
			text += " and with " + seeds(further)
		}
		list = append(list, text+".")
	case WithBefore:
		list = append(list, "The run without what acts in it cannot be made: "+c.Because+".",
			fmt.Sprintf("So calm is the first %s of this run, before anything acted. That is weaker: it is short, and what "+
				"changes with time anyhow shows as well.", seconds(c.Until)),
			"Counters have no values in time, so nothing is said about them.")
	case WithNothing:
		list = append(list, "The run without what acts in it cannot be made: "+c.Because+".",
			"Something acts from the beginning of this run, so there is nothing to compare it with.")
	}
	for _, note := range c.Notes {
		list = append(list, "Note: "+note+".")
	}
	return list
}

// faults says what each fault did.
func (p *page) faults(e *Explanation) (left []string) {
	if len(e.Faults) == 0 {
		return nil
	}
	p.title("What the faults did")
	for i, f := range e.Faults {
		if i == mostFaults && !p.o.All {
			return []string{quantity.Plural(int64(len(e.Faults)-i), "fault")}
		}
		r := f.Receipt
		did := f.did()
		below := []string{did}
		if len(r.Forged) > 0 {
			below = nil
		}
		for n, segment := range r.Forged {
			if n == mostForged && !p.o.All {
				below = append(below, fmt.Sprintf("and %d more segments", len(r.Forged)-n))
				break
			}
			below = append(below, "forged "+report.Forged(segment))
		}
		p.item(fmt.Sprintf("%s, %s: %s", f.Name, f.When, f.Does), below...)
	}
	return nil
}

// events tells what happened in order of time.
func (p *page) events(e *Explanation) []string {
	list, left := e.chosen(p.o.All)
	if len(list) == 0 {
		return nil
	}
	p.title("In order of time")
	if first := e.first(); first != "" {
		p.item(first)
		p.line("")
	}
	t := &table.Table{Header: []string{"s", "", "what", "here", "calm", "calm range", "farthest", "until"},
		Right: []bool{true, false, false, true, true, true, true, true}, Most: []int{0, 14, 36}}
	if p.o.Markdown {
		t.Most = nil
	}
	last := ""
	for _, x := range list {
		row := []string{clock(x.From), x.Place, x.Text, "", "", "", "", ""}
		if x.Departure != nil {
			d := x.Departure
			row[0] = x.interval()
			row[3], row[5] = d.format(float64(d.Value)), d.span()
			if e.Compared.With == WithTwin {
				row[4] = d.format(float64(d.Twin))
			}
			if d.Out > 1 {
				row[6] = fmt.Sprintf("%s at %s", d.format(float64(d.Extreme)), clock(d.ExtremeAt))
				row[7] = clock(d.Until)
			}
		} else if x.Kind == Mark {
			row[2] = "— " + x.Text
		}
		if row[0] == last {
			row[0] = ""
		} else {
			last = row[0]
		}
		t.Rows = append(t.Rows, row)
		for _, line := range x.Output {
			t.Rows = append(t.Rows, []string{"", "", "  " + clock(line.At) + " " + shortened(line.Text), "", "", "", "", ""})
		}
	}
	p.table(t)
	if e.Compared.With == WithTwin {
		p.item("calm: the run with the same seed; calm range: all calm runs at that time. " +
			"A row stands where its sample ends. until: the end of the last sample out of the range.")
	}
	return left
}

// clock writes a time of the run without digits that say nothing.
func clock(s float64) string { return strconv.FormatFloat(math.Round(s*1000)/1000, 'f', -1, 64) }

// longest is how much is shown of a line of output.
const longest = 120

func shortened(line string) string {
	if r := []rune(line); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return line
}

// interval writes the beginning and the end of a sample with the same digits.
func (e *Event) interval() string {
	from, to := clock(e.From), clock(e.To)
	digits := func(s string) int {
		_, after, _ := strings.Cut(s, ".")
		return len(after)
	}
	n := max(digits(from), digits(to))
	return strconv.FormatFloat(e.From, 'f', n, 64) + "–" + strconv.FormatFloat(e.To, 'f', n, 64)
}

// seconds writes a time in a sentence.
func seconds(s float64) string { return quantity.Exact(quantity.Seconds(s)) }

func (d *Departure) format(v float64) string {
	return metric.Metric{Unit: d.Unit, Share: d.Share}.Format(v)
}

func (d *Departure) span() string {
	return between(metric.Metric{Unit: d.Unit, Share: d.Share}, float64(d.Low), float64(d.High))
}

// between writes a range: 0 to 3, or a single number.
func between(m metric.Metric, low, high float64) string {
	a, b := m.Format(low), m.Format(high)
	if a == b {
		return a
	}
	return a + " to " + b
}
