package cross

// fates counts, for each frame of a direction, how often it was sent and how often it arrived: frames are told
// apart by their MD5.
type fates map[string]struct{ sent, received int }

func (w *Wire) fates() fates {
	if w.known != nil {
		return w.known
	}
	m := fates{}
	w.known = m
	for _, p := range w.Sent {
		f := m[p.Hash]
		f.sent++
		m[p.Hash] = f
	}
	for _, p := range w.Received {
		f := m[p.Hash]
		f.received++
		m[p.Hash] = f
	}
	return m
}

// gone and extra are how many of some packets did not arrive, and how many arrived more often than they were sent.
func (m fates) tally(packets []Packet) (gone, extra int) {
	seen := map[string]bool{}
	for _, p := range packets {
		if f := m[p.Hash]; !seen[p.Hash] {
			seen[p.Hash] = true
			gone += max(f.sent-f.received, 0)
			extra += max(f.received-f.sent, 0)
		}
	}
	return gone, extra
}
