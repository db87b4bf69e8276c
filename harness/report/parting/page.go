package parting

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/page"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/blame"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

//go:embed parting.html
var files embed.FS

//go:embed parting.css
var style string

var pages = template.Must(page.Template(template.CSS(style), "").ParseFS(files, "parting.html"))

// Rows of a table.
const (
	mostEvents = 40
	mostMoved  = 60
)

// view is all that a page shows.
type view struct {
	Title, Name  string
	Class, Word  string // of the badge
	Heading      string
	First        string
	Sides        []side
	Asked, Ended []compare.Setting
	Events       []event // what happened differently
	Times        []event // what took another time, or other memory
	MoreEvents   string
	Packets      *packets
	*drawing
	Moved     []number
	MoreMoved string
}

// side is one of the two runs.
type side struct {
	Name, File, Identity, Outcome, Digest, Replay string
}

// event is what differs first of something.
type event struct {
	blame.Event
	About string
	Code  bool // What is a name
}

// number is a metric or a counter.
type number struct{ Name, About, A, B, By string }

// packets is what captures say.
type packets struct {
	Notes, Files []string
	Place        string
	Fields       [][3]string
	Rows         [][5]string
	Earlier      [][3]string
}

// Write writes the page of two records, of which the story is told.
func Write(w io.Writer, s *blame.Story, a, b *result.Record) error {
	v := &view{Name: a.Scenario.Name, Heading: sentence(s.Heading()), First: s.First(), Asked: s.Asked,
		Ended: s.Ended, drawing: draw(s, a, b)}
	if b.Scenario.Name != v.Name {
		v.Name += " and " + b.Scenario.Name
	}
	v.Class, v.Word = badge(s)
	v.Title = v.Name + ": two runs, " + v.Word
	for i, r := range []*result.Record{a, b} {
		file := []string{s.A, s.B}[i]
		word, _ := report.Outcome(r)
		v.Sides = append(v.Sides, side{[]string{"A", "B"}[i], file, strings.Join(report.Identity(r), ", "), word, r.Digest,
			"ruleout replay " + file})
	}
	v.tell(s)
	if s.Packets != nil {
		v.Packets = newPackets(s.Packets)
	}
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "parting.html", v); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// badge is how the two compare, in a word.
func badge(s *blame.Story) (class, word string) {
	switch {
	case s.Identical:
		return "good", "identical"
	case s.Alarm:
		return "bad", "not repeated"
	}
	return "void", "different"
}

// sentence begins with a capital letter.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// tell makes the tables.
func (v *view) tell(s *blame.Story) {
	for _, e := range s.Events() {
		row := event{Event: e, Code: e.Kind == blame.ByCount || e.Kind == blame.ByTime}
		if row.Code {
			row.About = about(e.What)
		}
		if e.Kind == blame.ByTime {
			v.Times = append(v.Times, row)
		} else {
			v.Events = append(v.Events, row)
		}
	}
	if n := len(v.Events) - mostEvents; n > 0 {
		v.Events = v.Events[:mostEvents]
		v.MoreEvents = fmt.Sprintf("%s more series differ later; ruleout diff --all lists them.", quantity.Count(int64(n)))
	}
	for _, n := range s.Moved[:min(len(s.Moved), mostMoved)] {
		text := metric.Of(n.Name, n.Unit).About
		if _, counter, ok := strings.Cut(n.Name, "."); ok && metric.IsCounter(n.Name) {
			gloss, _ := metric.Gloss(counter)
			text = cmp.Or(gloss, text)
		}
		v.Moved = append(v.Moved, number{n.Name, text, n.Value(n.A), n.Value(n.B), by(&n)})
	}
	if n := int64(len(s.Moved) - len(v.Moved)); n > 0 {
		v.MoreMoved = quantity.Count(n) + " more numbers differ by less; ruleout diff --all lists them."
	}
}

// by is the difference of B from A, as a share of A where there is one.
func by(n *blame.Number) string {
	if n.A == 0 {
		return "from none"
	}
	sign := "+"
	share := (n.B - n.A) / n.A
	if share < 0 {
		sign, share = "−", -share
	}
	if share >= 10 {
		return "× " + quantity.Digits(n.B/n.A)
	}
	return sign + quantity.Share(share)
}

func newPackets(p *blame.Packets) *packets {
	out := &packets{Notes: p.Notes(), Earlier: p.Earlier()}
	if p.First == nil {
		return out
	}
	out.Place = sentence(blame.Place(p.First)) + "."
	out.Files = blame.Files(p, p.First)
	for _, f := range p.First.Fields {
		out.Fields = append(out.Fields, [3]string{f.Name, f.A, f.B})
	}
	out.Rows = blame.SideBySide(p.First)
	return out
}
