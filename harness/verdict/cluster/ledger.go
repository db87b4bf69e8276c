package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// oneIn is how many runs there are for one that is made by two workers.
const oneIn = 64

// ledger knows who made which run with which digest. It belongs to the coordinator's lock.
type ledger struct {
	runs map[string]*entry // by the run's id
	// prepared has "sha256:…" of the machines that runs of an arm begin with, and who made the first.
	prepared map[string]claim
	// sound are workers of whose runs another one made one with the same digest.
	sound map[string]bool
	// latest are the last runs of each worker that can be made again, pending those that another worker is to make.
	latest, pending map[string]*entry
	// examined are workers of whose runs another one is making one, asked how many runs each is making so.
	examined map[string]bool
	asked    map[string]int
	// number of runs that were handed in.
	number int
}

// claim is what a worker says of a run.
type claim struct{ worker, digest string }

// entry is a run.
type entry struct {
	run    string
	seed   uint64
	claims []claim // of different workers, in the order in which they came
	lease  wire.Lease
	latest bool // of a worker
	// asked is the worker that is to make it, too. It was asked at sent; late says when it is given up.
	asked string
	sent  time.Time
	late  time.Time
	// unable are workers that were asked, and could not.
	unable []string
}

func newLedger() ledger {
	return ledger{map[string]*entry{}, map[string]claim{}, map[string]bool{}, map[string]*entry{},
		map[string]*entry{}, map[string]bool{}, map[string]int{}, 0}
}

// add notes what a worker says of a run.
func (g *ledger) add(worker string, r *result.Record) *entry {
	e := g.runs[r.Run]
	if e == nil {
		e = &entry{run: r.Run, seed: r.Seed}
		g.runs[r.Run] = e
		g.number++
	}
	c := claim{worker, r.Digest}
	if !slices.Contains(e.claims, c) {
		e.claims = append(e.claims, c)
	}
	if e.asked == worker {
		g.answered(e)
	}
	return e
}

// answered says that nobody is asked for a run any more.
func (g *ledger) answered(e *entry) {
	g.recall(e)
	g.forget(e)
}

// recall takes back that a worker is asked for a run, if one is.
func (g *ledger) recall(e *entry) {
	if e.asked == "" {
		return
	}
	delete(g.examined, e.claims[0].worker)
	if g.asked[e.asked]--; g.asked[e.asked] == 0 {
		delete(g.asked, e.asked)
	}
	e.asked = ""
	delete(g.pending, e.run)
}

// forget drops what is needed only for a run that is made again: there may be very many runs.
func (g *ledger) forget(e *entry) {
	if e.asked == "" && !e.latest && !e.disputed() {
		e.lease = wire.Lease{}
	}
}

// disputed reports whether workers say different things of a run.
func (e *entry) disputed() bool {
	return slices.ContainsFunc(e.claims, func(c claim) bool { return c.digest != e.claims[0].digest })
}

// failed says that a worker could not make a run that it was asked for: another one will be.
func (g *ledger) failed(o *wire.Outcome) {
	for _, e := range g.pending {
		if e.asked == o.Worker && e.seed == o.Seed && e.lease.ID == o.Lease {
			e.unable = append(e.unable, o.Worker)
			e.late = time.Time{}
		}
	}
}

// digests groups the workers by what they say of a run.
func (e *entry) digests() map[string][]string {
	m := map[string][]string{}
	for _, c := range e.claims {
		m[c.digest] = append(m[c.digest], c.worker)
	}
	return m
}

