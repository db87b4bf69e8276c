package blame

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// Rows that a table has, unless all are asked for.
const (
	mostAsked  = 20
	mostParted = 12
	mostMoved  = 16
)

// Heading sums the story up in a sentence.
func (s *Story) Heading() string {
	switch {
	case s.Identical && len(s.Asked) == 0:
		return "IDENTICAL to the last bit"
	case s.Identical:
		return "IDENTICAL to the last bit, although " + quantity.Plural(int64(len(s.Asked)), "thing") + " asked differed"
	case s.Alarm:
		return "the same software, scenario and seed, and two digests"
	case s.Packets != nil && s.Packets.First != nil:
		text := "the first packet that differs comes at " + quantity.Seconds(s.Packets.First.At)
		switch {
		case s.Interval == 0:
			return text
		case s.Together < 0:
			return text + "; in no sample do counts of packets, connections and answers differ"
		}
		return text + "; counts of packets, connections and answers differ from " + quantity.Seconds(s.Together) + " on"
	case s.Packets != nil:
		return "no packet differs; only times do"
	case s.Interval == 0:
		return "different; there is no common timeline that would tell since when"
	case s.Together < 0:
		return "the same packets, connections and answers all the time; only times differ"
	case s.Together == 0:
		return "different from the first sample on"
	}
	return "the same packets, connections and answers for " + quantity.Seconds(s.Together) + ", and others from then on"
}

// Text writes the story for people; markdown as Markdown. all shows every row.
func (s *Story) Text(w io.Writer, markdown, all bool) error {
	t := begin(s.Heading(), s.A, s.B, markdown, all)
	t.settings("What was asked", s.Asked, mostAsked)
	var rows [][]string
	for _, c := range s.Faults {
		rows = append(rows, []string{c.Fault, quantity.Count(int64(c.Same)), moment(c.A), moment(c.B)})
	}
	t.table("When faults chose another packet first", []string{"fault", "same choices before", "A", "B"}, rows, len(rows),
		1)
	if s.Packets != nil {
		t.packets(s.Packets)
	}
	for _, of := range []struct {
		title  string
		counts bool
	}{{"What happened differently first", true}, {"What took another time, or other memory, first", false}} {
		rows = nil
		for _, p := range s.Parted {
			if p.Counts == of.counts {
				at := quantity.Seconds(p.At) + " to " + quantity.Seconds(p.At+s.Interval)
				rows = append(rows, []string{at, p.Series, p.value(p.A), p.value(p.B)})
			}
		}
		t.table(of.title, []string{"when", "series", "A", "B"}, rows, mostParted, 2)
	}
	t.settings("How it ended", s.Ended, len(s.Ended))
	rows = nil
	for _, n := range s.Moved {
		rows = append(rows, []string{n.Name, n.Value(n.A), n.Value(n.B)})
	}
	t.table("What differs most in the end", []string{"number", "A", "B"}, rows, mostMoved, 1)
	_, err := io.WriteString(w, t.String())
	return err
}

// value writes one of the two values: numbers as people do, and words as they are.
func (p *Parting) value(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return text
	case strings.HasSuffix(p.Series, ".memory"):
		return quantity.Bytes(v)
	case v == math.Trunc(v):
		return quantity.Count(int64(v))
	}
	return text
}

func moment(at *float64) string {
	if at == nil {
		return metric.None
	}
	return quantity.Seconds(*at)
}

type teller struct {
	strings.Builder
	markdown, all bool
}

// begin writes the heading, and what the two sides are.
func begin(heading, a, b string, markdown, all bool) *teller {
	t := &teller{markdown: markdown, all: all}
	if markdown {
		fmt.Fprint(t, "## ")
	}
	fmt.Fprintf(t, "%s\nA is %s, B is %s.\n", heading, a, b)
	return t
}

func (t *teller) settings(title string, list []compare.Setting, most int) {
	var rows [][]string
	for _, s := range list {
		rows = append(rows, []string{s.Name, cmp.Or(s.A, metric.None), cmp.Or(s.B, metric.None)})
	}
	t.table(title, []string{"what", "A", "B"}, rows, most, 3)
}

// table writes the first rows of a table under a title; nothing for no rows. The first columns, left of them, are text.
func (t *teller) table(title string, header []string, rows [][]string, most, left int) {
	if len(rows) == 0 {
		return
	}
	if t.markdown {
		title = "### " + title
	}
	right := slices.Repeat([]bool{true}, len(header))
	for i := range left {
		right[i] = false
	}
	out := table.Table{Header: header, Rows: rows, Right: right}
	fmt.Fprintf(t, "\n%s\n%s", title, out.Part(most, t.all, t.markdown))
}
