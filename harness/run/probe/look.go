package probe

import "github.com/ruleout/ruleout/harness/base/realtime"

// looks completes a sample.
func (r *recorder) looks(s *sample) error {
	for i, n := range r.nodes {
		if err := r.look(n, &s.nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// glance looks for what only counts towards greatest values, without any hurry: nothing of it
// changes fast, and walking the table of connections should not keep nodes from the CPU.
func (r *recorder) glance() error {
	realtime.Drop()
	defer realtime.Take(realtime.Sample)
	for _, n := range r.nodes {
		s, err := n.diag.count(1<<tcpListen | 1<<tcpSynRecv)
		if err != nil {
			return err
		}
		n.accept = max(n.accept, s.accept)
		n.sockets[synRecv].max = max(n.sockets[synRecv].max, s.state[tcpSynRecv])
		text, err := n.sockstat.read()
		if err != nil {
			return err
		}
		n.sockets[inTimeWait].max = max(n.sockets[inTimeWait].max, timeWait(text))
	}
	return nil
}

// look reads what is not exact to the instant.
func (r *recorder) look(n *node, now *reading) error {
	if f := n.pressures[0]; f != nil {
		text, err := f.read()
		if err != nil {
			return err
		}
		now.pressure = total(text)
	}
	if n.memory != nil {
		text, err := n.memory.read()
		if err != nil {
			return err
		}
		now.memory = digits(text)
		n.memoryMax = max(n.memoryMax, now.memory)
	}
	if n.conntrack != nil {
		var err error
		if now.entries, err = n.conntrack.entries(); err != nil {
			return err
		}
	}
	text, err := n.sockstat.read()
	if err != nil {
		return err
	}
	now.sockets[inTimeWait] = timeWait(text)
	for i, state := range socketStates[:followed] {
		now.sockets[i] = n.sockets[i].base + r.tracer.record(n.number, state.value)
	}
	for i, count := range now.sockets {
		n.sockets[i].max = max(n.sockets[i].max, count)
	}
	now.accept, err = n.diag.acceptQueue()
	n.accept = max(n.accept, now.accept)
	return err
}
