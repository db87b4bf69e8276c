package nightly

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Night is what is judged.
type Night struct {
	Plan
	Baselines []*Baseline
	Runs      []*Runs
	// Nights per false alarm that are tolerated, over all series together; 0 means 365.
	Nights int
	// State of the nights before. [Judge] brings it up to date.
	State *State
}

// Judge compares a night with the baseline. It changes the state, unless the night is an experiment or an earlier one
// than the state knows.
func Judge(n Night) (*Report, error) {
	if n.Nights == 0 {
		n.Nights = 365
	}
	r := &Report{Plan: n.Plan, Nights: n.Nights}
	for _, b := range n.Baselines {
		r.Series += len(b.Metrics)
	}
	r.Bar = verdict.AlarmBar(r.Series, n.Nights)
	for _, b := range n.Baselines {
		p, err := n.place(b, r)
		if err != nil {
			return nil, err
		}
		r.Places = append(r.Places, p)
	}
	for _, runs := range n.Runs {
		if !slices.ContainsFunc(n.Baselines, runs.of) {
			r.Places = append(r.Places, Place{Scenario: runs.Scenario, Kernel: runs.Kernel, Outcome: Unknown, Now: runs.Head})
		}
	}
	slices.SortStableFunc(r.Alarms, func(a, b Alarm) int { return cmp.Compare(b.R, a.R) })
	slices.SortStableFunc(r.Rising, func(a, b Alarm) int { return cmp.Compare(b.R, a.R) })
	return r, nil
}

// place judges one scenario on one kernel.
func (n *Night) place(b *Baseline, r *Report) (Place, error) {
	p := Place{Scenario: b.Scenario, Kernel: b.Kernel, Before: b.Head, Outcome: Missing}
	runs := n.runs(b)
	if runs == nil {
		return p, nil
	}
	p.Now = runs.Head
	same := runs.Hash == b.Hash
	if !same && len(n.Set) == 0 {
		p.Outcome = Changed
		return p, nil
	}
	pairs := n.pairs(b, runs)
	if len(pairs) == 0 {
		return p, nil
	}
	m, before := n.memory(b)
	for _, pair := range pairs {
		p.Seeds++
		switch {
		case pair.run == nil:
			p.Broken++
		case !pair.run.Valid:
			p.Invalid++
			p.Because = cmp.Or(p.Because, pair.run.Because)
		}
		if pair.run == nil {
			continue
		}
		if pair.run.Digest == pair.row.Digest {
			p.Identical++
		}
		if !same { // with settings of its own a run has every right to differ
			continue
		}
		differs := func(from, want string) {
			r.Differences = append(r.Differences, Difference{
				Scenario: b.Scenario, Kernel: b.Kernel, Seed: pair.row.Seed, From: from, Want: want, Got: pair.run.Digest,
				Run: pair.run.Run,
			})
			p.Outcome = Unstable
		}
		if want := pair.row.Digest; pair.run.Key == b.Key && pair.run.Digest != want {
			differs("the baseline", want)
		} else if want := before.Digests[pair.row.Seed]; pair.run.Key == before.Key && before.Hash == b.Hash && want != "" &&
			pair.run.Digest != want {
			differs("the night of "+before.Night, want)
		}
	}
	if p.Outcome == Unstable {
		return p, nil // nothing tells which of the two is right
	}
	counted := len(n.Set) == 0 && (before.Night == "" || n.Night >= before.Night)
	p.Counted = counted
	after := &Memory{Baseline: b.Sum, Night: n.Night, Hash: b.Hash, Key: runs.Key, Digests: map[uint64]string{},
		Series: map[string]Evidence{}}
	for _, pair := range pairs {
		if pair.run != nil {
			after.Digests[pair.row.Seed] = pair.run.Digest
		}
	}
	p.Outcome = Identical
	if p.Identical < p.Seeds {
		p.Outcome = Compared
		if err := n.series(b, pairs, m, after, r); err != nil {
			return p, err
		}
	}
	if counted {
		n.State.Places[b.Place()] = after
	}
	return p, nil
}

