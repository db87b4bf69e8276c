package topology

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// Network is a scenario's nodes and links, up and running.
type Network struct {
	layout *layout.Layout
	nodes  []*Node
	links  []*Link
	byName map[string]*Node

	close func() error
}

// Link joins two nodes by way of a wire.
type Link struct {
	// Spec is the link as the scenario has it.
	Spec scenario.Link
	// Index counts links from 0, in the scenario's order.
	Index int
	// Wire is the namespace in the middle. Its name is that of both ends: client~edge.
	Wire *Node
	// Ends are in the order of Spec.Between.
	Ends [2]*End
}

// End is one end of a link: a veth pair between a node and the wire, as the layout has it.
type End struct {
	layout.End
	// Node has the device. It hides the layout's index of the node.
	Node *Node
}

// Build makes the network of a scenario. On an error, a cancelled context or a panic
// nothing of it remains.
//
// Errors are of kind [problem.Machine] where a right, a resource or a part of the kernel
// is missing, and of kind [problem.Usage] where the scenario asks for what cannot be, such
// as a sysctl that does not exist.
func Build(ctx context.Context, s *scenario.Scenario) (_ *Network, err error) {
	layout, err := layout.Plan(s)
	if err != nil {
		return nil, err
	}
	b := &builder{layout: layout, scenario: s, home: -1}
	built := false
	// Deferred, so that a panic undoes too.
	defer func() {
		b.closeSockets()
		if !built {
			err = errors.Join(err, b.undo.Close())
		}
	}()
	for _, step := range b.steps() {
		if err := errors.Join(context.Cause(ctx), step(ctx)); err != nil {
			return nil, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	n := &Network{layout: layout, nodes: b.nodes, links: b.links, byName: make(map[string]*Node, len(b.nodes))}
	for _, node := range b.nodes {
		n.byName[node.Name] = node
	}
	stack := b.undo
	n.close = sync.OnceValue(stack.Close)
	built = true
	return n, nil
}

// Close takes the network away and returns when nothing of this process holds on to it:
// it waits for functions that [Node.Do] runs and kills the processes that [Node.Start]
// started. Calling it again, also at the same time, returns the same error.
func (n *Network) Close() error { return n.close() }

// Layout is what the network was built from.
func (n *Network) Layout() *layout.Layout { return n.layout }

// Nodes are the scenario's nodes, in order of their names. Wires are not among them.
func (n *Network) Nodes() []*Node { return n.nodes }

// Node returns the node of that name, or nil.
func (n *Network) Node(name string) *Node { return n.byName[name] }

// Links are the scenario's links, in its order.
func (n *Network) Links() []*Link { return n.links }

// Link returns the first link between two nodes, in whichever order they are named, or nil.
func (n *Network) Link(a, b string) *Link {
	for _, l := range n.links {
		if l.End(a) != nil && l.End(b) != nil && a != b {
			return l
		}
	}
	return nil
}

// End returns the end at the node of that name, or nil.
func (l *Link) End(node string) *End {
	for _, e := range l.Ends {
		if e.Node.Name == node {
			return e
		}
	}
	return nil
}

// builder is a network in the making.
type builder struct {
	scenario *scenario.Scenario
	layout   *layout.Layout
	undo     undo.Stack
	// home is the namespace that threads return to.
	home int

	nodes []*Node
	links []*Link
}

func (b *builder) steps() []func(context.Context) error {
	return []func(context.Context) error{
		b.createNamespaces, b.createDevices, b.switchOffloadsOff, b.configure, b.settle, b.applySysctls,
	}
}

// spaces are all namespaces, nodes first.
func (b *builder) spaces() []*Node {
	all := append([]*Node{}, b.nodes...)
	for _, l := range b.links {
		all = append(all, l.Wire)
	}
	return all
}

func (b *builder) closeSockets() {
	for _, n := range b.spaces() {
		if n != nil && n.route != nil {
			_ = n.route.close() // nothing was written that a close could lose
			n.route = nil
		}
	}
}

// createNamespaces makes all namespaces on one thread, which goes from each into the next.
func (b *builder) createNamespaces(ctx context.Context) error {
	for _, p := range b.layout.Nodes {
		b.nodes = append(b.nodes, &Node{Name: p.Name, Role: p.Role, fd: -1})
	}
	for i, p := range b.layout.Links {
		l := &Link{Spec: p.Spec, Index: i, Wire: &Node{Name: p.Spec.Between[0] + "~" + p.Spec.Between[1], fd: -1}}
		for side := range p.Ends {
			e := &p.Ends[side]
			l.Ends[side] = &End{End: *e, Node: b.nodes[e.Node]}
			l.Ends[side].Node.ends = append(l.Ends[side].Node.ends, l.Ends[side])
			l.Wire.ends = append(l.Wire.ends, l.Ends[side])
		}
		b.links = append(b.links, l)
	}

	var err error
	if b.home, err = ownOnFreshThread(); err != nil {
		return err
	}
	b.undo.Push(func() error { return unix.Close(b.home) })
	return onThread(b.home, func() error {
		for i, n := range b.spaces() {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			// Even a node that is only half open is closed.
			b.undo.Push(n.close)
			if err := n.open(b.home); err != nil {
				return fmt.Errorf("create %s: %w", n.Name, err)
			}
			var user map[string]string
			settings := wireSettings
			if i < len(b.nodes) {
				settings = nodeSettings(n.Role)
				if spec := b.scenario.Nodes[n.Name]; spec != nil {
					user = spec.Sysctls
				}
			}
			if err := writeSettings(n.Name, settings); err != nil {
				return err
			}
			if err := writeSysctls(n.Name, user, beforeDevices); err != nil {
				return b.explainSysctl(err)
			}
		}
		return nil
	})
}

// createDevices makes the veth pairs, both sides up. A request goes to the namespace of
// the link's node, so there is one system call for all the devices of a node.
func (b *builder) createDevices(ctx context.Context) error {
	requests := make(map[*Node]*batch, len(b.nodes))
	for _, n := range b.nodes {
		requests[n] = &batch{}
		requests[n].addUp(n, "lo", loopback)
	}
	for _, l := range b.links {
		for _, e := range l.Ends {
			requests[e.Node].addPair(e, l.Wire.fd)
		}
	}
	for _, n := range b.nodes {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := requests[n].run(n.route)
		switch {
		case errors.Is(err, unix.EOPNOTSUPP):
			return problem.Wrap(problem.Machine, err, "the kernel has no veth devices: modprobe veth")
		case errors.Is(err, unix.EPERM):
			return problem.Wrap(problem.Machine, err, "this needs the capability CAP_NET_ADMIN")
		case err != nil:
			return err
		}
	}
	for _, l := range b.links {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		var r batch
		for _, e := range l.Ends {
			r.addUp(l.Wire, e.WireDevice, e.WireIndex)
		}
		if err := r.run(l.Wire.route); err != nil {
			return err
		}
	}
	return nil
}

// configure gives the nodes addresses, neighbours and routes, in one system call a node.
func (b *builder) configure(ctx context.Context) error {
	for i, n := range b.nodes {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		var r batch
		for _, ref := range b.layout.Nodes[i].Ends {
			e, far := b.links[ref.Link].Ends[ref.Side], b.links[ref.Link].Ends[1-ref.Side]
			r.addAddress(e, e.Addr4)
			r.addNeighbour(e, far.Addr4.Addr(), far.MAC)
			if e.Addr6.IsValid() {
				r.addAddress(e, e.Addr6)
				r.addNeighbour(e, far.Addr6.Addr(), far.MAC)
			}
		}
		for _, route := range b.layout.Nodes[i].Routes {
			r.addRoute(n, route)
		}
		err := r.run(n.route)
		if errors.Is(err, unix.EACCES) {
			// What the kernel answers for an IPv6 address on a device with disable_ipv6.
			return problem.Wrap(problem.Usage, err,
				"to switch IPv6 off on a node, set net.ipv6.conf.all.disable_ipv6, which takes effect once the addresses are there")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
