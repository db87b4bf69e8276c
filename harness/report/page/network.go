package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/report/diagram"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/layout"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// network is the picture of the network, for wide and for narrow screens.
type network struct {
	Title, Note string
	Says        []string // the whole picture in words
	Sizes       []sized
}

// sized is the picture in one of its sizes. It is not drawn smaller than Least.
type sized struct {
	diagram.Drawing
	Name  string
	Least int
}

// Widths of pictures, in pixels: what a printed page has room for, and a telephone.
const (
	wide   = 880
	narrow = 366
)

const (
	mostLinks  = 24 // that are drawn
	mostPlaced = 4  // faults at one place of a link
)

// newNetwork draws nodes in the order in which the links name them. It is nil where there is nothing to draw.
func newNetwork(s *scenario.Scenario) *network {
	paper, err := layout.Plan(s)
	if err != nil || len(paper.Nodes) == 0 {
		return nil // err is for scenarios that are not valid, and this one is
	}
	out := &network{}
	links := slices.Clone(paper.Links)
	if len(links) > mostLinks {
		slices.SortStableFunc(links, func(a, b layout.Link) int {
			return cmp.Compare(min(len(faultsOn(s, &b)), 1), min(len(faultsOn(s, &a)), 1))
		})
		out.Note = fmt.Sprintf("%s are not drawn, of %s. Those with faults come first.",
			quantity.Plural(int64(len(links)-mostLinks), "link"), quantity.Count(int64(len(links))))
		links = links[:mostLinks]
	}
	ipv6 := slices.ContainsFunc(s.Load, func(l scenario.Traffic) bool {
		pace, ok := l.Pace()
		return ok && pace.IPv6
	})
	var n diagram.Network
	index := map[int]int{}
	add := func(node int) int {
		if _, ok := index[node]; !ok {
			index[node] = len(n.Nodes)
			n.Nodes = append(n.Nodes, newNode(s, paper.Nodes[node]))
		}
		return index[node]
	}
	for i := range links {
		l := newLink(s, paper, &links[i], ipv6)
		l.Ends = [2]int{add(links[i].Ends[0].Node), add(links[i].Ends[1].Node)}
		n.Links = append(n.Links, l)
		out.Says = append(out.Says, says(s, &links[i], ipv6))
	}
	if len(paper.Links) <= mostLinks {
		for i := range paper.Nodes {
			add(i) // without a link
		}
	}
	for _, node := range n.Nodes {
		out.Says = append(out.Says, node.Name+": "+node.About+".")
	}
	out.Title = fmt.Sprintf("The network: %s, %s, %s", quantity.Plural(int64(len(paper.Nodes)), "node"),
		quantity.Plural(int64(len(paper.Links)), "link"), quantity.Plural(int64(len(s.Faults)), "fault"))
	for _, size := range []sized{{Name: "wide", Least: wide}, {Name: "narrow", Least: narrow}} {
		size.Drawing = n.Draw(size.Least, "note")
		size.Least = size.Width * 4 / 5
		out.Sizes = append(out.Sizes, size)
	}
	return out
}

func newNode(s *scenario.Scenario, n layout.Node) diagram.Node {
	about := []string{string(n.Role)}
	if service := s.Nodes[n.Name].Service; service != nil {
		if service.PHP != nil {
			about = append(about, "PHP")
		}
		if service.SQL != nil {
			about = append(about, "SQL")
		}
		if service.DNS != nil {
			about = append(about, "DNS")
		}
		if service.Bulk != nil {
			about = append(about, "sink")
		}
		if service.UDP != nil {
			about = append(about, "UDP")
		}
	}
	text := strings.Join(append(about, programNames(s, n.Name)...), ", ")
	if image := s.Nodes[n.Name].Image; image != "" {
		text += " (" + image + ")"
	}
	return diagram.Node{Name: n.Name, About: text, Router: n.Role == scenario.Router}
}

// mostNamed is how many programs are named at a node.
const mostNamed = 3

