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
	"github.com/ruleout/ruleout/harness/scenario"
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

// startServices starts an agent of a role on each node that has a service of its kind, with counters of these names and
// the configuration for the node.
func (r *Prepared) startServices(ctx context.Context, groups map[string]*cgroup.Group, role string, counters []string,
	has func(*scenario.Service) bool, config func(name string) (any, error),
) (list []program, _ error) {
	for _, name := range r.nodeNames() {
		if s := r.scenario.Nodes[name].Service; s == nil || !has(s) {
			continue
		}
		c, err := config(name)
		if err != nil {
			return nil, err
		}
		p, err := r.launch(ctx, r.network.Node(name), groups[name], role, name+"/"+role, c, counters...)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// startGenerators starts an agent of a role for each load of a kind. Its configuration is for the index of the load
// and the address that it goes to.
func (r *Prepared) startGenerators(ctx context.Context, groups map[string]*cgroup.Group, kind, role string,
	config func(i int, to netip.AddrPort) (any, error),
) (list []program, _ error) {
	for _, i := range loadsOf(r.scenario, kind) {
		from := r.scenario.Load[i].From
		to, err := r.address(i)
		if err != nil {
			return nil, err
		}
		c, err := config(i, to)
		if err != nil {
			return nil, err
		}
		p, err := r.launch(ctx, r.network.Node(from), groups[from], role, fmt.Sprintf("%s/load[%d]", from, i), c)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (r *Prepared) startDatabases(ctx context.Context, groups map[string]*cgroup.Group) error {
	databases, err := r.startServices(ctx, groups, service.SQLRole, service.SQLCounters(),
		func(s *scenario.Service) bool { return s.SQL != nil },
		func(name string) (any, error) {
			return service.NewSQLConfig(*r.scenario.Nodes[name].Service.SQL, r.callers(name)), nil
		})
	r.programs.services = append(r.programs.services, databases...)
	return err
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
	var of []*scenario.PHP
	pools, err := r.startServices(ctx, groups, service.PHPRole, service.PHPCounters(),
		func(s *scenario.Service) bool { return s.PHP != nil },
		func(name string) (any, error) {
			php := r.scenario.Nodes[name].Service.PHP
			of = append(of, php)
			var database netip.AddrPort
			if php.Database != "" {
				addr, _, ok := r.network.Layout().Toward(name, php.Database)
				if !ok {
					return nil, fmt.Errorf("node %s has no path to its database %s", name, php.Database)
				}
				database = netip.AddrPortFrom(addr, uint16(r.scenario.Nodes[php.Database].Service.SQL.Port))
			}
			return service.NewPHPConfig(*php, database), nil
		})
	if err != nil {
		return err
	}
	for i, p := range pools {
		if !of[i].Request.Spread.IsZero() {
			r.programs.drawing = append(r.programs.drawing, p)
		}
		if of[i].Database == "" {
			p.counts = p.counts[:len(metric.Pool())] // the rest are about its database
		}
		r.programs.services = append(r.programs.services, p)
	}
	return nil
}

func (r *Prepared) startLoads(ctx context.Context, groups map[string]*cgroup.Group) (err error) {
	r.programs.loads, err = r.startGenerators(ctx, groups, "http", load.Role,
		func(i int, to netip.AddrPort) (any, error) {
			config := load.NewConfig(r.scenario, i, to)
			var err error
			config.Resolver, err = r.resolver(&r.scenario.Load[i])
			return config, err
		})
	return err
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
