package blame

import (
	"fmt"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/blame/packet"
)

// Packets is what the captures of both runs say, which were made again for that.
type Packets struct {
	*packet.Comparison
	// Again is how the runs that were made again compare with their records.
	Again [2]*machine.Replay `json:"again"`
}

// Repeated tells whether both records repeated to the bit.
func (p *Packets) Repeated() bool { return p.Again[0].Equal && p.Again[1].Equal }

// Notes say what one has to know of the captures, and how much is the same in them.
func (p *Packets) Notes() (out []string) {
	for i, name := range []string{"A", "B"} {
		switch r := p.Again[i]; {
		case !r.Equal:
			out = append(out, fmt.Sprintf("%s did not repeat: recorded %s, made again %s, which differs in %s",
				name, r.Recorded, r.Replayed, quantity.Plural(int64(len(r.Differences)), "field")))
			for _, d := range r.Provenance {
				out = append(out, fmt.Sprintf("  %s: recorded %s, made again with %s", d.Field, d.Recorded, d.Replayed))
			}
		case r.Captured == nil || len(r.Captured.Differences) == 0:
			out = append(out, name+" repeats to the bit, and the captured run measured the same")
		default:
			out = append(out, fmt.Sprintf("%s repeats to the bit; the captured run differs from it in %s, since a capture "+
				"takes CPU time", name, quantity.Plural(int64(len(r.Captured.Differences)), "field")))
		}
	}
	out = append(out, p.Comparison.Notes...)
	what := "before it both have the same "
	if p.First == nil {
		what = "no packet differs: both have the same "
	}
	return append(out, fmt.Sprintf("%s%s, at most %s apart", what, quantity.Plural(p.Same, "packet"),
		quantity.Seconds(p.Apart)))
}

// Earlier says what differs before the first packet that does, in packets that are the same: what it is, and the packet
// in A and in B.
func (p *Packets) Earlier() (out [][3]string) {
	for _, of := range []struct {
		title string
		at    *packet.Parting
	}{{"with another window", p.Window}, {"at another time", p.Moved}} {
		if of.at != nil {
			out = append(out, [3]string{fmt.Sprintf("the same packet %s, first %s", of.title, Place(of.at)),
				"A: " + Moment(of.at.A), "B: " + Moment(of.at.B)})
		}
	}
	return out
}

// packets tells of the first packet that differs.
func (t *teller) packets(p *Packets) {
	title := "The first packet that differs"
	if t.markdown {
		title = "### " + title + "\n"
	}
	fmt.Fprintf(t, "\n%s\n", title)
	t.lines(p.Notes())
	for _, e := range p.Earlier() {
		t.lines([]string{e[0], "  " + e[1], "  " + e[2]})
	}
	if p.First == nil {
		return
	}
	t.lines(append([]string{"it is " + Place(p.First)}, Files(p, p.First)...))
	var rows [][]string
	for _, f := range p.First.Fields {
		rows = append(rows, []string{f.Name, f.A, f.B})
	}
	t.table("What differs in it", []string{"what", "A", "B"}, rows, len(rows), 3)
	rows = nil
	for _, r := range SideBySide(p.First) {
		rows = append(rows, r[:])
	}
	t.table("Side by side", []string{"", "at", "A", "at", "B"}, rows, len(rows), 5)
}

// lines writes lines, as a list in Markdown.
func (t *teller) lines(list []string) {
	for _, line := range list {
		if t.markdown {
			line = "- " + line
		} else {
			line = "  " + line
		}
		fmt.Fprintln(t, line)
	}
}

// Place says where a packet that differs is.
func Place(p *packet.Parting) string {
	of := p.Conversation[0]
	switch {
	case of == "":
		of = p.Conversation[1] + ", which only B has"
	case p.Conversation[1] == "":
		of += ", which only A has"
	case p.Conversation[1] != of:
		of += " (B: " + p.Conversation[1] + ")"
	}
	return fmt.Sprintf("at %s s, %s: the %s packet of %s", stamp(p.At), p.Point, quantity.Ordinal(int64(p.Nth)), of)
}

// Files says in which frame of which file the packet is.
func Files(p *Packets, at *packet.Parting) (out []string) {
	for i, of := range []*packet.Packet{at.A, at.B} {
		name := [2]string{"A", "B"}[i]
		if of == nil {
			out = append(out, name+": there is none any more")
			continue
		}
		out = append(out, fmt.Sprintf("%s: tshark -r %s -Y frame.number==%d", name, filepath.Join(p.Dirs[i], at.File),
			of.Frame))
	}
	return out
}

// SideBySide has rows for the packets before, the one that differs, and those after: a mark, time and packet of A, time
// and packet of B. The mark is = for the same packets, ≠ for those that differ first, and empty for what comes after.
func SideBySide(p *packet.Parting) (rows [][5]string) {
	row := func(mark string, a, b *packet.Packet) {
		r := [5]string{mark}
		for i, of := range []*packet.Packet{a, b} {
			if of != nil {
				r[1+2*i], r[2+2*i] = stamp(of.At), of.String()
			}
		}
		rows = append(rows, r)
	}
	for i, list := range [][]packet.Row{p.Before, p.After} {
		if i == 1 {
			row("≠", p.A, p.B)
		}
		for _, r := range list {
			mark := ""
			if r.Same {
				mark = "="
			}
			row(mark, r.A, r.B)
		}
	}
	return rows
}

// Moment has a packet with its time.
func Moment(p *packet.Packet) string { return fmt.Sprintf("%s s %s", stamp(p.At), p) }

// stamp is a time in s, to the microsecond.
func stamp(at float64) string { return fmt.Sprintf("%.6f", at) }