func programNames(s *scenario.Scenario, node string) (names []string) {
	list, places := s.Programs(node)
	for i, p := range list {
		// What has to end before the run prepares something, such as the tables of a database.
		if client := strings.HasPrefix(places[i], "load"); client || p.ExpectExit == nil || p.At != nil {
			names = append(names, p.Name)
		}
	}
	if n := len(names) - mostNamed; n > 0 {
		names = append(names[:mostNamed], fmt.Sprintf("%d more", n))
	}
	return names
}

// faultsOn are those on a link, in the order of the scenario.
func faultsOn(s *scenario.Scenario, l *layout.Link) (list []*scenario.Fault) {
	for i := range s.Faults {
		if s.Faults[i].Link == l.Spec.Between {
			list = append(list, &s.Faults[i])
		}
	}
	return list
}

// newLink writes at a link what it is like, its networks and the numbers that its ends have in them, and its faults.
func newLink(s *scenario.Scenario, layout *layout.Layout, l *layout.Link, ipv6 bool) (out diagram.Link) {
	for _, part := range describe.LinkParts(&l.Spec) {
		out.Labels[diagram.Middle] = append(out.Labels[diagram.Middle], diagram.Line{Text: part})
	}
	note := func(place int, text string) {
		out.Labels[place] = append(out.Labels[place], diagram.Line{Text: text, Class: "note"})
	}
	for side, place := range []int{diagram.First, diagram.Second} {
		note(place, fmt.Sprintf(".%d", l.Ends[side].Addr4.Addr().As4()[3]))
	}
	var count [3]int
	for _, f := range faultsOn(s, l) {
		place := placeOf(f, layout, l)
		if count[place]++; count[place] > mostPlaced {
			continue
		}
		line := diagram.Line{Text: f.Name, Class: "fault", Arrow: true}
		if f.Do.Watch {
			line.Class = "watch"
		} else {
			out.Class = "faulty"
		}
		brief := diagram.Line{Text: describe.Brief(f), Class: line.Class + " brief"}
		out.Labels[place] = append(out.Labels[place], line, brief)
	}
	for place, n := range count {
		if n > mostPlaced {
			note(place, fmt.Sprintf("and %d more", n-mostPlaced))
		}
	}
	note(diagram.Middle, l.Ends[0].Addr4.Masked().String())
	if ipv6 && l.Ends[0].Addr6.IsValid() {
		note(diagram.Middle, l.Ends[0].Addr6.Masked().String())
	}
	return out
}

// placeOf says where on its link a fault acts: at the end whose packets it chooses or forges, or in the middle.
func placeOf(f *scenario.Fault, layout *layout.Layout, l *layout.Link) int {
	var from [2]bool
	for side, node := range l.Spec.Between {
		from[side] = f.From == node
		if f.Do.Inject != nil {
			from[side] = slices.ContainsFunc(f.Do.Inject.Segments, func(segment scenario.Segment) bool {
				end, ok := layout.Leaves(node, segment.To)
				return ok && layout.Links[end.Link].Spec.Between == l.Spec.Between
			})
		}
	}
	switch from {
	case [2]bool{true, false}:
		return diagram.First
	case [2]bool{false, true}:
		return diagram.Second
	}
	return diagram.Middle
}

// says puts a link into words, for readers who do not see the picture.
func says(s *scenario.Scenario, l *layout.Link, ipv6 bool) string {
	var ends [2]string
	for side, e := range l.Ends {
		ends[side] = fmt.Sprintf("%s (%s", l.Spec.Between[side], e.Addr4.Addr())
		if ipv6 && e.Addr6.IsValid() {
			ends[side] += ", " + e.Addr6.Addr().String()
		}
	}
	out := fmt.Sprintf("Link %s) – %s): %s.", ends[0], ends[1], describe.Link(&l.Spec))
	for _, f := range faultsOn(s, l) {
		out += fmt.Sprintf(" Fault %s: %s.", f.Name, describe.Fault(f))
	}
	return out
}
