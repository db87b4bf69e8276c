package load

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/ruleout/ruleout/harness/base/fifo"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/dns"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

// Role is the agent role of the generator. Its configuration is a [Config], its result a [Result].
const Role = "load"

func init() { agent.Register(Role, run) }

func run(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	var config Config
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("decode configuration of load: %w", err)
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	g, err := newGenerator(config)
	if err != nil {
		return nil, err
	}
	defer g.close()
	began, err := g.Generate(ctx, c, Role, g.draw, g.loop)
	if err != nil {
		return nil, err
	}
	if !began {
		return g.record.finish(0, 0), nil
	}
	return g.record.finish(g.Now(), g.inFlight), nil
}

// descriptors for which there is room from the start; beyond, the table grows in steps.
const descriptors = 4096

// What is known of a planned request, as bits.
const (
	sent     = 1 << iota // an attempt was made
	done                 // has met its fate
	retried              // goes out for the second time
	measured             // planned inside the window
)

// generator is the loop. All of its state belongs to the loop's thread.
type generator struct {
	*agent.Loop
	config  Config
	address socket.Address
	letter  letter // the last that was written
	record  *recorder

	// The plan, and what became of it, by index. All requests have the same timeout, so
	// they expire in the order of the plan.
	plan    []int64
	flags   []uint8
	carrier []int32 // slot of the connection that a request is on, or none
	resent  []uint8 // how often it was sent again, if that may be more than once
	next    int     // the first that has not been dispatched
	oldest  int     // none before it is without a fate

	crowd *crowd // who makes the plan as it goes; nil in an open loop

	inFlight int
	waiting  fifo.Queue[int32] // dispatched, for want of a connection

	resolver  *dns.Resolver // nil if the server's address is known
	resolving []int32       // slots of connections whose name is looked up

	conns []conn
	free  []int32 // slots without a connection
	idle  []int32 // slots of kept-alive connections; the last was used last
	open  int

	patience patience

	armed   int64 // alarm that is set and has not rung, relative to start; or never
	onEvent func(socket.Event)
	buffer  []byte
}

const none = -1

func newGenerator(c Config) (*generator, error) {
	g := &generator{config: c, address: socket.NewAddress(c.To), record: newRecorder(&c), patience: newPatience(&c)}
	g.letter.write(&c, 0)
	g.armed = never
	g.buffer = make([]byte, 64<<10)
	g.onEvent = g.handle
	var err error
	if g.Loop, err = agent.NewLoop(descriptors); err != nil {
		return nil, err
	}
	return g, nil
}

// draw makes the plan.
func (g *generator) draw(b agent.Beginning) (err error) {
	if g.config.Resolver != nil {
		if g.resolver, err = dns.NewResolver(*g.config.Resolver, g.config.Ports, b.Seed, g.config.Index); err != nil {
			return err
		}
		g.record.lookups()
	}
	if g.config.Users != nil {
		g.crowd = newCrowd(g.config.Users, g.config.Schedule, b.Seed, g.config.Index)
		g.reserve(cap(g.crowd.asker))
		return nil
	}
	plan := arrival.Plan(g.config.Schedule, b.Seed, g.config.Index)
	g.reserve(len(plan))
	for _, at := range plan {
		g.add(at)
	}
	return nil
}

// reserve makes room for a plan.
func (g *generator) reserve(n int) {
	g.plan, g.flags, g.carrier = make([]int64, 0, n), make([]uint8, 0, n), make([]int32, 0, n)
	if g.config.Retries > 1 {
		g.resent = make([]uint8, 0, n)
	}
}

// add plans a request, which is due at a time not before that of the last.
func (g *generator) add(at int64) {
	f := uint8(0)
	if at >= 0 && at < int64(g.config.Duration) {
		f = measured
		g.record.result.Planned++
	}
	g.plan, g.flags, g.carrier = append(g.plan, at), append(g.flags, f), append(g.carrier, none)
	if g.config.Retries > 1 {
		g.resent = append(g.resent, 0)
	}
}

// upcoming is when the next request is due, or never.
func (g *generator) upcoming() int64 {
	switch {
	case g.next < len(g.plan):
		return g.plan[g.next]
	case g.crowd != nil:
		return g.crowd.next()
	}
	return never
}

func (g *generator) close() {
	for i := range g.conns {
		if g.conns[i].lookup != nil {
			g.conns[i].lookup.Close()
		}
		if g.conns[i].state != closed && g.conns[i].fd != socket.None {
			g.conns[i].fd.Close()
		}
	}
	g.Close()
}

