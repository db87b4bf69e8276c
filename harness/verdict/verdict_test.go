package verdict

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	given = Dose{Counter: "pure ACKs", Base: 4000, Treated: 4400, Given: 68, Seeds: 68}
	seen  = Control{Name: "burn 10 %", Status: Seen, Seeds: 20, E: 300}
)

// small differences, around a third of a per cent.
func small(n int) []float64 { return repeat(n/4, .001, .009, -.002, .004) }

func codes(rs []Reason) []Code {
	var cs []Code
	for _, r := range rs {
		cs = append(cs, r.Code)
	}
	return cs
}

func TestJudge(t *testing.T) {
	lose := func(s *State, n int, why Loss) *State {
		for range n {
			s.Lose(why)
		}
		return s
	}
	with := func(s *State, pairs ...Pair) *State {
		for _, p := range pairs {
			s.Add(p)
		}
		return s
	}
	partly := given
	partly.Given = 60
	idle := given
	idle.Given = 0
	missed, pending := seen, seen
	missed.Status, pending.Status = Missed, Pending
	for _, c := range []struct {
		name    string
		c       Case
		want    Outcome
		reasons []Code
	}{
		{"the worked example", Case{State: differing(t, cpu(Up), worked...)}, Confirmed, nil},
		{"the same, downwards", Case{State: differing(t, cpu(Down), negated(worked)...)}, Confirmed, nil},
		{"the same, either way", Case{State: differing(t, cpu(Either), worked...)}, Confirmed, nil},
		{"confirmed without dose and control", Case{State: differing(t, cpu(Up), worked...), Dose: partly}, Confirmed, nil},
		{"confirmed, but the control was missed", Case{State: differing(t, cpu(Up), worked...), Control: missed}, Invalid,
			[]Code{ControlMissed}},

		{"too small to matter", Case{State: differing(t, cpu(Up), small(68)...), Dose: given, Control: seen}, RuledOut, nil},
		{"too small to matter, either way", Case{State: differing(t, cpu(Either), small(68)...), Dose: given, Control: seen},
			RuledOut, nil},
		{"64 seeds are one too few for the tail", Case{State: differing(t, cpu(Up), small(64)...), Dose: given, Control: seen},
			Inconclusive, []Code{SizeUnresolved, MoreSeeds}},
		{"falls by half: it does not rise", Case{State: differing(t, cpu(Up), repeat(68, -.7, -.6)...), Dose: given, Control: seen},
			RuledOut, nil},
		{"nothing at all, to the bit", Case{State: differing(t, cpu(Up), repeat(65, 0)...), Dose: given, Control: seen},
			RuledOut,
			[]Code{AllEqual}},

		{"nothing found is not ruled out without a dose", Case{State: differing(t, cpu(Up), small(68)...), Control: seen},
			Inconclusive, []Code{DoseUnknown}},
		{"nor with a dose in some seeds", Case{State: differing(t, cpu(Up), small(68)...), Dose: partly, Control: seen},
			Inconclusive, []Code{DosePartial}},
		{"nor without a control", Case{State: differing(t, cpu(Up), small(68)...), Dose: given}, Inconclusive,
			[]Code{ControlNotRun}},
		{"nor before the control is seen", Case{State: differing(t, cpu(Up), small(68)...), Dose: given, Control: pending},
			Inconclusive, []Code{ControlPending}},

		{"the fault never acted", Case{State: differing(t, cpu(Up), small(68)...), Dose: idle, Control: seen}, Invalid,
			[]Code{FaultDidNotAct}},
		{"the fault acted in no run", Case{State: lose(newState(t, cpu(Up)), 20, FaultIdle)}, Invalid, []Code{FaultDidNotAct}},
		{"the generator fell behind", Case{State: lose(differing(t, cpu(Up), worked...), 1, LoadBehind)}, Invalid,
			[]Code{FellBehind}},
		{"broken and not measured", Case{State: lose(with(differing(t, cpu(Up), worked...), Pair{math.NaN(), 1}), 1, Broken)},
			Invalid, []Code{RunsBroken, Unmeasured}},
		{"base is zero", Case{State: with(newState(t, cpu(Up)), Pair{0, 3}, Pair{0, 5})}, Invalid, []Code{WithoutRatio}},
		{"one seed in thirty is lost", Case{State: lose(differing(t, cpu(Up), repeat(3, worked...)...), 1, Broken)},
			Confirmed,
			[]Code{SeedsLost}},
		{"and costs 49 more to rule out", Case{State: lose(differing(t, cpu(Up), small(100)...), 1, Broken), Dose: given,
			Control: seen}, Inconclusive, []Code{SizeUnresolved, MoreSeeds, SeedsLost}},

		{"no seed", Case{State: newState(t, cpu(Up))}, Inconclusive, []Code{NoSeeds}},
		{"one seed", Case{State: differing(t, cpu(Up), .1)}, Inconclusive, []Code{MoreSeeds}},
		{"real, size unresolved", Case{State: differing(t, cpu(Up), repeat(5, .02, .05, .08)...)}, Inconclusive,
			[]Code{SizeUnresolved, MoreSeeds}},
		{"real, but the other way", Case{State: differing(t, cpu(Up), repeat(5, -.02, -.05, -.08)...), Dose: given, Control: seen},
			Inconclusive, []Code{OtherWay, MoreSeeds}},
		{"scatters beyond two margins", Case{State: differing(t, cpu(Up), repeat(50, -.3, .3, .2, -.2)...), Dose: given,
			Control: seen}, Inconclusive, []Code{NotBySeeds}},
		{"exactly at the margin", Case{State: differing(t, failures(Up), repeat(50, 1)...)}, Inconclusive,
			[]Code{SizeUnresolved, NotBySeeds, AllEqual}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Judge(c.c)
			assert.Equal(t, c.want, v.Outcome, "%s", v)
			assert.Equal(t, c.reasons, codes(v.Reasons), "%s", v)
			for _, code := range c.reasons {
				assert.True(t, v.Has(code))
			}
			assert.False(t, v.Has("no-such-code"))
		})
	}
}

