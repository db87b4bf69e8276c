package forecast_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
	"github.com/ruleout/ruleout/harness/verdict/forecast"
)

func of(t *testing.T, p *campaign.Plan, o forecast.Options) *forecast.Forecast {
	t.Helper()
	o.Plan = p
	if o.Analysis == nil {
		var err error
		o.Analysis, err = cases.New(p)
		require.NoError(t, err)
	}
	f, err := forecast.New(o)
	require.NoError(t, err)
	return f
}

// What was said before is what came, within a quarter, while runs are being made too.
func TestRunsComeAsForecast(t *testing.T) {
	for name, text := range map[string]string{"shop": casestest.Campaign, "many": casestest.Many(30)} {
		p := casestest.Plan(t, text)
		before := of(t, p, forecast.Options{})
		an, err := cases.New(p)
		require.NoError(t, err)
		casestest.Finish(t, p, an, before.Runs.Likely/3)
		during := of(t, p, forecast.Options{Analysis: an})
		require.Equal(t, an.Progress().Runs, during.Runs.Kept)
		casestest.Finish(t, p, an, math.MaxInt)
		runs := an.Progress().Runs
		after := of(t, p, forecast.Options{Analysis: an})
		require.Equal(t, runs, after.Runs.Likely, name)
		require.Zero(t, after.Time.Likely)
		require.Positive(t, after.Time.Whole)
		t.Logf("%s: %d at first, %d after a third, %d came", name, before.Runs.Likely, during.Runs.Likely, runs)
		require.GreaterOrEqual(t, runs, before.Runs.Least)
		require.LessOrEqual(t, runs, before.Runs.Most)
		if name == "shop" { // most of it turns out as expected
			require.InEpsilon(t, runs, before.Runs.Likely, 0.25, name)
			require.InEpsilon(t, runs, during.Runs.Likely, 0.25, name)
		}
	}
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		set    []string
		budget time.Duration
		want   string
	}{
		"few seeds for ruling out": {set: []string{"seeds.most=50"}, want: "nothing can be ruled out: that takes "},
		"few seeds for a mechanism": {set: []string{"seeds.most=100"},
			want: "no mechanism can be confirmed: that takes at least 137 seeds, and seeds.most is 100"},
		"too few seeds for anything": {set: []string{"seeds={least: 2, most: 3}"}, want: "no effect can be confirmed: that takes "},
		"no time at all":             {budget: time.Second, want: "the budget of 1 s is too small for any verdict: the first takes by an estimate "},
		"not enough time":            {budget: 5 * time.Minute, want: "the budget of 5 min ends before everything is decided, which takes by an estimate "},
		"no control":                 {want: "12 of 28 cases have no control: they can be confirmed, but not ruled out"},
		"no dose":                    {want: "8 of 28 cases have no dose: they can be confirmed, but not ruled out"},
		"rare seeds": {set: []string{"rare=2%", "seeds.most=200"},
			want: "nothing can be ruled out: that takes at least 234 seeds, and seeds.most is 200"},
		"no seed against": {set: []string{"against=5%", "seeds.most=130"},
			want: "no effect can be confirmed: that takes at least 137 seeds, and seeds.most is 130"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := campaign.Parse("shop-peaks.yaml", []byte(casestest.Campaign), c.set, func(string) (string, []byte, error) {
				return "shop.yaml", []byte(casestest.Scenario), nil
			})
			require.NoError(t, err)
			f := of(t, p, forecast.Options{Budget: c.budget})
			found := false
			for _, w := range f.Warnings {
				found = found || len(w) >= len(c.want) && w[:len(c.want)] == c.want
			}
			require.True(t, found, "%q", f.Warnings)
		})
	}
}

// When runs are there already, the forecast cannot say how far the next verdict is, only how far the end.
func TestWarningsOfASweepThatGoesOn(t *testing.T) {
	p := casestest.Plan(t, casestest.Campaign)
	an, err := cases.New(p)
	require.NoError(t, err)
	casestest.Finish(t, p, an, 20)
	f := of(t, p, forecast.Options{Analysis: an, Budget: time.Second})
	text := strings.Join(f.Warnings, "\n")
	require.NotContains(t, text, "too small for any verdict")
	require.Contains(t, text, "the budget of 1 s ends before everything is decided, which takes by an estimate ")
	casestest.Finish(t, p, an, math.MaxInt)
	f = of(t, p, forecast.Options{Analysis: an, Budget: time.Second})
	require.NotContains(t, strings.Join(f.Warnings, "\n"), "the budget of", "nothing is left to run")
}