// loop runs until every request has met its fate, or ctx is done.
func (g *generator) loop(ctx context.Context) error {
	for {
		now := g.dispatchDue(g.Now())
		g.expireDue(now)
		g.stepDue(now)
		g.expireIdle(now)
		g.beDue(now)
		g.serveWaiting(now)
		if g.upcoming() == never && g.inFlight == 0 && !g.lingers(now) {
			if g.crowd != nil && len(g.crowd.asker) > mostAsked {
				return errMostAsked
			}
			return nil
		}
		if ctx.Err() != nil {
			g.abandon()
			return nil
		}
		if err := g.arm(); err != nil {
			return err
		}
		rang, errno := g.Poll.Wait(g.onEvent)
		if errno != 0 {
			return fmt.Errorf("wait for sockets: %w", errno)
		}
		if rang {
			// It is spent, even if the time has not come on our clock, which may be some ns behind.
			g.armed = never
		}
	}
}

// lingers reports whether nothing but kept-alive connections is left, which stay open to the end of the window.
func (g *generator) lingers(now int64) bool {
	return g.inFlight == 0 && g.open > 0 && now < int64(g.config.Duration) && g.upcoming() == never
}

// never is later than any alarm.
const never = math.MaxInt64

// arm sets the alarm to the next arrival or timeout, or to the end, unless it rings before that anyway.
func (g *generator) arm() error {
	at := int64(never)
	if g.lingers(math.MinInt64) {
		at = int64(g.config.Duration)
	}
	at = min(at, g.upcoming(), g.patience.next())
	if g.config.Idle > 0 && len(g.idle) > 0 {
		at = min(at, g.conns[g.idle[0]].since+int64(g.config.Idle))
	}
	if g.inFlight > 0 {
		for g.flags[g.oldest]&done != 0 {
			g.oldest++
		}
		at = min(at, g.plan[g.oldest]+int64(g.config.Timeout))
	}
	for _, slot := range g.resolving {
		at = min(at, g.conns[slot].lookup.Deadline())
	}
	if g.armed <= at {
		return nil
	}
	g.armed = at
	if errno := g.Poll.Alarm(g.Start() + at); errno != 0 {
		return fmt.Errorf("set timer: %w", errno)
	}
	return nil
}

// dispatchDue turns to the requests whose time has come, and returns the time when it is through.
func (g *generator) dispatchDue(now int64) int64 {
	for g.upcoming() <= now {
		if g.next == len(g.plan) {
			g.add(g.crowd.ask())
		}
		i := int32(g.next)
		g.next++
		g.record.advance(now, g.inFlight)
		if g.flags[i]&measured != 0 {
			g.record.result.Late.Record(now - g.plan[i])
		}
		g.inFlight++
		g.patience.abort.put(now, moment{request: i})
		expired := g.plan[i]+int64(g.config.Timeout) <= now
		if expired || g.waiting.Len() > 0 || !g.carry(i, now) {
			g.waiting.Push(i) // where it expires, or gets its turn
		}
		now = g.Now() // many may be due, and each takes time
	}
	return now
}

// expireDue ends the requests whose timeout has come.
func (g *generator) expireDue(now int64) {
	for ; g.oldest < g.next; g.oldest++ {
		i := g.oldest
		if g.flags[i]&done != 0 {
			continue
		}
		if g.plan[i]+int64(g.config.Timeout) > now {
			return
		}
		if slot := g.carrier[i]; slot != none {
			g.drop(slot)
		}
		g.fail(int32(i), Timeout, now)
	}
}

// serveWaiting gives free connections to requests that wait for one.
func (g *generator) serveWaiting(now int64) {
	for g.waiting.Len() > 0 {
		if i := *g.waiting.First(); g.flags[i]&done == 0 && !g.carry(i, now) {
			return
		}
		g.waiting.Pop()
	}
}

// abandon leaves the rest of the plan without a fate.
func (g *generator) abandon() {
	for _, f := range g.flags {
		if f&(done|measured) == measured {
			g.record.result.Abandoned++
		}
	}
}

// complete and fail give a request its fate.
func (g *generator) complete(i int32, now int64) {
	g.settle(i, now, false)
	g.record.completed(now, now-g.plan[i], g.flags[i]&measured != 0)
}

func (g *generator) fail(i int32, class Class, now int64) {
	g.settle(i, now, true)
	g.record.failed(now, class, g.flags[i]&measured != 0)
	g.countUnsent(i)
}

// countUnsent takes a request that has met its fate, and may not have been sent before.
func (g *generator) countUnsent(i int32) {
	if g.flags[i]&(sent|measured) == measured {
		g.record.result.Unsent++
	}
}

func (g *generator) settle(i int32, now int64, failed bool) {
	g.record.advance(now, g.inFlight)
	g.inFlight--
	g.flags[i] |= done
	g.carrier[i] = none
	if g.crowd != nil {
		g.crowd.think(i, now, failed)
	}
}

// markSent notes the first attempt to send a request.
func (g *generator) markSent(i int32) {
	if g.flags[i]&(sent|measured) == measured {
		g.record.result.Sent++
	}
	g.flags[i] |= sent
}
