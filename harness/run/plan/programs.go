package plan

import "github.com/ruleout/ruleout/harness/scenario"

// What real programs take of the emulated CPU for a request, at 500 mips. Those of pages and databases are from
// docs/fidelity.md: 5.4 ms at the web server, nginx included, and 1 ms at the database for a connection with three
// queries.
const (
	perPass    = 0.6e-3 // nginx, for a file or for what it passes on; haproxy
	perPage    = 4.8e-3 // PHP-FPM
	perStore   = 1e-3   // MariaDB, for a page
	perCache   = 0.2e-3 // redis, for a page
	perRequest = 1e-3   // a program of the user's, of which nothing is known
	answer     = 16e3   // bytes of a page, of which nothing is known either
	dialogue   = 21     // packets between PHP and a database: a connection, authentication and three queries
	question   = 10     // and between PHP and redis
)

// What they take of the wall clock.
const (
	// prepareLeast and prepareEach are seconds to prepare a scenario with programs, and what each of them adds.
	prepareLeast, prepareEach = 6.0, 2.0
	// preparedMost is the wall time of a run that does nothing, when that is done.
	preparedMost = 2.5
	// programLeast and programMost are wall times of a busy second in which real programs run: the emulator translates
	// more code than in one of the built-in services.
	programLeast, programMost = 3.0, 5.0
)

// work is what a request takes.
type work struct{ cpu, packets float64 }

func (w *work) add(other work, share float64) {
	w.cpu += other.cpu * share
	w.packets += other.packets * share
}

// served is what a request takes on its way to a program and behind it. Depth bounds proxies that ask each other.
func served(s *scenario.Scenario, from, to string, port, depth int) work {
	node := s.Nodes[to]
	if node == nil || node.Service == nil || depth == 0 {
		return work{}
	}
	w := work{packets: hops(s, from, to) * (7 + exchange(answer))}
	v := node.Service
	switch {
	case v.Nginx != nil && v.Nginx.Port == port:
		w.cpu = perPass
		switch pool := v.Nginx.PHP; {
		case len(v.Nginx.Proxy) > 0:
			w.add(behind(s, to, v.Nginx.Proxy, depth), 1)
		case pool != "":
			w.add(page(s, pool), 1)
		case v.PHPFPM != nil:
			w.add(page(s, to), 1)
		}
	case v.HAProxy != nil && v.HAProxy.Port == port:
		w.cpu = perPass
		w.add(behind(s, to, v.HAProxy.Servers, depth), 1)
	default:
		w.cpu = perRequest
	}
	return w
}

// behind is what the servers of a proxy take, by turns.
func behind(s *scenario.Scenario, from string, servers []string, depth int) (w work) {
	for _, server := range servers {
		if name, port, ok := scenario.Server(server); ok {
			w.add(served(s, from, name, port, depth-1), 1/float64(len(servers)))
		}
	}
	return w
}

// page is what a page of PHP takes, with the databases and caches that its node reaches.
func page(s *scenario.Scenario, pool string) work {
	w := work{cpu: perPage}
	for name, n := range s.Nodes {
		links := hops(s, pool, name)
		if n == nil || n.Service == nil || links == 0 && name != pool {
			continue
		}
		if n.Service.MariaDB != nil {
			w.add(work{perStore, links * dialogue}, 1)
		}
		if n.Service.Redis != nil {
			w.add(work{perCache, links * question}, 1)
		}
	}
	return w
}

// preparing is how long it takes to prepare what a scenario has in programs, in seconds.
func preparing(s *scenario.Scenario) float64 {
	n := 0
	for name := range s.Nodes {
		list, _ := s.Programs(name)
		for _, p := range list {
			if p.At == nil {
				n++
			}
		}
	}
	if n == 0 {
		return 0
	}
	return prepareLeast + prepareEach*float64(n)
}
