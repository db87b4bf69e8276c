package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type runnerFunc func(arm *campaign.Arm, seed uint64) (*result.Record, error)

func (f runnerFunc) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	return f(arm, seed)
}

// The exit status of a sweep is what its help promises.
func TestStatusOfASweep(t *testing.T) {
	const text = `version: 1
name: delays
scenario: shop.yaml
placebos: 0
hypotheses:
  - name: slow answers
    cause: {nodes.web.service.php.request.cpu: 5ms}
    metric: http.latency.p99
    margin: 1%
    expect: EXPECTED
`
	made := func(arm *campaign.Arm, seed uint64) (*result.Record, error) { return casestest.Record(arm, seed), nil }
	for _, c := range []struct {
		name, expected string
		budget         time.Duration
		run            runnerFunc
		want           error
	}{
		{"as expected", "confirmed", 0, made, nil},
		{"another verdict", "ruled-out", 0, made, status(1)},
		{"a budget too small for what is expected", "confirmed", 1, made, status(problem.Invalid)},
		{"a budget too small for another verdict", "ruled-out", 1, made, status(problem.Invalid)},
		{"a run that broke", "confirmed", 0, func(arm *campaign.Arm, seed uint64) (*result.Record, error) {
			if seed == 3 {
				return nil, errors.New("the guest fell over")
			}
			return made(arm, seed)
		}, status(problem.Invalid)},
		{"a value that is refused", "confirmed", 0, func(arm *campaign.Arm, seed uint64) (*result.Record, error) {
			if len(arm.Set) > 0 {
				return nil, &problem.Error{
					Kind: problem.Usage, Err: errors.New("invalid argument"), Place: "nodes.web.service.php.request.cpu",
				}
			}
			return made(arm, seed)
		}, status(problem.Usage)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := casestest.Plan(t, strings.ReplaceAll(text, "EXPECTED", c.expected))
			kernels := map[string]string{"": "6.1.0"}
			a, err := archive.Open(t.TempDir(), archive.Identity{Campaign: "delays", Kernels: kernels})
			require.NoError(t, err)
			loop := sweep.Loop{Runner: c.run, Archive: a, Budget: c.budget}
			r, err := sweep.Run(t.Context(), sweep.Options{Loop: loop, Plan: p, Kernels: kernels})
			require.NoError(t, err)
			require.NoError(t, a.Close())
			got := new(sweepCmd).status(&ui{out: io.Discard, err: io.Discard}, p, r,
				findings.Of(p, r.Analysis, !r.OverBudget), nil)
			require.Equal(t, c.want, got)
		})
	}
}
