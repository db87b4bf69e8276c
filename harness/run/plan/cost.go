package plan

import (
	"math"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Cost is an estimate of what a run takes in the vm backend. It knows the load and nothing of what faults add to it.
type Cost struct {
	Virtual   float64 `json:"virtual"`    // s of the run's own time, the building and the draining included
	Busy      float64 `json:"busy"`       // s of it in which the emulated CPU is not idle
	WallLeast float64 `json:"wall_least"` // s on a machine with a core to spare
	WallMost  float64 `json:"wall_most"`  // s
	// Prepare is how long it takes to start the programs of images before the first run, s. It is the same for all seeds.
	Prepare float64 `json:"prepare,omitempty"`
}

// What a run costs, measured: see docs/architecture/plan.md for the figures and the commands.
const (
	// overhead is virtual time before the warm-up and after the window.
	overhead = 0.7
	// perPacket is emulated CPU time for a packet on one link, ends included, at 500 mips.
	perPacket = 25e-6
	// perSecond is the share of the CPU that the harness and the kernel's ticks take of an idle second at 500 mips.
	perSecond = 0.005
	// startLeast and startMost are wall times of a run that does nothing, its template being there or not.
	startLeast, startMost = 1.0, 6.0
	// busyLeast and busyMost are wall times of a busy second of the guest at 500 mips.
	busyLeast, busyMost = 2.0, 4.0
	// usualAnswer is how many seconds users wait for an answer, who would ask without end otherwise.
	usualAnswer = 0.02
	// segment is the payload of a full segment with timestamps at an MTU of 1500.
	segment = 1448
)

// cost estimates, from requests, their CPU and the packets that they take.
func (p *Plan) cost(s *scenario.Scenario) Cost {
	slower := 500 / float64(s.Machine.Speed) // emulated time of an instruction, against 500 mips
	packets, cpu := 0., 0.
	for i := range s.Load {
		node := s.Nodes[s.Load[i].To]
		if s.Load[i].UDP != nil {
			packets += float64(p.Load[i].Requests) * hops(s, s.Load[i].From, s.Load[i].To) * datagrams(s, &s.Load[i])
			continue
		}
		if node == nil || node.Service == nil || s.Load[i].HTTP == nil {
			continue
		}
		n := float64(p.Load[i].Requests)
		if u := s.Load[i].HTTP.Users; u != nil { // nobody knows how long they will wait
			n = float64(u.Count) * (p.Load[i].End - p.Load[i].Begin) / (seconds(u.Think) + usualAnswer)
		}
		php := node.Service.PHP
		if php == nil || php.Port != s.Load[i].HTTP.Port {
			w := served(s, s.Load[i].From, s.Load[i].To, s.Load[i].HTTP.Port, len(s.Nodes))
			packets += n * w.packets
			cpu += n * w.cpu * slower
			continue
		}
		links := hops(s, s.Load[i].From, s.Load[i].To)
		connect := 7. // SYN, SYN-ACK, ACK and two times FIN and ACK
		if s.Load[i].HTTP.Keepalive {
			connect = 0
		}
		packets += n * links * (connect + exchange(size(php.Request.Response)))
		if php.Request.CPU != nil {
			cpu += n * seconds(*php.Request.CPU)
		}
		if q := float64(php.Request.Queries); q > 0 && php.Database != "" {
			connect := 7.
			if php.Persistent {
				connect = 0
			}
			row := 0.
			if db := s.Nodes[php.Database]; db != nil && db.Service != nil && db.Service.SQL != nil {
				row = size(db.Service.SQL.Row)
			}
			packets += n * hops(s, s.Load[i].To, php.Database) * (connect + q*exchange(row))
		}
	}
	virtual := p.Warmup + p.Duration + overhead
	busy := cpu + packets*perPacket*slower + virtual*perSecond*slower
	busy = math.Min(busy, virtual)
	start, least, most, prepare := startMost, busyLeast, busyMost, preparing(s)
	if prepare > 0 {
		start, least, most = preparedMost, programLeast, programMost
	}
	return Cost{
		Virtual: round(virtual), Busy: round(busy), Prepare: prepare,
		WallLeast: coarse(startLeast + busy*least/slower), WallMost: coarse(start + busy*most/slower),
	}
}

// exchange is the number of packets of a question and its answer: segments, and an ACK for every second of them.
func exchange(answer float64) float64 {
	return 2 + math.Ceil(answer/segment)*1.5
}

func size(s *scenario.Size) float64 {
	if s == nil {
		return 0
	}
	return float64(*s)
}

// hops is the number of links on a shortest path through routers, 0 when there is none.
func hops(s *scenario.Scenario, from, to string) float64 {
	return float64(max(len(s.Path(from, to))-1, 0))
}

func round(v float64) float64 { return math.Round(v*100) / 100 }

// coarse rounds to what a guess is worth: tenths below ten seconds, whole seconds above.
func coarse(v float64) float64 {
	if v < 10 {
		return math.Round(v*10) / 10
	}
	return math.Round(v)
}

// datagrams is how many packets each datagram of a load is, with its answer.
func datagrams(s *scenario.Scenario, t *scenario.Traffic) float64 {
	n := float64(s.Fragments(t))
	if node := s.Nodes[t.To]; node != nil && node.Service != nil && node.Service.UDP != nil &&
		node.Service.UDP.Answer > 0 {
		n++
	}
	return n
}