func negated(xs []float64) []float64 {
	var ys []float64
	for _, x := range xs {
		ys = append(ys, -x)
	}
	return ys
}

func TestMechanism(t *testing.T) {
	h := Hypothesis{Name: "reno", Kind: Mechanism, Metric: "web.TcpExt.TCPRenoRecovery", Direction: Up, Margin: 1}
	for _, c := range []struct {
		name    string
		extent  Extent
		moved   Share
		want    Outcome
		reasons []Code
	}{
		{"moves in every seed", Every, Share{65, 65}, Confirmed, nil},
		{"one seed too few", Every, Share{64, 64}, Inconclusive, []Code{MoreSeeds}},
		{"one exception costs 50 seeds", Every, Share{115, 116}, Confirmed, nil},
		{"in most, but not in every one", Every, Share{50, 60}, RuledOut, nil},
		{"two that do not move are enough against it", Every, Share{0, 2}, RuledOut, nil},
		{"close to 95 %", Every, Share{194, 200}, Inconclusive, []Code{NotBySeeds}},
		{"moves in none", None, Share{0, 65}, Confirmed, nil},
		{"moves in some", None, Share{7, 30}, RuledOut, nil},
		{"has moved once", None, Share{1, 30}, Inconclusive, []Code{NotBySeeds}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.Extent = c.extent
			s := newState(t, h)
			for i := range c.moved.N {
				treated := 3.0
				if i < c.moved.Yes {
					treated = 4
				}
				s.Add(Pair{3, treated})
			}
			v := Judge(Case{State: s, Dose: given, Control: seen})
			assert.Equal(t, c.want, v.Outcome, "%s", v)
			assert.Equal(t, c.reasons, codes(v.Reasons), "%s", v)
			assert.Equal(t, c.moved.N, v.Seeds)
		})
	}
	t.Run("directions", func(t *testing.T) {
		assert.True(t, moves(1, Up, 1) && !moves(-1, Up, 1) && !moves(0.5, Up, 1))
		assert.True(t, moves(-1, Down, 1) && !moves(1, Down, 1))
		assert.True(t, moves(-1, Either, 1) && moves(1, Either, 1) && !moves(0, Either, 1))
	})
	t.Run("without a dose, none is not shown to be the cause's doing", func(t *testing.T) {
		h.Extent = Every
		s := newState(t, h)
		for range 20 {
			s.Add(Pair{3, 3})
		}
		assert.Equal(t, []Code{DoseUnknown}, codes(Judge(Case{State: s, Control: seen}).Reasons))
	})
}

func TestExplains(t *testing.T) {
	h := cpu(Up)
	h.Kind, h.Relieved = Explains, "the listen backlog"
	judge := func(n int, inPlace, relieved float64) Verdict {
		s := newState(t, h)
		for i := range n {
			wobble := 0.004 * math.Sin(float64(i))
			s.AddContrast(Pair{1, math.Exp(inPlace + wobble)}, Pair{2, 2 * math.Exp(relieved-wobble)})
		}
		return Judge(Case{State: s, Dose: given, Control: seen})
	}
	all := judge(20, .2, 0)
	assert.Equal(t, Confirmed, all.Outcome, "%s", all)
	assert.InDelta(t, 22, all.InPlace.Value, 0.5)
	assert.InDelta(t, 0, all.Remaining.Value, 0.5)

	assert.Equal(t, RuledOut, judge(70, .2, .2).Outcome)
	assert.Equal(t, Inconclusive, judge(70, .2, .15).Outcome, "a part of the size of the margin")

	for _, v := range []Verdict{judge(70, 0, 0), judge(70, 0, -.2)} {
		assert.Equal(t, Inconclusive, v.Outcome, "%s", v)
		assert.True(t, v.Has(NothingToExplain), "%s", v)
	}

	s := newState(t, h)
	s.AddContrast(Pair{1, 2}, Pair{0, 1})
	s.AddContrast(Pair{0, 2}, Pair{1, 1})
	assert.Equal(t, 2, s.Lost())
	assert.Equal(t, Invalid, Judge(Case{State: s}).Outcome)
}