// A mechanism is ruled out on the strength of a dose and a control, too: without them the plan says that it cannot be.
func TestAMechanismNeedsDoseAndControlToBeRuledOut(t *testing.T) {
	plan := func(more string) *campaign.Plan {
		return casestest.Plan(t, `version: 1
name: m
scenario: shop.yaml
placebos: 0
seeds: {most: 200}
controls: {burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}}
hypotheses:
  - {name: recovers, kind: mechanism, in: every, cause: {faults.acks.do: "{duplicate: 3}"}, metric: web.TcpExt.TCPRenoRecovery`+more+"}\n")
	}
	require.Equal(t, []string{
		"1 of 1 cases have no control: they can be confirmed, but not ruled out",
		"1 of 1 cases have no dose: they can be confirmed, but not ruled out",
	}, of(t, plan(""), forecast.Options{}).Warnings)
	require.Empty(t, of(t, plan(", dose: fault.acks.delivered, control: burn"), forecast.Options{}).Warnings)
}

// What the plan says of ruling out follows from the rule: 80 seeds at the bar of innocent: 50%, and what rare makes of
// them.
func TestSeedsToRuleOut(t *testing.T) {
	for set, want := range map[string]string{
		"rare=5%":  "to rule one out 80 even if all pairs are equal (rare: 5%)",
		"rare=10%": "to rule one out 39 even if all pairs are equal (rare: 10%)",
		"rare=2%":  "to rule one out 203 even if all pairs are equal (rare: 2%)",
	} {
		p, err := campaign.Parse("shop-peaks.yaml", []byte(casestest.Campaign), []string{"innocent=50%", set},
			func(string) (string, []byte, error) {
				return "shop.yaml", []byte(casestest.Scenario), nil
			})
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, of(t, p, forecast.Options{}).Text(&b))
		require.Contains(t, b.String(), want)
	}
}

// Runs that are there already may show that a control is too large to prove anything.
func TestWarnsOfControlsThatAreTooLarge(t *testing.T) {
	p := casestest.Plan(t, casestest.Campaign)
	an, err := cases.New(p)
	require.NoError(t, err)
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		e := casestest.Show(&p.Arms[arm], seed)
		for i := range p.Controls {
			if arm == p.Controls[i].Treated && i == 0 {
				for v := range e.Values {
					e.Values[v].Value *= 1.7
				}
			}
		}
		an.Add(arm, seed, e)
		return true
	})
	warnings := of(t, p, forecast.Options{Analysis: an}).Warnings
	require.Regexp(t,
		`^the control burn, 1[2-4]\.\d margins of http\.latency\.p99 \(workers 10, speed 500mips\) proves nothing`,
		warnings[len(warnings)-1])
	require.NotContains(t, strings.Join(warnings[:len(warnings)-1], "\n"), "proves nothing", "the others do")
}

// clockwork makes runs that take a while, longer on the slow machine.
type clockwork struct {
	unit time.Duration
	runs atomic.Int64
	fail error
}

func (c *clockwork) Run(_ context.Context, a *campaign.Arm, _ uint64) (*result.Record, error) {
	c.runs.Add(1)
	d := c.unit
	if a.Scenario.Machine.Speed < 500 {
		d *= 3
	}
	time.Sleep(d) // what is measured is time
	return nil, c.fail
}

func TestMeasure(t *testing.T) {
	p := casestest.Plan(t, casestest.Campaign)
	c := &clockwork{unit: 20 * time.Millisecond}
	var told int
	times, err := forecast.Measure(t.Context(), p, c, 2, func(string) { told++ })
	require.NoError(t, err)
	require.Equal(t, 2, told, "once for each machine")
	require.Equal(t, int64(2*4*3), c.runs.Load(), "of each machine four arms, three runs each")
	f := of(t, p, forecast.Options{Times: times, Jobs: 2})
	require.True(t, f.Time.Measured)
	require.Equal(t, "24 runs that were made for it", f.Time.From)
	// Half of the runs are on the slow machine: 40 ms a run on average, two at a time.
	require.Greater(t, f.Time.Likely, 0.8*float64(f.Runs.Likely)*0.040/2)
	require.Less(t, f.Time.Likely, f.Time.Most)

	broken := errors.New("no machine")
	_, err = forecast.Measure(t.Context(), p, &clockwork{fail: broken}, 2, func(string) {})
	require.ErrorIs(t, err, broken)
}

