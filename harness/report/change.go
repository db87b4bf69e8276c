package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

const (
	// mostChanges is how many rows a table of changes has.
	mostChanges = 10
	// mostComparisons is how many such tables there are.
	mostComparisons = 4
)

// Changes makes a table for each group of faults: what the main figures were before, during and after. Those that
// moved by less than half are left out, and so are tables without any. Without a scenario or a timeline there are none.
func Changes(r *result.Record, s *scenario.Scenario) []Section {
	if s == nil {
		return nil
	}
	var out []Section
	for _, c := range effect.Of(r, s) {
		sec := Section{ID: "changes", Title: ChangesTitle(&c), Left: 1, Header: []string{""}}
		for _, w := range c.Windows {
			sec.Header = append(sec.Header, windowTitle(w))
		}
		for _, change := range Ordered(&c) {
			if !change.Notable() || len(sec.Rows) == mostChanges {
				continue
			}
			row := []string{change.Label}
			for j := range c.Windows {
				row = append(row, change.String(j))
			}
			sec.Rows = append(sec.Rows, row)
		}
		if len(sec.Rows) == 0 {
			continue
		}
		if out = append(out, sec); len(out) == mostComparisons {
			break
		}
	}
	return out
}

// Ordered returns the changes as a table has them: what the clients felt, then the rest, each with the largest first.
func Ordered(c *effect.Comparison) (list []*effect.Change) {
	for i := range c.Changes {
		list = append(list, &c.Changes[i])
	}
	slices.SortStableFunc(list, func(a, b *effect.Change) int {
		switch x, y := felt(a), felt(b); {
		case x && !y:
			return -1
		case y && !x:
			return 1
		}
		return 0
	})
	return list
}

// felt says whether a change is one that clients notice.
func felt(c *effect.Change) bool { return strings.HasPrefix(c.Series, "http.") }

// ChangesTitle says what a comparison is about: What moved while dup-acks acted.
func ChangesTitle(c *effect.Comparison) string {
	names := quantity.List(c.Names)
	title := "What moved while " + names + " acted"
	switch c.Kind {
	case effect.Injection:
		title = "What moved after " + names
	case effect.Load:
		title = "What moved during the load " + names
	}
	if len(c.Also) > 0 {
		title += ", as did " + quantity.List(c.Also)
	}
	return title
}

func windowTitle(w effect.Window) string {
	return fmt.Sprintf("%s (%s)", w.Name, quantity.Exact(quantity.Seconds(w.Seconds)))
}

// Headlines says the largest changes of a run in a sentence each, at most so many: those of nodes, the largest first,
// and then the largest that clients felt.
func Headlines(list []effect.Comparison, most int) []string {
	var clients, out []string
	for n := 0; len(clients) == 0; n++ {
		if !forNth(list, n, func(c *effect.Comparison, change *effect.Change) {
			if felt(change) && len(clients) == 0 {
				clients = append(clients, headline(c, change))
			}
		}) {
			break
		}
	}
	said := map[string]bool{} // nodes whose CPU time has been
	for n := 0; forNth(list, n, func(c *effect.Comparison, change *effect.Change) {
		node, _, cpu := strings.Cut(change.Series, ".cpu.")
		// Softirqs are part of all CPU time: what moved one moved the other.
		if len(out)+len(clients) >= most || felt(change) || cpu && said[node] {
			return
		}
		said[node] = said[node] || cpu
		out = append(out, headline(c, change))
	}); n++ {
	}
	return append(out, clients...)
}

// forNth calls f with the nth change of each comparison that has one which is notable, and says whether there was one.
func forNth(list []effect.Comparison, n int, f func(*effect.Comparison, *effect.Change)) (found bool) {
	for i := range list {
		if c := &list[i]; n < len(c.Changes) && c.Changes[n].Notable() {
			found = true
			f(c, &c.Changes[n])
		}
	}
	return found
}

// headline says one change: web, CPU in softirq: 2 % before, 97 % while dup-acks acted, 3 % after.
func headline(c *effect.Comparison, change *effect.Change) string {
	return strings.Replace(change.Label, ": ", ", ", 1) + ": " + Around(c, change)
}

// Around says the values of a change: 2 % before, 97 % while dup-acks acted, 3 % after.
func Around(c *effect.Comparison, change *effect.Change) string {
	names := quantity.List(c.Names)
	var parts []string
	for i, w := range c.Windows {
		v := change.String(i)
		if v == none {
			continue
		}
		switch {
		case w.Name == effect.During && c.Kind == effect.Load:
			parts = append(parts, v+" during the load "+names)
		case w.Name == effect.During && len(c.Names) == 1:
			parts = append(parts, v+" while "+names+" acted")
		case w.Name == effect.During:
			parts = append(parts, v+" while "+names+" acted together")
		case w.Name == effect.After && c.Kind == effect.Injection:
			parts = append(parts, v+" after "+names)
		case w.Name == effect.Between:
			parts = append(parts, v+" in between")
		default:
			parts = append(parts, v+" "+w.Name)
		}
	}
	out := strings.Join(parts, ", ")
	if len(c.Also) > 0 {
		out += fmt.Sprintf(" (%s acted too)", quantity.List(c.Also))
	}
	return out
}
