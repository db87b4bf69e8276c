package page

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// view is all that a page shows.
type view struct {
	Name, About     string
	Source          string // of what was expected
	Outcome         outcome
	Invalid         result.Reasons
	Identity        []string
	Short           []string // what there is to know, in a few sentences
	Scenario        *done    // nil when the record's scenario cannot be read
	Comparisons     []comparison
	Picture         *picture
	Charts          []Figure
	Quiet           string // nodes and series that are not drawn
	NoCharts        string // why there are none
	Faults          *report.Section
	Proofs          []proven
	Expect          *report.Section
	Load            []report.Section
	More            []report.Section
	Queues          *report.Section
	Programs        *report.Section
	Outputs         []output
	Nodes           *report.Section
	Topics          []topic
	Settings        [][2]string
	Words           [][2]string
	Replay, Record  string
	Title, Software string
}

// outcome is how the run ended.
type outcome struct{ Class, Mark, Word, Why string }

// done is what was done, in words.
type done struct {
	Network *network
	Nodes   []plan.Node
	Load    []string
	Faults  []did
}

// did is a fault, with what one has to know to understand it.
type did struct {
	plan.Fault
	Know []string
}

// topic is the counters that tell about one thing.
type topic struct {
	Name  metric.Topic
	Nodes []string
	Rows  []counter
}

type counter struct {
	Name, Gloss string
	Cells       []string
}

func newView(r *result.Record, o report.Options) *view {
	v := &view{Name: r.Scenario.Name, Invalid: r.InvalidBecause, Replay: o.Replay, Record: o.Path,
		Software: r.Provenance.Tool}
	v.outcome(r)
	v.Identity = report.Identity(r)
	v.Title = strings.Join(append([]string{v.Name + ": " + v.Outcome.Word}, v.Identity...), ", ")
	for _, sec := range report.Sections(r, report.Options{AllCounters: true}) {
		switch sec.ID {
		case "faults":
			v.Faults = &sec
		case "expect":
			v.Expect = &sec
		case "load", "latency", "lookups", "datagrams", "bulk", "services":
			v.Load = append(v.Load, sec)
		case "queues":
			v.Queues = &sec
		case "nodes":
			v.Nodes = &sec
		case "programs":
			v.Programs = &sec
		case "changes", "counters": // the page has them in its own form
		default:
			v.More = append(v.More, sec)
		}
	}
	v.topics(r)
	v.settings(r)
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	if err != nil {
		v.Outputs = outputs(r, nil)
		v.NoCharts = "This build cannot read the scenario in the record, so what was done is not shown."
		return v
	}
	v.About, v.Source = s.About, s.Source
	v.Outputs = outputs(r, s)
	p := plan.New(s, r.Seed)
	v.done(s, p)
	list := effect.Of(r, s)
	v.Short = short(r, s, list)
	for i := range list[:min(len(list), mostComparisons)] {
		v.Comparisons = append(v.Comparisons, newComparison(&list[i]))
	}
	v.Proofs = proofs(r, s)
	v.draw(r, s, p, list)
	v.Words = words(r, s)
	return v
}

func (v *view) outcome(r *result.Record) {
	word, why := report.Outcome(r)
	v.Outcome = outcomes[word]
	v.Outcome.Word, v.Outcome.Why = word, why
}

func (v *view) done(s *scenario.Scenario, p *plan.Plan) {
	d, told := &done{Network: newNetwork(s)}, map[string]bool{}
	for i, f := range p.Faults {
		d.Faults = append(d.Faults, did{f, know(&s.Faults[i], told)})
	}
	for _, n := range p.Nodes {
		if n.Does != "" {
			d.Nodes = append(d.Nodes, n)
		}
	}
	for i, l := range p.Load {
		if s.Load[i].Exec != nil || s.Load[i].Bulk != nil {
			d.Load = append(d.Load, l.Does)
			continue
		}
		when := fmt.Sprintf("from %s s to %s s", plan.TickText(l.Begin), plan.TickText(l.End))
		if l.Begin == p.Begin() && l.End == p.Duration {
			when = "all the time"
		}
		noun := "request"
		if s.Load[i].UDP != nil {
			noun = "datagram"
		}
		text := fmt.Sprintf("%s, %s: %s in the measured window", l.Does, when, quantity.Plural(l.Measured, noun))
		if l.Note != "" {
			text += "; " + l.Note
		}
		d.Load = append(d.Load, text)
	}
	v.Scenario = d
}