// judge says who is wrong about a run with more than one digest: those who are alone against two or more that agree,
// and those who contradict themselves. It is empty when that cannot be told.
func (e *entry) judge() (wrong []string) {
	most, of := 0, map[string]int{}
	for _, workers := range e.digests() {
		most = max(most, len(workers))
		for _, w := range workers {
			of[w]++
		}
	}
	for digest, workers := range e.digests() {
		for _, w := range workers {
			alone := most > 1 && len(e.digests()[digest]) == 1
			if (alone || of[w] > 1) && !slices.Contains(wrong, w) {
				wrong = append(wrong, w)
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// compare holds a run against what others said of it, and has some runs made by a second worker. The lock is held.
func (c *Coordinator) compare(r *result.Record, o *wire.Outcome, l *lease) {
	e := c.ledger.add(o.Worker, r)
	if l != nil {
		e.lease = l.told
		e.lease.Seeds = []uint64{r.Seed}
		if before := c.ledger.latest[o.Worker]; before != nil {
			before.latest = false
			c.ledger.forget(before)
		}
		c.ledger.latest[o.Worker], e.latest = e, true
	}
	c.prepared(r, o.Worker)
	if e.disputed() {
		c.dispute(e)
		return
	}
	if len(e.claims) > 1 {
		for _, claim := range e.claims {
			c.ledger.sound[claim.worker] = true
		}
		return
	}
	if c.ledger.wanted(o.Worker) {
		c.askAnother(e)
	}
}

// wanted reports whether a run of a worker is to be made by another one, too: the first, until that has come, and then
// one of many.
func (g *ledger) wanted(worker string) bool {
	if g.sound[worker] {
		return g.number%oneIn == 0
	}
	return !g.examined[worker]
}

// prepared notes when the machines of an arm are not the same before a run begins. The digest tells whether it matters.
func (c *Coordinator) prepared(r *result.Record, worker string) {
	arm := r.Scenario.Hash + r.Provenance.Key
	have, ok := c.ledger.prepared[arm]
	if !ok {
		c.ledger.prepared[arm] = claim{worker, r.Provenance.Prepared}
		return
	}
	if have.digest != r.Provenance.Prepared && have.worker != worker {
		c.note("the machines that workers %s and %s prepared for scenario %s differ: %s and %s", have.worker, worker,
			result.Short(r.Scenario.Hash), result.Short(have.digest), result.Short(r.Provenance.Prepared))
	}
}

// askAnother has a run made by a worker that did not make it yet. It reports whether there is one.
func (c *Coordinator) askAnother(e *entry) bool {
	if e.lease.Scenario == nil {
		return false
	}
	not := slices.Clone(e.unable)
	for _, claim := range e.claims {
		not = append(not, claim.worker)
	}
	other := c.roster.other(c.ledger.asked, not...)
	if other == "" {
		return false
	}
	text, err := wire.Pack(e.lease)
	if err != nil || c.Conn.Publish(c.session.Check(other), text) != nil {
		return false
	}
	c.ledger.recall(e)
	now := time.Now()
	e.asked, e.sent, e.late = other, now, now.Add(patience*c.Silence)
	c.ledger.pending[e.run] = e
	c.ledger.examined[e.claims[0].worker] = true
	c.ledger.asked[other]++
	return true
}

// remind asks a worker once more for what it does not answer: the question may have got lost with a connection. A
// worker that has it already takes no notice.
func (c *Coordinator) remind(e *entry) {
	if time.Since(e.sent) < c.Silence/3 {
		return
	}
	if text, err := wire.Pack(e.lease); err == nil && c.Conn.Publish(c.session.Check(e.asked), text) == nil {
		e.sent = time.Now()
	}
}

// patience is how long a comparison may take, in times of silence: a worker finishes what it has first.
const patience = 10

// dispute deals with a run that has two digests: a third worker decides who is wrong, if there is one.
func (c *Coordinator) dispute(e *entry) {
	if len(e.judge()) > 0 || e.asked == "" && !c.askAnother(e) {
		c.accuse(e)
	}
}

// accuse ends the sweep with the names of those who are wrong.
func (c *Coordinator) accuse(e *entry) {
	wrong := e.judge()
	var says []string
	for _, digest := range slices.Sorted(maps.Keys(e.digests())) {
		says = append(says, fmt.Sprintf("%s by %s", result.Short(digest), strings.Join(e.digests()[digest], " and ")))
	}
	text := fmt.Sprintf("run %s, seed %d, has %d digests: %s", result.Short(e.run), e.seed, len(says),
		strings.Join(says, ", "))
	hint := "one of these workers is wrong, and it takes a third one to tell which: start with three or more, and with " +
		"another --out DIR"
	if len(wrong) > 0 {
		hint = "start again without what is wrong, and with another --out DIR"
	}
	for _, w := range wrong {
		text += "; " + c.person(w) + " is wrong"
		if m := c.roster.members[w]; m != nil {
			m.banned = fmt.Errorf("worker %s made a run with another digest than two others", w)
		}
	}
	err := problem.Wrap(problem.Invalid, fmt.Errorf("determinism: %s", text), hint)
	if c.ended == nil {
		c.ended = err
		go c.Fail(err) // the lock is held
	}
}

// person describes a worker.
func (c *Coordinator) person(id string) string {
	m := c.roster.members[id]
	if m == nil {
		return "worker " + id
	}
	return fmt.Sprintf("worker %s (on %s, %s, %d of the runs so far)", id, m.Host, m.CPU, m.made)
}

// recheck asks another worker for what one does not answer. The lock is held.
func (c *Coordinator) recheck() {
	for _, e := range c.ledger.pending {
		m := c.roster.members[e.asked]
		if m != nil && m.Slots > 0 && time.Now().Before(e.late) {
			c.remind(e)
			continue
		}
		if c.askAnother(e) {
			continue
		}
		if e.disputed() {
			c.accuse(e)
		}
		c.ledger.answered(e)
	}
}
