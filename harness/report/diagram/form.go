package diagram

import "math"

// form is where nodes are, in units of the distance between neighbours. Layers of a tree follow one another along an
// axis.
type form struct {
	at    []point
	along point // 1 on the axis; neither if there are no layers
}

// forms are those to try, the better one first.
func (n *Network) forms() []form {
	next := n.neighbours()
	pairs, hub := 0, -1
	for i, list := range next {
		pairs += len(list)
		if len(list) == len(next)-1 && hub < 0 {
			hub = i
		}
	}
	pairs /= 2
	switch others := len(next) - 1; {
	case others >= 4 && hub >= 0 && pairs <= 2*others: // a star or a wheel
		return circles(next, hub)
	case pairs == len(next)-parts(next):
		across := tree(next)
		down := make([]point, len(across))
		for i, p := range across {
			down[i] = point{p.y, p.x}
		}
		return []form{{across, point{1, 0}}, {down, point{0, 1}}}
	}
	return circles(next, -1)
}

// neighbours of each node, each once, in the order of the links.
func (n *Network) neighbours() [][]int {
	next, seen := make([][]int, len(n.Nodes)), map[[2]int]bool{}
	for _, l := range n.Links {
		a, b := l.Ends[0], l.Ends[1]
		if !seen[[2]int{a, b}] {
			seen[[2]int{a, b}], seen[[2]int{b, a}] = true, true
			next[a], next[b] = append(next[a], b), append(next[b], a)
		}
	}
	return next
}

// walk visits the nodes that can be reached from one, depth first, and calls leave once all beyond a node are visited.
func walk(next [][]int, seen []bool, at, depth int, enter, leave func(node, depth int)) {
	seen[at] = true
	enter(at, depth)
	for _, to := range next[at] {
		if !seen[to] {
			walk(next, seen, to, depth+1, enter, leave)
		}
	}
	leave(at, depth)
}

// parts is how many networks there are that have no link to one another.
func parts(next [][]int) (count int) {
	seen := make([]bool, len(next))
	for i := range next {
		if !seen[i] {
			count++
			walk(next, seen, i, 0, func(int, int) {}, func(int, int) {})
		}
	}
	return count
}

// tree places trees in layers from the left, below one another; each begins at its first leaf.
func tree(next [][]int) []point {
	out, seen, row := make([]point, len(next)), make([]bool, len(next)), 0.
	for _, most := range []int{1, len(next)} { // leaves, and then nodes that are alone
		for i := range next {
			if seen[i] || len(next[i]) > most || most == 1 && len(next[i]) == 0 {
				continue
			}
			walk(next, seen, i, 0, func(node, depth int) { out[node] = point{float64(depth), -1} }, func(node, depth int) {
				low, high := math.Inf(1), math.Inf(-1)
				for _, to := range next[node] {
					if out[to].x > float64(depth) {
						low, high = min(low, out[to].y), max(high, out[to].y)
					}
				}
				out[node].y = (low + high) / 2
				if low > high { // a leaf
					out[node].y = row
					row++
				}
			})
		}
	}
	return out
}

// circles place nodes clockwise around the hub, if there is one, in the order in which links lead to them. The first is
// at the top left, or at the top.
func circles(next [][]int, hub int) []form {
	seen := make([]bool, len(next))
	var order []int
	if hub >= 0 {
		seen[hub] = true
	}
	for i := range next {
		if !seen[i] {
			walk(next, seen, i, 0, func(node, _ int) { order = append(order, node) }, func(int, int) {})
		}
	}
	part := 2 * math.Pi / float64(len(order))
	radius := 0.5 / math.Sin(part/2)
	if hub >= 0 {
		radius = max(radius, 1)
	}
	out := []form{{at: make([]point, len(next))}, {at: make([]point, len(next))}}
	for i, node := range order {
		for turn, f := range out {
			angle := (float64(i)-0.5+float64(turn)/2)*part - math.Pi/2
			f.at[node] = point{radius * math.Cos(angle), radius * math.Sin(angle)}
		}
	}
	return out
}