// slowStart makes the first run of each arm take longer.
type slowStart struct {
	clockwork
	longer time.Duration
	seen   sync.Map
}

func (s *slowStart) Run(ctx context.Context, a *campaign.Arm, seed uint64) (*result.Record, error) {
	if _, again := s.seen.LoadOrStore(a, true); !again {
		time.Sleep(s.longer)
	}
	return s.clockwork.Run(ctx, a, seed)
}

// What it takes to prepare an arm is not spread over its runs: it comes each time that the arm is taken up.
func TestPreparationIsCounted(t *testing.T) {
	p := casestest.Plan(t, casestest.Campaign)
	c := &slowStart{clockwork: clockwork{unit: time.Millisecond}, longer: 300 * time.Millisecond}
	times, err := forecast.Measure(t.Context(), p, c, 2, func(string) {})
	require.NoError(t, err)
	times.Opening = 7 * time.Second
	f := of(t, p, forecast.Options{Times: times, Jobs: 2})
	an, err := cases.New(p)
	require.NoError(t, err)
	visits := 0
	for _, n := range an.Visits(an.Ahead()) {
		visits += n
	}
	require.Greater(t, visits, 3*len(p.Arms), "8, 20, 32 seeds, and on to the end")
	require.Greater(t, f.Time.Likely, float64(visits)*0.3/2)
	require.Greater(t, f.Time.Whole, float64(visits)*0.3/2)
	var text bytes.Buffer
	require.NoError(t, f.Text(&text))
	require.Contains(t, text.String(), "; opening the machines took 7 s and is done\n")
}

// Times of an earlier sweep count for the arms that it had, and others are scaled from them.
func TestArchived(t *testing.T) {
	p := casestest.Plan(t, casestest.Campaign)
	kernels := map[string]string{"": "6.1.0"}
	entries := func(seconds float64, arms int) func(func(*archive.Entry) error) error {
		return func(add func(*archive.Entry) error) error {
			for i := range arms {
				e := casestest.Show(&p.Arms[i], 1)
				e.Wall = seconds
				if err := add(e); err != nil {
					return err
				}
			}
			return nil
		}
	}
	all, err := forecast.Archived("dir", p, kernels, entries(2, len(p.Arms)))
	require.NoError(t, err)
	f := of(t, p, forecast.Options{Times: all, Jobs: 4})
	require.InDelta(t, float64(f.Runs.Likely)*2/4, f.Time.Likely, 0.1)

	one, err := forecast.Archived("dir", p, kernels, entries(2, 1))
	require.NoError(t, err)
	f = of(t, p, forecast.Options{Times: one, Jobs: 4})
	require.InEpsilon(t, float64(f.Runs.Likely)*2/4, f.Time.Likely, 0.5)

	none, err := forecast.Archived("dir", p, map[string]string{"": "5.10.0"}, entries(2, 3))
	require.NoError(t, err)
	require.Nil(t, none, "runs on another kernel say nothing")
}

func TestText(t *testing.T) {
	p := casestest.Plan(t, casestest.Campaign)
	var b bytes.Buffer
	require.NoError(t, of(t, p, forecast.Options{Jobs: 2}).Text(&b))
	for _, want := range []string{
		"  hypotheses  7 hypotheses in 4 contexts: 33 cases, 5 placebos among them\n",
		"; --measure predicts it\n", "Families\n  acknowledgements: 3 hypotheses, 12 cases\n",
		"Contexts\n  workers 10, speed 500mips: 7 cases\n",
		"\nwarning: ",
	} {
		require.Contains(t, b.String(), want)
	}
}

func TestSpan(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 0.2: "0.2 s", 0.96: "1 s", 59: "59 s", 99.6: "2 min",
		5940: "99 min", 7200: "2 h", 19200: "5 h 20 min"} {
		require.Equal(t, want, forecast.Span(seconds))
	}
}
