package middlebox

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Boxes are the middleboxes of a network.
type Boxes struct {
	list []*box
	undo undo.Stack
}

// box is a node that is one.
type box struct {
	node    *topology.Node
	spec    *scenario.Node
	network *topology.Network
	rules   *ruleset // with nothing in it if there are none
	memory  *memory  // nil if it forgets nothing
	limits  [2]int64 // of entries and buckets; 0 if it tracks nothing
	// dumps of the rules, at the ends of the window and when all is over.
	dumps [3][]netlink.Message
}

// Install makes middleboxes of the nodes of a network that the scenario has as such. There may be none.
func Install(n *topology.Network, s *scenario.Scenario) (_ *Boxes, err error) {
	b := new(Boxes)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	for _, node := range n.Nodes() {
		spec := s.Nodes[node.Name]
		if spec == nil || !spec.IsMiddlebox() {
			continue
		}
		box := &box{node: node, spec: spec, network: n}
		b.list = append(b.list, box)
		if err := box.install(&b.undo); err != nil {
			return nil, err
		}
	}
	for _, box := range b.list { // what one has set holds for all
		if err := box.readLimits(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// install applies the sysctls and the rules of one node.
func (b *box) install(u *undo.Stack) (err error) {
	if b.rules, err = newRuleset(b, u); err != nil {
		return err
	}
	c := b.spec.Conntrack
	if c == nil {
		return nil
	}
	if err := b.tune(c); err != nil {
		return err
	}
	if len(c.Forget) > 0 {
		b.memory, err = newMemory(b.node, c.Forget, u)
	}
	return err
}

// address returns the addresses of a node of the network.
func (b *box) addresses(name string) (list []netip.Addr) {
	for _, e := range b.network.Node(name).Ends() {
		list = append(list, e.Addr4.Addr())
		if e.Addr6.IsValid() {
			list = append(list, e.Addr6.Addr())
		}
	}
	return list
}

// device is the index of the device by which a neighbour is reached.
func (b *box) device(neighbour string) int {
	return b.network.Link(b.node.Name, neighbour).End(b.node.Name).Index
}

// Arm has the boxes forget what the scenario has them forget. start is that of the measured window, in ns of
// CLOCK_MONOTONIC.
func (b *Boxes) Arm(start int64) error {
	for _, box := range b.list {
		if box.memory == nil {
			continue
		}
		if err := box.memory.arm(start); err != nil {
			return fmt.Errorf("node %s: %w", box.node.Name, err)
		}
	}
	return nil
}

// Read reads the counters of all rules, at the beginning (0) or the end (1) of the measured window. That is a dump for
// each node, one after another, so a rule's count is of so much more than the window.
func (b *Boxes) Read(end int) (err error) {
	for _, box := range b.list {
		if box.dumps[end], err = box.rules.read(); err != nil {
			return fmt.Errorf("node %s: %w", box.node.Name, err)
		}
	}
	return nil
}

// late is how late a table may have been emptied; an actor wakes within some 0.1 ms.
const late = 20 * time.Millisecond

// Finish says what the boxes did, and why that makes the run invalid, if it does.
func (b *Boxes) Finish() (list []result.Middlebox, reasons result.Reasons, err error) {
	for _, box := range b.list {
		var counts [3][]counted
		if box.dumps[2], err = box.rules.read(); err != nil {
			return nil, nil, fmt.Errorf("node %s: %w", box.node.Name, err)
		}
		for i, dump := range box.dumps {
			if counts[i], err = box.rules.counts(dump); err != nil {
				return nil, nil, fmt.Errorf("node %s: %w", box.node.Name, err)
			}
		}
		m := result.Middlebox{Node: box.node.Name, Max: box.limits[0], Buckets: box.limits[1]}
		for i, r := range box.rules.list {
			in := counts[1][i].minus(counts[0][i])
			m.Rules = append(m.Rules, result.Rule{Kind: r.kind, Name: r.name, Packets: in.packets, Bytes: in.bytes,
				All: counts[2][i].packets})
			seen, when := in.packets, "within the measured window"
			if r.kind == result.NATRule {
				seen, when = counts[2][i].packets, "in the run"
			}
			if seen == 0 && !r.mayBeIdle {
				reasons.Add(result.MiddleboxIdle, "node "+m.Node, "no %s matched the %s rule %s %s (may-be-idle)",
					map[bool]string{true: "connection", false: "packet"}[r.kind == result.NATRule], r.kind, r.name, when)
			}
		}
		if box.memory != nil {
			losses, err := box.memory.finish()
			if err != nil {
				return nil, nil, fmt.Errorf("node %s: %w", m.Node, err)
			}
			m.Forgot = losses
			for i, f := range box.spec.Conntrack.Forget {
				switch {
				case i >= len(losses):
					reasons.Add(result.FaultIncomplete, "node "+m.Node, "did not forget its connections at %v", f.At)
				case losses[i].Entries <= 0 && !f.MayBeIdle:
					reasons.Add(result.MiddleboxIdle, "node "+m.Node,
						"had no connections to forget at %v (may-be-idle)", f.At)
				case losses[i].At-time.Duration(f.At).Seconds() > late.Seconds():
					reasons.Add(result.FaultLate, "node "+m.Node, "forgot its connections %.1f ms late",
						1e3*(losses[i].At-time.Duration(f.At).Seconds()))
				}
			}
		}
		list = append(list, m)
	}
	return list, reasons, nil
}

// Close ends what acts, and closes all sockets. Rules go with the node's namespace.
func (b *Boxes) Close() error { return b.undo.Close() }

// missing explains an error of the kernel by what it may lack.
func missing(err error, what string) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT),
		errors.Is(err, unix.EINVAL):
		return problem.Wrap(problem.Machine, err, "this kernel does not have "+what+
			": it was built without, or its modules are not loaded; choose another kernel, or use --backend vm")
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return problem.Wrap(problem.Machine, err, "this needs root, or the capability CAP_NET_ADMIN; or use --backend vm")
	}
	return err
}