// runs finds those of the baseline's scenario and kernel. Where there are several, since the scenario was changed in
// the night, those of the baseline's own are the ones to compare.
func (n *Night) runs(b *Baseline) (found *Runs) {
	for _, r := range n.Runs {
		if r.of(b) && (found == nil || r.Hash == b.Hash) {
			found = r
		}
	}
	return found
}

// memory returns the evidence with which the night begins, and what is remembered of the last one. Evidence about
// another baseline is forgotten, and what does not count as a night begins with none.
func (n *Night) memory(b *Baseline) (series map[string]Evidence, before *Memory) {
	before = n.State.Places[b.Place()]
	if before == nil {
		return nil, new(Memory)
	}
	if before.Baseline != b.Sum || len(n.Set) > 0 || before.Night > n.Night {
		return nil, before
	}
	series = map[string]Evidence{}
	for name, e := range before.Series {
		if before.Night == n.Night { // judged again
			e.R, e.Since = e.Before, e.Earlier
		}
		series[name] = e
	}
	return series, before
}

// pair is a run and that of the baseline. Run is nil where it broke.
type pair struct {
	row *Row
	run *archive.Entry
}

// pairs lists the drawn seeds in their order, up to the last that was run: there was no time for those after it. One
// before it that is not there was given up, or broke in a night of an earlier build, which did not store that.
func (n *Night) pairs(b *Baseline, runs *Runs) []pair {
	var list []pair
	whole := 0
	for _, seed := range Draw(n.Night, b.Place(), b.Pool(), n.Seeds) {
		run := runs.BySeed[seed]
		if run != nil {
			whole = len(list) + 1
			if run.Failure != "" {
				run = nil
			}
		}
		list = append(list, pair{b.row(seed), run})
	}
	return list[:whole]
}

// negligible evidence is not kept.
const negligible = 1e-6

// series adds the night's evidence to that of each metric.
func (n *Night) series(b *Baseline, pairs []pair, before map[string]Evidence, after *Memory, r *Report) error {
	for i, name := range b.Metrics {
		s, err := verdict.NewState(hypothesis(name, b.column(i)), verdict.Rule{})
		if err != nil {
			return err
		}
		a := Alarm{Scenario: b.Scenario, Kernel: b.Kernel, Metric: name}
		var farthest float64
		var base, tonight []float64
		spoilt := 0
		for _, p := range pairs {
			if p.run == nil || !p.run.Valid {
				s.Lose(verdict.Broken)
				spoilt++
				continue
			}
			v := verdict.Pair{Base: float64(p.row.Values[i]), Treated: figure(p.run, name)}
			base, tonight = append(base, v.Base), append(tonight, v.Treated)
			if math.IsNaN(v.Base) && math.IsNaN(v.Treated) {
				v = verdict.Pair{} // neither recorded it
			}
			s.Add(v)
			if d, loss := s.Hypothesis().PairMargins(v); loss == "" && (math.Abs(d) > farthest || a.Run == "") {
				farthest, a.Run, a.Seed = math.Abs(d), p.run.Run, p.row.Seed
			}
		}
		a.Base, a.Tonight = value(mean(base)), value(mean(tonight))
		a.Verdict = verdict.Judge(verdict.Case{State: s})
		was := before[name]
		d := verdict.Detector{R: was.R}
		d.Night(a.Verdict.Evidence.Confirm)
		now := Evidence{R: d.R, Before: was.R, Since: was.Since, Earlier: was.Since}
		switch {
		case d.R < 1:
			now.Since = ""
		case now.Since == "":
			now.Since = n.Night
		}
		if d.R > negligible || was.R > negligible {
			after.Series[name] = now
		}
		a.R, a.Before, a.Since = d.R, was.R, now.Since
		switch {
		case d.Alarm(r.Bar):
			r.Alarms = append(r.Alarms, a)
		case d.R >= 1:
			r.Rising = append(r.Rising, a)
		}
		if a.Verdict.Outcome == verdict.Invalid && a.Verdict.Lost > spoilt { // runs that say nothing at all are reported once
			r.Lost = append(r.Lost, a)
		}
	}
	return nil
}

// short names a build, a digest or a run by its first digits.
func short(sum string) string { return result.Short(sum) }
