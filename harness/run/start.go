package run

import (
	"context"
	"fmt"
	"net/netip"
	"sort"
	"time"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/fault"
	"github.com/ruleout/ruleout/harness/run/load"
	"github.com/ruleout/ruleout/harness/run/probe"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/service"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// start starts what runs on the nodes, services before those who call them, and
// opens the recorder.
func (r *Prepared) start(ctx context.Context) error {
	groups, err := r.makeGroups()
	if err != nil {
		return err
	}
	freezers := make(map[string]fault.Freezer, len(groups))
	for name, g := range groups {
		freezers[name] = g
	}
	if err := r.wires.Own(freezers); err != nil {
		return err
	}
	for _, start := range []func(context.Context, map[string]*cgroup.Group) error{r.startDatabases, r.startPools,
		r.startSinks, r.startNameServers, r.startBulkSinks, r.startBoxes, r.startLoads, r.startSenders, r.startBulk} {
		if err := start(ctx, groups); err != nil {
			return err
		}
	}
	generators := len(r.programs.loads) + len(r.programs.senders) + len(r.programs.pumps)
	r.teller.tell(protocol.Start, fmt.Sprintf("%s and %s are ready",
		quantity.Plural(int64(r.programs.serving()), "service"), quantity.Plural(int64(generators), "generator")))
	return r.openProbe(groups)
}

// makeGroups makes a control group for each node, so that what a node uses can be told apart.
func (r *Prepared) makeGroups() (map[string]*cgroup.Group, error) {
	root, err := cgroup.Root()
	if err != nil {
		return nil, err
	}
	groups := make(map[string]*cgroup.Group)
	for _, node := range r.network.Nodes() {
		g, err := cgroup.Create(root, node.Name)
		if err != nil {
			return nil, fmt.Errorf("make control group of node %s: %w", node.Name, err)
		}
		r.undo.Push(g.Close)
		groups[node.Name] = g
	}
	return groups, nil
}

// launch starts one agent on a node, whose counters have these names, and waits until it is ready.
func (r *Prepared) launch(ctx context.Context, node *topology.Node, group *cgroup.Group, role, name string, config any,
	counters ...string) (program, error) {
	p, err := r.launchIn(ctx, 0, node, group, role, name, config, counters...)
	if err != nil {
		return p, err
	}
	return p, p.process.Ready()
}

// launchIn is launch in namespaces of the agent's own, as flags of clone(2), and without the wait.
func (r *Prepared) launchIn(ctx context.Context, namespaces uintptr, node *topology.Node, group *cgroup.Group,
	role, name string,
	config any, counters ...string,
) (program, error) {
	p, err := agent.Launch(ctx, agent.Spec{
		Role: role, Name: name, Config: config, Tally: len(counters), Namespaces: namespaces,
		Start: node.Start, CgroupFD: group.FD(),
	})
	if err != nil {
		return program{}, err
	}
	r.undo.Push(p.Close)
	started := program{name: name, process: p}
	for i, counter := range counters {
		started.counts = append(started.counts, probe.Count{
			Node: node.Name, Name: counter, Series: counter == reconnects, Read: p.Tally()[i].Load,
		})
	}
	return started, nil
}

// reconnects is the counter of a service that is worth a series, for what it says is in no other.
const reconnects = "sql.reconnects"

func (r *Prepared) startDatabases(ctx context.Context, groups map[string]*cgroup.Group) error {
	for _, name := range r.nodeNames() {
		n := r.scenario.Nodes[name]
		if n.Service == nil || n.Service.SQL == nil {
			continue
		}
		p, err := r.launch(ctx, r.network.Node(name), groups[name], service.SQLRole, name+"/sql",
			service.NewSQLConfig(*n.Service.SQL, r.callers(name)), service.SQLCounters()...)
		if err != nil {
			return err
		}
		r.programs.services = append(r.programs.services, p)
	}
	return nil
}

// callers is the most connections that the pools of the scenario have open to a database.
func (r *Prepared) callers(database string) int {
	sum := 0
	for _, n := range r.scenario.Nodes {
		if n.Service != nil && n.Service.PHP != nil && n.Service.PHP.Database == database {
			sum += n.Service.PHP.Workers
		}
	}
	return sum
}

func (r *Prepared) startPools(ctx context.Context, groups map[string]*cgroup.Group) error {
	for _, name := range r.nodeNames() {
		n := r.scenario.Nodes[name]
		if n.Service == nil || n.Service.PHP == nil {
			continue
		}
		php := n.Service.PHP
		var database netip.AddrPort
		if php.Database != "" {
			addr, _, ok := r.network.Layout().Toward(name, php.Database)
			if !ok {
				return fmt.Errorf("node %s has no path to its database %s", name, php.Database)
			}
			database = netip.AddrPortFrom(addr, uint16(r.scenario.Nodes[php.Database].Service.SQL.Port))
		}
		p, err := r.launch(ctx, r.network.Node(name), groups[name], service.PHPRole, name+"/php",
			service.NewPHPConfig(*php, database), service.PHPCounters()...)
		if err != nil {
			return err
		}
		if !php.Request.Spread.IsZero() {
			r.programs.drawing = append(r.programs.drawing, p)
		}
		if php.Database == "" {
			p.counts = p.counts[:len(metric.Pool())] // the rest are about its database
		}
		r.programs.services = append(r.programs.services, p)
	}
	return nil
}

func (r *Prepared) startLoads(ctx context.Context, groups map[string]*cgroup.Group) error {
	for _, i := range loadsOf(r.scenario, "http") {
		l := r.scenario.Load[i]
		to, err := r.address(i)
		if err != nil {
			return err
		}
		config := load.NewConfig(r.scenario, i, to)
		if config.Resolver, err = r.resolver(&l); err != nil {
			return err
		}
		p, err := r.launch(ctx, r.network.Node(l.From), groups[l.From], load.Role, fmt.Sprintf("%s/load[%d]", l.From, i),
			config)
		if err != nil {
			return err
		}
		r.programs.loads = append(r.programs.loads, p)
	}
	return nil
}

func (r *Prepared) openProbe(groups map[string]*cgroup.Group) error {
	o := probe.Options{Interval: time.Duration(*r.scenario.Timeline), Counts: r.programs.counts()}
	for _, n := range r.network.Nodes() {
		o.Nodes = append(o.Nodes, probe.Target{Name: n.Name, Do: n.Do, Inode: n.Inode(), Group: groups[n.Name],
			Tracks: r.scenario.Nodes[n.Name].Tracks()})
	}
	names := make([]string, len(o.Nodes))
	for i, n := range o.Nodes {
		names[i] = n.Name
	}
	o.Arrived = r.wires.Arrived(names)
	queues := r.wires.Queues()
	for _, q := range queues {
		o.Queues = append(o.Queues, probe.Queue(q))
	}
	o.Marked = func(counts []int64) error { return r.wires.Marked(queues, counts) }
	o.Ends = r.boxes.Read
	p, err := probe.New(o)
	if err != nil {
		return fmt.Errorf("open recorder: %w", err)
	}
	r.probe = p
	r.undo.Push(p.Close)
	return nil
}

func (r *Prepared) nodeNames() []string {
	names := make([]string, 0, len(r.scenario.Nodes))
	for name := range r.scenario.Nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
