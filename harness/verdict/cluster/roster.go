package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// Worker is one that takes part, for people.
type Worker struct {
	ID, Host, CPU string
	Slots         int
	// Made is how many runs it has handed in, Holds how many leases it has, Rate its runs a second since it came.
	Made, Holds int
	Rate        float64
}

// member is a worker that said hello.
type member struct {
	wire.Hello
	came, seen time.Time
	made       int
	holds      int
	banned     error // why nothing is taken from it
}

// roster knows the workers. It belongs to the coordinator's lock.
type roster struct {
	members map[string]*member
	changed chan struct{}
	refused map[string]bool // what was said of those that were
}

func newRoster() roster { return roster{map[string]*member{}, make(chan struct{}), map[string]bool{}} }

// slots is how many runs they make at a time.
func (r *roster) slots() (n int) {
	for _, m := range r.members {
		n += m.Slots
	}
	return n
}

// change says that slots has another value.
func (r *roster) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// other returns a worker that is not among these, one with the fewest runs besides its leases; empty if there is none.
func (r *roster) other(besides map[string]int, not ...string) (other string) {
	for id, m := range r.members {
		if m.Slots == 0 || m.banned != nil || slices.Contains(not, id) {
			continue
		}
		if other == "" || cmp.Or(cmp.Compare(besides[id], besides[other]), strings.Compare(id, other)) < 0 {
			other = id
		}
	}
	return other
}

// hello answers a worker that looks for work.
func (c *Coordinator) hello(m *nats.Msg) any {
	var h wire.Hello
	c.mu.Lock()
	ended := c.ended != nil
	c.mu.Unlock()
	if ended || wire.Unpack(m.Data, &h) != nil {
		return nil
	}
	w := c.welcome()
	if err := c.refuse(&h); err != nil {
		w.Refused = wire.TroubleOf(err)
		c.refused(fmt.Sprintf("worker %.64s on %.64s is refused: %v", h.Worker, h.Host, err))
	}
	return w
}

// refused says so once: a worker that serves another coordinator asks again and again.
func (c *Coordinator) refused(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.roster.refused[text] && len(c.roster.refused) < mostRefused {
		c.roster.refused[text] = true
		c.note("%s", text)
	}
}

// mostRefused bounds what is said of workers that are refused.
const mostRefused = 100

// refuse says why runs of a worker could not be compared with those of others; nil if they can.
func (c *Coordinator) refuse(h *wire.Hello) error {
	mine := func(what, theirs, ours, hint string) error {
		return problem.Wrap(problem.Machine, fmt.Errorf("the worker has another %s than the coordinator: %.19s, not %.19s",
			what, theirs, ours), hint)
	}
	switch {
	case h.Number != wire.Number:
		return problem.Wrap(problem.Machine, fmt.Errorf("the worker speaks protocol %d, the coordinator %d", h.Number,
			wire.Number), "install the same release of ruleout on both")
	case wire.CheckName(h.Worker) != nil:
		return problem.Wrap(problem.Usage, fmt.Errorf("the worker's name: %w", wire.CheckName(h.Worker)),
			"give another --name")
	case h.Slots < 1 || h.Slots > mostSlots:
		return problem.Wrap(problem.Usage, fmt.Errorf("%d runs at a time: not a number from 1 to %d", h.Slots, mostSlots), "")
	case !plain(h.Host) || !plain(h.CPU) || !plain(h.Version):
		return problem.Wrap(problem.Usage, fmt.Errorf("the worker describes itself by more than words: "+
			"host %.70q, CPU %.70q, version %.70q", h.Host, h.CPU, h.Version), "")
	case h.Guest != c.Guest:
		return mine("guest program", h.Guest, c.Guest, "install the same release of ruleout on both")
	case h.QEMU != c.QEMU:
		return mine("QEMU", h.QEMU, c.QEMU, "install the same package of QEMU on both, to the byte; ruleout doctor shows "+
			"its version")
	}
	return nil
}

func (c *Coordinator) welcome() wire.Welcome {
	return wire.Welcome{Number: wire.Number, Session: c.session, Name: c.Name, Silence: c.Silence}
}

// join lets a worker in.
func (c *Coordinator) join(m *nats.Msg) any {
	w := c.welcome()
	var h wire.Hello
	if err := wire.Unpack(m.Data, &h); err != nil {
		w.Refused = wire.TroubleOf(err)
		return w
	}
	if err := c.refuse(&h); err != nil {
		w.Refused = wire.TroubleOf(err)
		return w
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have := c.roster.members[h.Worker]
	switch {
	case c.ended != nil:
		return wire.Welcome{}
	case have != nil && have.banned != nil:
		w.Refused = wire.TroubleOf(have.banned)
		return w
	case have == nil:
		have = &member{came: time.Now()}
		c.roster.members[h.Worker] = have
	}
	if have.Slots == 0 && h.Worker != c.Local {
		c.note("worker %s on %s joins with %s at a time (%s)", h.Worker, h.Host, quantity.Plural(int64(h.Slots), "run"),
			h.CPU)
	}
	have.Hello, have.seen = h, time.Now()
	c.roster.change()
	return w
}

// beat notes that a worker is alive, or leaves.
func (c *Coordinator) beat(m *nats.Msg) any {
	var b wire.Beat
	if wire.Unpack(m.Data, &b) != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have := c.roster.members[b.Worker]
	if have == nil {
		return wire.Answer{Unknown: true}
	}
	have.seen, have.holds = time.Now(), len(b.Holds)
	before, now := have.Slots, max(0, min(b.Slots, mostSlots))
	if have.banned != nil {
		now = 0
	}
	if have.Slots = now; now != before {
		c.roster.change()
	}
	switch {
	case now == 0 && before > 0:
		c.leave(have, b.Why)
	case now > 0 && before == 0:
		c.note("worker %s on %s is back", have.Worker, have.Host)
	}
	if now == 0 && have.banned == nil && have.made == 0 { // it says hello before it comes again
		delete(c.roster.members, b.Worker)
	}
	return wire.Answer{Unknown: have.banned != nil}
}

// plain reports whether a text may stand in a line for people.
func plain(text string) bool {
	return len(text) <= 200 && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// mostSlots bounds the runs at a time of one worker.
const mostSlots = 4096

// call strikes out workers that are silent for too long.
func (c *Coordinator) call() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.roster.members {
		if m.Slots > 0 && time.Since(m.seen) > c.Silence {
			m.Slots = 0
			c.leave(m, fmt.Sprintf("no sign of life for %s", c.Silence))
			c.roster.change()
		}
	}
	c.recheck()
}

// leave says that a worker is not there any more. One that is silent stays known: it may come back with its results.
func (c *Coordinator) leave(m *member, why string) {
	if m.Worker == c.Local {
		return
	}
	if why = strings.Join(strings.Fields(why), " "); why != "" {
		why = fmt.Sprintf(": %.300s", why)
	}
	c.note("worker %s on %s leaves%s", m.Worker, m.Host, why)
}

// Workers lists those that take part now, in the order of their ids.
func (c *Coordinator) Workers() (list []Worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.roster.members {
		if m.Slots > 0 {
			list = append(list, Worker{m.Worker, m.Host, m.CPU, m.Slots, m.made, m.holds,
				float64(m.made) / max(time.Since(m.came).Seconds(), 1e-3)})
		}
	}
	slices.SortFunc(list, func(a, b Worker) int { return strings.Compare(a.ID, b.ID) })
	return list
}