// comparison is a table of what moved, with what there is to say about each figure.
type comparison struct {
	Title   string
	Windows []effect.Window
	Rows    []change
	Rest    string // those that did not move
}

type change struct {
	Label, About string
	Cells        []string
	Notable      bool
	Factor       string
}

// Length of a window in words.
func (c comparison) Length(w effect.Window) string {
	return quantity.Exact(quantity.Seconds(w.Seconds))
}

// mostComparisons is how many tables of what moved there are.
const mostComparisons = 6

// mostChanges is how many figures a table has, besides those of the clients.
const mostChanges = 12

func newComparison(c *effect.Comparison) comparison {
	out := comparison{Title: report.ChangesTitle(c), Windows: c.Windows}
	var rest []string
	for i, ch := range report.Ordered(c) {
		row := change{Label: ch.Label, About: ch.About, Notable: ch.Notable()}
		for j := range c.Windows {
			row.Cells = append(row.Cells, ch.String(j))
		}
		if ch.Notable() && ch.Factor > 0 {
			row.Factor = "× " + quantity.Exact(quantity.Digits(ch.Factor))
		}
		if ch.Notable() && i < mostChanges || strings.HasPrefix(ch.Series, "http.") {
			out.Rows = append(out.Rows, row)
		} else {
			rest = append(rest, ch.Label)
		}
	}
	if n := int64(len(rest)); n > 0 {
		out.Rest = fmt.Sprintf("%s changed less, or by less than half.", quantity.Plural(n, "other figure"))
	}
	return out
}

// topics sorts the counters that moved by what they tell about, with a column for each node on which one did.
func (v *view) topics(r *result.Record) {
	rows := map[metric.Topic]map[string]bool{}
	for _, counters := range r.Counters {
		for name, n := range counters {
			if n == 0 || report.IsSetting(name) {
				continue
			}
			_, topic := metric.Gloss(name)
			if rows[topic] == nil {
				rows[topic] = map[string]bool{}
			}
			rows[topic][name] = true
		}
	}
	for _, name := range metric.Topics() {
		if len(rows[name]) > 0 {
			v.Topics = append(v.Topics, newTopic(r, name, rows[name]))
		}
	}
}

func newTopic(r *result.Record, name metric.Topic, names map[string]bool) topic {
	t := topic{Name: name}
	for _, node := range report.Nodes(r) {
		for c := range names {
			if r.Counters[node][c] != 0 {
				t.Nodes = append(t.Nodes, node)
				break
			}
		}
	}
	for _, c := range sorted(names) {
		row := counter{Name: c}
		row.Gloss, _ = metric.Gloss(c)
		for _, node := range t.Nodes {
			n, ok := r.Counters[node][c]
			cell := "–"
			if ok {
				cell = quantity.Count(n)
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// settings is where the record comes from.
func (v *view) settings(r *result.Record) {
	add := func(name, value string) {
		if value != "" {
			v.Settings = append(v.Settings, [2]string{name, value})
		}
	}
	add("scenario", r.Scenario.Name+", "+r.Scenario.Hash)
	for _, path := range sorted(r.Scenario.Set) {
		add("set", path+" = "+r.Scenario.Set[path])
	}
	add("seed", fmt.Sprint(r.Seed))
	add("kernel", r.Provenance.Kernel)
	add("its configuration", r.Provenance.KernelConfig)
	add("QEMU", r.Provenance.QEMU)
	add("machine", r.Provenance.Machine)
	for _, name := range sorted(r.Provenance.Images) {
		add("image "+name, r.Provenance.Images[name])
	}
	add("backend", r.Backend)
	add("ruleout", r.Provenance.Tool)
	add("key", r.Provenance.Key)
	add("digest", r.Digest)
	add("run", r.Run)
	add("time", report.Times(r))
}
