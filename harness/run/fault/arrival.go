package fault

import "slices"

// Arrived returns a function that says how many packets have arrived at each of these nodes so
// far, over all of their links.
func (w *Wires) Arrived(nodes []string) func(counts []int64) error {
	paths := make([][]int, len(nodes)) // for each node, those that lead there
	for i := range w.plan.paths {
		if n := slices.Index(nodes, w.plan.paths[i].names[1]); n >= 0 {
			paths[n] = append(paths[n], i)
		}
	}
	return func(counts []int64) error {
		for i, list := range paths {
			counts[i] = 0
			for _, path := range list {
				n, err := w.arrived(path)
				if err != nil {
					return err
				}
				counts[i] += n
			}
		}
		return nil
	}
}

// arrived is how many packets have come to the far end of a path since the wire was there.
func (w *Wires) arrived(path int) (int64, error) {
	p := &w.plan.paths[path]
	n, err := w.wires[p.link].meter.sent(w.links[p.link].Ends[p.to].WireIndex)
	return n - p.before, err
}
