package packet

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/run/capture"
)

// Packets that are shown before and after the one that differs.
const (
	mostBefore = 6
	mostAfter  = 6
	// mostLooked is how many packets of each run the rows are made of.
	mostLooked = 12
)

// told makes what is told of a packet that differs.
func (c *candidate) told(names [2]map[netip.Addr]string) *Parting {
	p := &Parting{File: c.file, Point: c.point.Name(), At: c.at.Seconds(), Nth: c.nth + 1}
	var before, after [2][]*Packet
	for side := range 2 {
		if c.of[side] != nil {
			p.Conversation[side] = c.of[side].name(names[side])
		}
		before[side], after[side] = c.around(side)
	}
	if a := c.packets(0); a != nil {
		p.A = a.shown()
	}
	if b := c.packets(1); b != nil {
		p.B = b.shown()
	}
	if p.A != nil && p.B != nil {
		if p.Fields = p.A.Differs(p.B); len(p.Fields) == 0 && p.A.Window != p.B.Window {
			p.Fields = []Field{{"window", fmt.Sprint(p.A.Window), fmt.Sprint(p.B.Window)}}
		}
	}
	p.Before, p.After = rows(before[0], before[1]), rows(after[0], after[1])
	p.Before = p.Before[max(0, len(p.Before)-mostBefore):]
	p.After = p.After[:min(len(p.After), mostAfter)]
	return p
}

// rows puts packets side by side: the longest row of packets that are the same and in the same order in both (the
// longest common subsequence), and the others each in a row of its own.
func rows(a, b []*Packet) []Row {
	longest := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if same(a[i], b[j]) {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	out := []Row{}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && same(a[i], b[j]):
			out = append(out, Row{a[i], b[j], true})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			out = append(out, Row{A: a[i]})
			i++
		default:
			out = append(out, Row{B: b[j]})
			j++
		}
	}
	return out
}

func same(a, b *Packet) bool { return a.Answers == b.Answers && a.shape == b.shape }

// around lists what a run has of the conversation before and after the packet, at the same end of the link.
func (c *candidate) around(side int) (before, after []*Packet) {
	if c.of[side] == nil {
		return nil, nil
	}
	var all []*seen
	for key, l := range c.of[side].lists {
		if slices.Contains(c.view(), key.point) {
			for i := range l {
				all = append(all, &l[i])
			}
		}
	}
	slices.SortFunc(all, func(a, b *seen) int { return cmp.Or(cmp.Compare(a.at, b.at), a.frame-b.frame) })
	self, moment := c.packets(side), c.at
	for _, s := range all {
		switch {
		case self != nil && s.frame == self.frame:
		case earlier(s, self, moment):
			before = append(before, s.shown())
		case len(after) < mostLooked:
			after = append(after, s.shown())
		}
	}
	return before[max(0, len(before)-mostLooked):], after
}

// earlier tells whether a packet comes before that which differs, or, if the run does not have that, before the moment
// at which the other one has it.
func earlier(s, self *seen, moment time.Duration) bool {
	if self == nil {
		return s.at < moment
	}
	return cmp.Or(cmp.Compare(s.at, self.at), s.frame-self.frame) < 0
}

// view is the points at which one end of the link sees the conversation: what it sends and what it receives. A fault
// sees what it chooses.
func (c *candidate) view() []string {
	own := *c.point
	other := capture.Point{Side: 1 - own.Side, From: own.To, To: own.From}
	switch own.Kind {
	case capture.Sent:
		other.Kind = capture.Received
	case capture.Received:
		other.Kind = capture.Sent
	case capture.Touched:
		return []string{own.Name()}
	}
	return []string{own.Name(), other.Name()}
}

// name has the nodes and ports of the ends.
func (c *conversation) name(names map[netip.Addr]string) string {
	var ends []string
	for _, e := range c.ends {
		name, ok := names[e.Addr()]
		if !ok {
			name = e.Addr().String()
		}
		if e.Port() != 0 {
			name = fmt.Sprintf("%s:%d", name, e.Port())
		}
		ends = append(ends, name)
	}
	text := strings.Join(ends, " → ")
	if c.proto != "TCP" {
		text += ", " + c.proto
	}
	return text
}
