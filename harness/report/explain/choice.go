package explain

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// chosen are the events that are shown, and what is not.
func (e *Explanation) chosen(all bool) (list []Event, left []string) {
	if all {
		return e.Events, nil
	}
	var series []*Event
	marks := 0
	for i := range e.Events {
		switch e.Events[i].Kind {
		case Series:
			series = append(series, &e.Events[i])
		case Mark:
			marks++
		}
	}
	shown := map[*Event]bool{}
	sort.SliceStable(series, func(i, j int) bool { return series[i].rank() < series[j].rank() })
	for _, s := range series[:min(len(series), mostSeries)] {
		shown[s] = true
	}
	seen := 0
	for i := range e.Events {
		x := &e.Events[i]
		switch x.Kind {
		case Mark:
			// The first of them and the last: in between, faults repeat.
			if seen++; seen > mostMarks-1 && seen != marks {
				continue
			}
		case Series:
			if !shown[x] {
				continue
			}
		}
		list = append(list, *x)
	}
	if n := len(series) - mostSeries; n > 0 {
		left = append(left, fmt.Sprintf("%d series", n))
	}
	if n := marks - mostMarks; n > 0 {
		left = append(left, fmt.Sprintf("%d times at which faults begin or end", n))
	}
	return list, left
}

// rank puts first what is shown first if there is no room for all: what clients felt, and what says most of nodes.
func (e *Event) rank() float64 {
	_, what, _ := strings.Cut(e.Series, ".")
	class := 1.
	switch {
	case e.Place == clients, what == "tcp.retrans", what == "sql.reconnects", strings.HasSuffix(what, "drops"):
		class = 0
	case e.Place == "machine", what == "runqueue", what == "pressure.cpu", what == "memory", what == "cpu.softirq":
		class = 2
	}
	return class*1e9 - min(e.weight, 1e8)
}

// first says what left its range first.
func (e *Explanation) first() string {
	acted := false
	var names []string
	var at *Event
	for i := range e.Events {
		x := &e.Events[i]
		acted = acted || x.Kind == Mark
		if x.Kind != Series || !acted {
			continue
		}
		if at != nil && (x.To != at.To || x.From != at.From) {
			break
		}
		at = x
		names = append(names, strings.TrimSpace(x.Place+": "+x.Text))
	}
	if at == nil {
		return "No series left its calm range."
	}
	text := strings.Join(names[:min(len(names), mostFirst)], "; ")
	if more := len(names) - mostFirst; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	when := strings.Replace(at.interval(), "–", " and ", 1)
	return fmt.Sprintf("First out of the calm range, between %s s: %s.", when, text)
}

const mostFirst = 3

// measures is the table of metrics that are out, what clients felt first.
func (p *page) measures(e *Explanation) (left []string) {
	list := e.of(Measure)
	slices.SortStableFunc(list, func(a, b Total) int { return a.class() - b.class() })
	if !p.o.All {
		more := slices.IndexFunc(list, func(t Total) bool { return t.class() == repeated })
		if n := max(more, 0); more >= 0 {
			left = append(left, quantity.Plural(int64(len(list)-n), "metric"))
			list = list[:n]
		}
	}
	if len(list) == 0 {
		return left
	}
	p.title("Over the whole window")
	t := &table.Table{Header: []string{"", "metric", "here", "calm", "calm range", "what it is"},
		Right: []bool{false, false, true, true, true}, Most: []int{0, 0, 0, 0, 0, 50}}
	if p.o.Markdown {
		t.Most = nil
	}
	for i, x := range list {
		if i == mostMeasures && !p.o.All {
			left = []string{quantity.Plural(int64(len(e.of(Measure))-i), "metric")}
			break
		}
		m := metric.Metric{Unit: x.Unit, Share: x.Share}
		about := x.About
		if !p.o.All {
			about, _, _ = strings.Cut(about, ", ")
		}
		t.Rows = append(t.Rows, []string{
			x.Place, x.Name, m.Format(x.Value), m.Format(x.Twin), between(m, x.Low, x.High), about,
		})
	}
	p.table(t)
	return left
}

// Classes of metrics, in the order in which they are shown.
const (
	felt = iota // by clients
	other
	repeated // what is in the table of series already, or in another metric
)

// class of a metric.
func (t *Total) class() int {
	switch {
	case t.Place == clients:
		for _, one := range []string{".p50", ".p99", ".max", "errors"} {
			if strings.Contains(t.Name, one) && !strings.Contains(t.Name, "p999") {
				return felt
			}
		}
		return repeated
	case strings.HasPrefix(t.Name, "queue.") || strings.HasPrefix(t.Name, "cpu.") && t.Name != "cpu.user" ||
		strings.Contains(t.Name, "runqueue") || t.Place == "machine":
		return repeated
	}
	for _, series := range []string{
		"accept_queue.", "sockets.established.", "sockets.time_wait.", "pressure.cpu", "sql.reconnects",
	} {
		if strings.HasPrefix(t.Name, series) {
			return repeated
		}
	}
	return other
}

func (e *Explanation) of(kind string) (list []Total) {
	for _, t := range e.Totals {
		if t.Kind == kind {
			list = append(list, t)
		}
	}
	return list
}

// counters tells the kernel's counters, by topic.
func (p *page) counters(e *Explanation) (left []string) {
	list := e.of(Counter)
	if len(list) == 0 {
		return nil
	}
	if n := len(list) - mostCounters; n > 0 && !p.o.All {
		list, left = list[:mostCounters], []string{quantity.Plural(int64(n), "counter")}
	}
	p.title("The kernel's counters, over the whole window")
	said := map[string]bool{}
	for _, topic := range metric.Topics() {
		for _, x := range list {
			if x.Topic != topic {
				continue
			}
			count := metric.Metric{Unit: metric.One}
			below := []string{}
			if about := x.About; (about != "" || x.From != "") && !said[x.Name] {
				said[x.Name] = true
				if x.From != "" {
					about = strings.TrimSpace(about + " (" + x.From + ")")
				}
				below = append(below, about)
			}
			p.item(fmt.Sprintf("%s %s: %s; calm %s, range %s", x.Place, x.Name, count.Format(x.Value),
				count.Format(x.Twin), between(count, x.Low, x.High)), below...)
		}
	}
	return left
}
