package diagram

import (
	"math"
	"slices"
)

// trial is a network at one size.
type trial struct {
	n         *Network
	nodes     []box
	lines     [][]point // of each link
	middles   []point   // of each link
	labels    []placed
	taken     []box
	limit     float64 // of the width
	crossings int     // of lines with labels and with other nodes
}

// placed is a label beside a point of a link.
type placed struct {
	box
	link, place int
	dir, out    point // along the link, and from there to the label
}

// Ratios of the horizontal to the vertical distance of neighbours that are tried, and by how much they grow.
var ratios = []float64{1.8, 1.5, 1.25, 1, 0.8, 0.6, 0.45, 0.33}

const (
	nearest = 72 // px between neighbours
	growth  = 1.1
	sizes   = 24
	further = 6 // sizes that are tried after the first at which there is room
)

// Draw places a network, of one node at least, in a picture that is no wider than most pixels. Where there is no room,
// or links would cross labels, it leaves out the lines of labels that have the class spare. Where that does not help
// either, the picture is wider.
func (n *Network) Draw(most int, spare string) Drawing {
	limit := float64(most) - 2*margin
	best := n.smallest(limit)
	if best == nil || best.crossings > 0 {
		if t := n.without(spare).smallest(limit); t != nil && (best == nil || t.crossings < best.crossings) {
			best = t
		}
	}
	if best == nil {
		best = n.smallest(math.Inf(1))
	}
	if best == nil {
		panic("diagram: no place at any size")
	}
	d := best.drawing()
	d.Spared = best.n != n
	return d
}

// without leaves out lines of labels.
func (n *Network) without(class string) *Network {
	out := &Network{n.Nodes, slices.Clone(n.Links)}
	for i := range out.Links {
		for place, lines := range out.Links[i].Labels {
			out.Links[i].Labels[place] = slices.DeleteFunc(slices.Clone(lines), func(l Line) bool { return l.Class == class })
		}
	}
	return out
}

// smallest finds the best picture, or nil if none is as narrow as the limit.
func (n *Network) smallest(limit float64) (best *trial) {
	for _, f := range n.forms() {
		last, distance := sizes, float64(nearest)
		for k := 0; k < last; k++ {
			for _, ratio := range ratios {
				t := n.try(f, distance*ratio, distance, limit)
				if t == nil {
					continue
				}
				last = min(last, k+1+further)
				if best == nil || t.cost() < best.cost() {
					best = t
				}
			}
			distance *= growth
		}
	}
	return best
}

// try places everything at one size, or returns nil where something has no place or the picture is too wide.
func (n *Network) try(f form, x, y, limit float64) *trial {
	t := &trial{n: n, limit: limit}
	for i, p := range f.at {
		node := n.Nodes[i]
		w := max(width(node.Name, NameSize), width(node.About, LabelSize))/2 + padding
		b := box{point{p.x * x, p.y * y}, math.Ceil(w), nodeHeight / 2}
		if t.full(b.grown(3 * margin)) {
			return nil
		}
		t.nodes, t.taken = append(t.nodes, b), append(t.taken, b)
	}
	t.route(f.along, min(x, y))
	if low, high := t.bounds(); high.x-low.x > limit {
		return nil
	}
	for _, place := range []int{First, Second, Middle} {
		for i := range n.Links {
			if len(n.Links[i].Labels[place]) > 0 && !t.label(i, place) {
				return nil
			}
		}
	}
	return t
}

func (t *trial) full(b box) bool {
	for _, other := range t.taken {
		if b.overlaps(other) {
			return true
		}
	}
	return false
}

// bend is how far from the upper layer a link of a tree turns, of the distance. From there on it runs along the axis,
// and its labels have a row to themselves.
const bend = 0.35

