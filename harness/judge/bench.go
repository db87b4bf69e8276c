package judge

import (
	"math"
	"strings"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Bench holds what the runs of a plan have shown so far.
type Bench struct {
	plan  *campaign.Plan
	rule  Rule
	seeds int // of each arm
	arms  []arm
	// hearings are the cases of the plan, and behind them its controls.
	hearings []hearing
	byRun    map[place]int // an arm by the scenario's hash and the kernel
}

type place struct{ hash, kernel string }

// arm is what is kept of its runs: the columns that cases compare.
type arm struct {
	columns map[string]int
	values  [][]float64 // seed → column; nil while there is no run
	loss    []verdict.Loss
	have    []bool
	count   int
}

// hearing is one case and how far it has come.
type hearing struct {
	*campaign.Case
	state *verdict.State
	next  int // seeds taken
	done  bool
	// confirmed says that it is done, and has what it takes for itself to be confirmed.
	confirmed bool
	dose      verdict.Dose
	// watchedBase and watchedTreated say that an arm's dose is nothing, whatever its fault counts.
	watchedBase, watchedTreated bool
	// control says that this is one of the plan's controls.
	control bool
	// aside says that its runs are made elsewhere.
	aside bool
	// serves are the cases that rely on this control, but for those at the head that are confirmed already.
	serves []int
	// likely is how many seeds it takes if it turns out as expected; it does not follow from any run.
	likely int
}

// New returns the bench of a plan, before any run.
func New(p *campaign.Plan) (*Bench, error) {
	b := &Bench{plan: p, rule: RuleOf(p), seeds: p.Campaign.Seeds.Most, byRun: map[place]int{}, arms: make([]arm, len(p.Arms))}
	for i := range p.Arms {
		b.arms[i] = arm{columns: map[string]int{}, values: make([][]float64, b.seeds), loss: make([]verdict.Loss, b.seeds), have: make([]bool, b.seeds)}
		b.byRun[place{p.Arms[i].Hash, p.Arms[i].Kernel}] = i
	}
	for n, list := range [][]campaign.Case{p.Cases, p.Controls} {
		for i := range list {
			c := &list[i]
			s, err := verdict.NewState(c.Hypothesis, b.rule.Rule)
			if err != nil {
				return nil, err
			}
			b.hearings = append(b.hearings, hearing{Case: c, state: s, dose: verdict.Dose{Counter: c.Dose}, control: n == 1})
			h := &b.hearings[len(b.hearings)-1]
			h.watchedBase, h.watchedTreated = watched(p, c)
			h.likely = b.likely(h)
			for _, a := range c.Arms() {
				b.arms[a].column(c.Metric)
				if c.Dose != "" {
					b.arms[a].column(c.Dose)
				}
			}
		}
	}
	b.serve()
	return b, nil
}

func (a *arm) column(name string) {
	if _, ok := a.columns[name]; !ok {
		a.columns[name] = len(a.columns)
	}
}

// Arm returns the index of the arm that a record is of, by the hash of its scenario and the name of the kernel in
// the plan.
func (b *Bench) Arm(hash, kernel string) (int, bool) {
	i, ok := b.byRun[place{hash, kernel}]
	return i, ok
}

// Add takes what the run of an arm with a seed showed. A run that is there already, or of a seed that the plan
// does not have, changes nothing.
func (b *Bench) Add(arm int, seed uint64, e *archive.Entry) {
	i, ok := b.seed(seed)
	if a := &b.arms[arm]; ok && !a.have[i] {
		row := make([]float64, len(a.columns))
		for name, c := range a.columns {
			v, ok := e.Value(name)
			if !ok {
				v = math.NaN() // which no pair can be made of
			}
			row[c] = v
		}
		if !e.Valid {
			a.loss[i] = lossOf(e.Because)
		}
		a.values[i], a.have[i] = row, true
		a.count++
	}
}

// Break notes that the run of an arm with a seed could not be made.
func (b *Bench) Break(arm int, seed uint64) {
	if i, ok := b.seed(seed); ok && !b.arms[arm].have[i] {
		a := &b.arms[arm]
		a.values[i], a.have[i], a.loss[i] = make([]float64, len(a.columns)), true, verdict.Broken
		a.count++
	}
}

// Refuse notes that no further run of an arm can be made.
func (b *Bench) Refuse(arm int) {
	for _, seed := range b.plan.Seeds() {
		b.Break(arm, seed)
	}
}

func (b *Bench) seed(seed uint64) (int, bool) {
	first := uint64(b.plan.Campaign.Seeds.First)
	return int(seed - first), seed >= first && seed < first+uint64(b.seeds)
}

// lossOf reads why a run is invalid, by the words of packages run and fault.
func lossOf(because string) verdict.Loss {
	switch {
	case strings.Contains(because, "never acted"):
		return verdict.FaultIdle
	case strings.Contains(because, "fell behind"):
		return verdict.LoadBehind
	}
	return verdict.Broken
}

// hear gives a case the seeds that are there, block by block, until it has had enough.
func (b *Bench) hear(h *hearing) {
	for !h.done {
		end := b.end(h.next)
		for ; h.next < end; h.next++ {
			if !b.whole(h, h.next) {
				return
			}
			b.take(h, h.next)
		}
		h.done = h.next == b.seeds || b.enough(h)
		h.confirmed = h.done && h.state.Evidence().Confirm >= b.rule.Confirm
	}
}

// end returns where the block ends that begins at seed i, or that i is in.
func (b *Bench) end(i int) int {
	least := b.plan.Campaign.Seeds.Least
	if i < least {
		return min(least, b.seeds)
	}
	return min(least+((i-least)/Block+1)*Block, b.seeds)
}

// whole reports whether all arms of a case have seed i.
func (b *Bench) whole(h *hearing, i int) bool {
	for _, a := range h.Arms() {
		if !b.arms[a].have[i] {
			return false
		}
	}
	return true
}

// take gives a case seed i.
func (b *Bench) take(h *hearing, i int) {
	if h.Placebo() {
		if i%2 == 1 {
			b.pair(h, i-1, i, h.Base, h.Base)
		}
		return
	}
	if h.Kind != verdict.Explains {
		b.pair(h, i, i, h.Base, h.Treated)
		return
	}
	for _, a := range h.Arms() {
		if loss := b.arms[a].loss[i]; loss != "" {
			h.state.Lose(loss)
			return
		}
	}
	at := func(a int) float64 { return b.arms[a].values[i][b.arms[a].columns[h.Metric]] }
	b.measure(h, i)
	h.state.AddContrast(verdict.Pair{Base: at(h.Base), Treated: at(h.Treated)}, verdict.Pair{Base: at(h.BaseRelieved), Treated: at(h.TreatedRelieved)})
}

// pair gives a case one pair: seed i of one arm against seed j of another.
func (b *Bench) pair(h *hearing, i, j, base, treated int) {
	x, y := &b.arms[base], &b.arms[treated]
	// That the treated run is invalid since its fault never acted says more than anything else.
	for _, loss := range []verdict.Loss{y.loss[j], x.loss[i]} {
		if loss != "" {
			h.state.Lose(loss)
			return
		}
	}
	if !h.Placebo() {
		b.measure(h, i)
	}
	h.state.Add(verdict.Pair{Base: x.values[i][x.columns[h.Metric]], Treated: y.values[j][y.columns[h.Metric]]})
}

// enough reports whether a case's own evidence suffices.
func (b *Bench) enough(h *hearing) bool {
	e := h.state.Evidence()
	if h.control {
		return e.Confirm >= b.rule.Control || e.RuleOut >= b.rule.Control
	}
	return e.Confirm >= b.rule.Confirm || e.RuleOut >= b.rule.RuleOut || e.Part >= b.rule.Confirm
}