// One hypothesis in a thousand has to bring more than one that stands alone.
func TestCampaignRaisesTheBar(t *testing.T) {
	alone := Case{State: differing(t, cpu(Up), worked...)}
	require.Equal(t, Confirmed, Judge(alone).Outcome)
	cases := []Case{alone}
	for range 999 {
		cases = append(cases, Case{State: differing(t, cpu(Up), .01, -.01)})
	}
	v := Campaign(0.05, cases)[0]
	assert.Equal(t, Inconclusive, v.Outcome)
	assert.InDelta(t, 20_000, v.Bars.Confirm, 1e-6)
	require.NotNil(t, v.More)
	assert.Equal(t, Confirmed, v.More.Toward)

	// What cannot be judged neither passes nor lowers the bar.
	ruledOut := func(d Dose) Case { return Case{State: differing(t, cpu(Up), small(72)...), Dose: d, Control: seen} }
	vs := Campaign(0.05, []Case{ruledOut(given), ruledOut(Dose{})})
	assert.Equal(t, []Outcome{Inconclusive, Inconclusive}, []Outcome{vs[0].Outcome, vs[1].Outcome})
	assert.InDelta(t, 40, vs[0].Bars.RuleOut, 1e-9)
	assert.Empty(t, Campaign(0.05, nil))
}

func TestControlOf(t *testing.T) {
	control := func(final bool, ds ...float64) ControlStatus {
		return ControlOf(Judge(Case{State: differing(t, cpu(Up), ds...)}), final).Status
	}
	assert.Equal(t, Seen, control(false, worked...))
	assert.Equal(t, Pending, control(false, worked[:3]...))
	assert.Equal(t, Missed, control(true, worked[:3]...), "there will be no more seeds")
	assert.Equal(t, Missed, control(false, small(68)...), "it is known not to be there")
}

// What is predicted comes true when the seeds go on as they did.
func TestMore(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      Hypothesis
		ds     []float64
		toward Outcome
		within float64 // relative
	}{
		{"to confirm", cpu(Up), []float64{.05, .08, .06, .07}, Confirmed, 0.3},
		{"to confirm little", cpu(Up), []float64{.03, .10, .02, .07}, Confirmed, 0.3},
		{"to rule out, which the tail holds up", cpu(Up), small(8), RuledOut, 0},
		{"to rule out what scatters", cpu(Up), repeat(2, -.09, .05, .12, .03), RuledOut, 0.1},
		{"either way", cpu(Either), small(20), RuledOut, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := differing(t, c.h, c.ds...)
			bars := Evidence{Confirm: 20, RuleOut: 20}
			more := s.more(bars)
			if c.name == "to rule out what scatters" {
				require.Nil(t, more, "one in four is beyond two margins")
				return
			}
			require.NotNil(t, more)
			require.Equal(t, c.toward, more.Toward)
			need := 0
			for ; ; need++ {
				e := s.Evidence()
				if c.toward == Confirmed && e.Confirm >= 20 || c.toward == RuledOut && e.RuleOut >= 20 {
					break
				}
				s.Add(Pair{1, math.Exp(c.ds[need%len(c.ds)])})
			}
			assert.InDelta(t, need, more.Seeds, c.within*float64(need)+1)
		})
	}
}

func TestVerdictJSON(t *testing.T) {
	for _, s := range []*State{
		newState(t, cpu(Up)),
		differing(t, cpu(Up), .1),
		differing(t, cpu(Up), worked...),
		differing(t, cpu(Either), repeat(2000, 0)...),
	} {
		v := Judge(Case{State: s, Dose: given, Control: seen, Scope: Scope{Scenario: "dup-ack", Kernels: []string{"6.1"}}})
		b, err := json.Marshal(v)
		require.NoError(t, err)
		var back Verdict
		require.NoError(t, json.Unmarshal(b, &back))
		again, err := json.Marshal(back)
		require.NoError(t, err)
		assert.JSONEq(t, string(b), string(again))
		assert.Equal(t, v.String(), back.String(), "what is told needs nothing but the JSON")
	}
	var e Estimate
	require.Error(t, json.Unmarshal([]byte(`{"value": "much"}`), &e))
}