// route lays the lines of links. Several between the same two nodes lie beside one another.
func (t *trial) route(along point, apart float64) {
	pair := func(l *Link) [2]int { return [2]int{min(l.Ends[0], l.Ends[1]), max(l.Ends[0], l.Ends[1])} }
	count, nth := map[[2]int]int{}, map[[2]int]int{}
	for i := range t.n.Links {
		count[pair(&t.n.Links[i])]++
	}
	for i := range t.n.Links {
		l := &t.n.Links[i]
		p := pair(l)
		a, b := t.nodes[p[0]].point, t.nodes[p[1]].point
		line, middle := []point{a, b}, point{(a.x + b.x) / 2, (a.y + b.y) / 2}
		if dir, d := a.to(b); count[p] > 1 {
			aside := (float64(nth[p]) - float64(count[p]-1)/2) * apart
			normal := point{-dir.y, dir.x}
			line = []point{a, a.plus(dir, d*0.25).plus(normal, aside), b.plus(dir, -d*0.25).plus(normal, aside), b}
			middle = middle.plus(normal, aside)
			nth[p]++
		} else if along != (point{}) && dir != along && dir != (point{-along.x, -along.y}) {
			from, to := a, b
			if dir.x*along.x+dir.y*along.y < 0 {
				from, to = b, a
			}
			share := point{1 + (bend-1)*along.x, 1 + (bend-1)*along.y}
			turn := point{from.x + (to.x-from.x)*share.x, from.y + (to.y-from.y)*share.y}
			line, middle = []point{a, turn, b}, point{(turn.x + to.x) / 2, (turn.y + to.y) / 2}
		}
		if l.Ends[0] != p[0] {
			slices.Reverse(line)
		}
		t.lines, t.middles = append(t.lines, line), append(t.middles, middle)
		for j, b := range t.nodes {
			if j != p[0] && j != p[1] {
				t.crossings += 5 * t.crossed(b, i, i+1)
			}
		}
	}
}

// crossed is how many segments of some links enter a box.
func (t *trial) crossed(b box, from, to int) (count int) {
	for _, line := range t.lines[from:to] {
		for i := range len(line) - 1 {
			if b.crosses(line[i], line[i+1]) {
				count++
			}
		}
	}
	return count
}

// stops are the places on a link at which something can be put, the directions there, and which one is the middle.
func (t *trial) stops(link int) (at, dirs []point, middle int) {
	line, ends, least := t.lines[link], t.n.Links[link].Ends, math.Inf(1)
	for i := range len(line) - 1 {
		dir, length := line[i].to(line[i+1])
		for d := 0.; d < length; d += step {
			p := box{line[i].plus(dir, d), 0, 0}
			if !p.overlaps(t.nodes[ends[0]].grown(clearance)) && !p.overlaps(t.nodes[ends[1]].grown(clearance)) {
				at, dirs = append(at, p.point), append(dirs, dir)
				if _, far := p.to(t.middles[link]); far < least {
					least, middle = far, len(at)-1
				}
			}
		}
	}
	return at, dirs, middle
}

// label finds the best place for a label, and says whether there is one.
func (t *trial) label(link, place int) bool {
	lines := t.n.Links[link].Labels[place]
	b := box{h: float64(len(lines)) * lineHeight / 2}
	for _, l := range lines {
		if l.Arrow {
			l.Text += "→ "
		}
		b.w = max(b.w, width(l.Text, LabelSize)/2)
	}
	at, dirs, middle := t.stops(link)
	left, right := t.bounds()
	var best placed
	lowest := math.Inf(1)
	for i, p := range at {
		far := float64(i) // from where it should be
		switch place {
		case Middle:
			far = 2 * math.Abs(float64(i-middle))
		case Second:
			far = float64(len(at) - 1 - i)
		}
		if place != Middle && far > 0.6*float64(len(at)) {
			continue
		}
		for _, side := range []float64{1, -1} {
			out := point{dirs[i].y * side, -dirs[i].x * side}
			beside := gap + math.Abs(out.x)*b.w + math.Abs(out.y)*b.h
			b.point = p.plus(out, beside)
			// What the link is like stands above it or to its right, what happens at its ends on the other side.
			cost := far
			if above := out.y < -0.01 || out.y < 0.01 && out.x > 0; above != (place == Middle) {
				cost += 3
			}
			if cost >= lowest || max(right.x, b.x+b.w)-min(left.x, b.x-b.w) > t.limit || t.full(b.grown(margin)) {
				continue
			}
			if cost += 200 * float64(t.crossed(b.grown(1), 0, len(t.lines))); cost < lowest {
				lowest, best = cost, placed{b, link, place, dirs[i], out}
			}
		}
	}
	if math.IsInf(lowest, 1) {
		return false
	}
	t.crossings += t.crossed(best.grown(1), 0, len(t.lines))
	t.labels, t.taken = append(t.labels, best), append(t.taken, best.box)
	return true
}
