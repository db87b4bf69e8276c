package cases

import (
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Analysis holds what the runs of a plan have shown so far.
type Analysis struct {
	plan  *campaign.Plan
	rule  Rule
	seeds int // of each arm
	arms  []arm
	// progress are the cases of the plan, and after them its controls.
	progress []caseProgress
	// made numbers what runs were made with, from 1.
	made map[string]uint16

	agenda
}

// arm is what is kept of its runs: the columns that cases compare.
type arm struct {
	columns map[string]int
	values  [][]float64 // seed → column; nil while there is no run
	loss    []verdict.Loss
	have    []bool
	failed  []bool   // the run could not be made
	made    []uint16 // what the run was made with; 0 is unknown
	count   int
	// cut is the seed from which on the arm is given up: all further seeds are lost, whatever they show.
	cut int
	// cases are the progress that compare the arm.
	cases []int
}

// InARow is how many seeds of an arm, one after the other, may break before the arm is given up.
const InARow = 4

// has reports whether it is known what seed i shows, or that it shows nothing.
func (a *arm) has(i int) bool { return a.have[i] || i >= a.cut }

// lost is why seed i counts for nothing, or empty.
func (a *arm) lost(i int) verdict.Loss {
	if i >= a.cut {
		return verdict.Broken
	}
	return a.loss[i]
}

// value of a column in seed i; 0 where there is no run.
func (a *arm) value(i int, name string) float64 {
	if a.values[i] == nil {
		return 0
	}
	return a.values[i][a.columns[name]]
}

// caseProgress is a case and the evidence collected for it.
type caseProgress struct {
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
	// list is what Arms returns.
	list []int
}

// New returns the analysis of a plan, before any run.
func New(p *campaign.Plan) (*Analysis, error) {
	an := &Analysis{
		plan: p, rule: RuleOf(p), seeds: p.Campaign.Seeds.Most, arms: make([]arm, len(p.Arms)), made: map[string]uint16{},
	}
	for i := range p.Arms {
		an.arms[i] = arm{
			columns: map[string]int{}, values: make([][]float64, an.seeds), loss: make([]verdict.Loss, an.seeds),
			have:   make([]bool, an.seeds),
			failed: make([]bool, an.seeds), made: make([]uint16, an.seeds), cut: an.seeds,
		}
	}
	for n, list := range [][]campaign.Case{p.Cases, p.Controls} {
		for i := range list {
			c := &list[i]
			s, err := verdict.NewState(c.Hypothesis, an.rule.Rule)
			if err != nil {
				return nil, err
			}
			an.progress = append(an.progress,
				caseProgress{Case: c, state: s, dose: verdict.Dose{Counter: c.Dose}, control: n == 1, list: c.Arms()})
			h := &an.progress[len(an.progress)-1]
			h.watchedBase, h.watchedTreated = watched(p, c)
			h.likely = an.likely(h)
			for _, a := range c.Arms() {
				an.arms[a].column(c.Metric)
				if c.Dose != "" {
					an.arms[a].column(c.Dose)
				}
				an.arms[a].cases = append(an.arms[a].cases, len(an.progress)-1)
			}
		}
	}
	an.serve()
	an.begin()
	return an, nil
}

func (a *arm) column(name string) {
	if _, ok := a.columns[name]; !ok {
		a.columns[name] = len(a.columns)
	}
}

// Has reports whether it is known what came of the run of an arm with a seed.
func (an *Analysis) Has(arm int, seed uint64) bool {
	i, ok := an.seed(seed)
	return ok && an.arms[arm].have[i]
}

// Made reports whether the run of an arm with a seed was made, and left numbers.
func (an *Analysis) Made(arm int, seed uint64) bool {
	i, ok := an.seed(seed)
	return ok && an.arms[arm].values[i] != nil
}

// Add takes what the run of an arm with a seed showed, or that it failed. A run that is there already, or of a seed
// that the plan does not have, changes nothing.
func (an *Analysis) Add(arm int, seed uint64, e *archive.Entry) {
	switch e.Failure {
	case archive.Broke:
		an.Break(arm, seed)
		return
	case archive.Refused:
		an.Refuse(arm, seed)
		return
	}
	i, ok := an.seed(seed)
	if a := &an.arms[arm]; ok && !a.have[i] {
		row := make([]float64, len(a.columns))
		for name, c := range a.columns {
			v, ok := e.Value(name)
			if !ok {
				v = math.NaN() // which no pair can be made of
			}
			row[c] = v
		}
		if !e.Valid {
			a.loss[i] = lossOf(e.Kinds)
		}
		a.values[i], a.made[i] = row, an.number(e.Made)
		an.note(arm, i)
	}
}

// number stands for what a run was made with.
func (an *Analysis) number(made string) uint16 {
	if made == "" {
		return 0
	}
	n, ok := an.made[made]
	if !ok && len(an.made) < math.MaxUint16 {
		n = uint16(len(an.made) + 1)
		an.made[strings.Clone(made)] = n
	}
	return n
}

// Break notes that the run of an arm with a seed could not be made. When [InARow] seeds of an arm are so, one after the
// other, the arm is given up from there on: what later seeds show is not looked at, so that it does not matter which of
// them were run before that was known.
func (an *Analysis) Break(arm int, seed uint64) {
	if i, ok := an.seed(seed); ok && !an.arms[arm].have[i] {
		a := &an.arms[arm]
		a.loss[i], a.failed[i] = verdict.Broken, true
		from, to := i, i+1
		for from > 0 && a.failed[from-1] {
			from--
		}
		for to < an.seeds && a.failed[to] {
			to++
		}
		if to-from >= InARow {
			an.giveUp(arm, from+InARow)
		}
		an.note(arm, i)
	}
}

// giveUp gives an arm up from seed i on. What is wanted of the other arms of its cases ends there, too.
func (an *Analysis) giveUp(arm, i int) {
	an.arms[arm].cut = min(an.arms[arm].cut, i)
	for _, c := range an.arms[arm].cases {
		for _, a := range an.progress[c].list {
			an.stale[a] = true
		}
	}
}

// Refuse notes that the run of an arm with a seed was refused, and with it all further ones.
func (an *Analysis) Refuse(arm int, seed uint64) {
	if i, ok := an.seed(seed); ok && !an.arms[arm].have[i] {
		an.giveUp(arm, i)
		an.Break(arm, seed)
	}
}

// GivenUp reports whether no further run of the arm with this seed is wanted, since the arm was refused, or
// broke too often.
func (an *Analysis) GivenUp(arm int, seed uint64) bool {
	i, ok := an.seed(seed)
	return ok && i >= an.arms[arm].cut
}

func (an *Analysis) seed(seed uint64) (int, bool) {
	first := uint64(an.plan.Campaign.Seeds.First)
	return int(seed - first), seed >= first && seed < first+uint64(an.seeds)
}

// lossOf is what a run counts as that is invalid for these reasons. That its fault did nothing says more than
// anything else.
func lossOf(kinds []result.Kind) verdict.Loss {
	switch has := func(k result.Kind) bool { return slices.Contains(kinds, k) }; {
	case has(result.FaultDidNotAct), has(result.NoConnection), has(result.NoTimestamps):
		return verdict.FaultIdle
	case has(result.GeneratorLate):
		return verdict.LoadBehind
	}
	return verdict.Broken
}

// enough reports whether a case's own evidence suffices.
func (an *Analysis) enough(h *caseProgress) bool {
	e := h.state.Evidence()
	if h.control {
		return e.Confirm >= an.rule.Control || e.RuleOut >= an.rule.Control
	}
	return e.Confirm >= an.rule.Confirm || e.RuleOut >= an.rule.RuleOut || e.Part >= an.rule.Confirm
}
