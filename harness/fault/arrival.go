package fault

import "slices"

// Arrived returns a function that says how many packets have arrived at each of these nodes so
// far, over all of their links. It asks the kernel once, whatever the number of nodes.
func (w *Wires) Arrived(nodes []string) func(counts []int64) error {
	ends := make([][]slot, len(nodes)) // for each node, the last counters of the paths that lead there
	for i := range w.plan.paths {
		p := &w.plan.paths[i]
		if n := slices.Index(nodes, p.names[1]); n >= 0 {
			ends[n] = append(ends[n], p.boundary(p.boundaries()-1))
		}
	}
	return func(counts []int64) error {
		c, err := w.state.read()
		if err != nil {
			return err
		}
		for i, list := range ends {
			counts[i] = 0
			for _, s := range list {
				counts[i] += c.at(s)
			}
		}
		return nil
	}
}
