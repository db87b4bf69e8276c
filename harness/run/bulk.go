package run

import (
	"context"
	"net/netip"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/bulk"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/scenario"
)

// startBulkSinks starts the bulk services.
func (r *Prepared) startBulkSinks(ctx context.Context, groups map[string]*cgroup.Group) (err error) {
	r.programs.drains, err = r.startServices(ctx, groups, bulk.SinkRole, nil,
		func(s *scenario.Service) bool { return s.Bulk != nil },
		func(name string) (any, error) { return bulk.NewSinkConfig(r.scenario, name), nil })
	return err
}

// startBulk starts the bulk loads.
func (r *Prepared) startBulk(ctx context.Context, groups map[string]*cgroup.Group) (err error) {
	r.programs.pumps, err = r.startGenerators(ctx, groups, "bulk", bulk.LoadRole,
		func(i int, to netip.AddrPort) (any, error) {
			r.pumps = append(r.pumps, bulk.NewLoadConfig(r.scenario, i, to))
			return r.pumps[len(r.pumps)-1], nil
		})
	return err
}

// finishBulk puts together what both ends of the bulk loads counted, in the order of the loads. The sinks end by it.
func (r *Prepared) finishBulk(ctx context.Context, sent []bulk.Sent) error {
	taken, err := finish[bulk.Taken](ctx, r.programs.drains, (*agent.Process).Stop)
	if err != nil {
		return err
	}
	r.programs.drains = nil
	for n, c := range r.pumps {
		r.bulk = append(r.bulk, bulk.Join(c, time.Duration(r.scenario.Duration), &sent[n], taken))
	}
	return nil
}

// addBulk puts what came through into the record.
func (r *Prepared) addBulk(rec *result.Record) error {
	if len(r.bulk) == 0 {
		return nil
	}
	var sum bulk.Result
	for n, i := range loadsOf(r.scenario, "bulk") {
		sum.Merge(&r.bulk[n])
		if err := addNamed(rec, r.scenario, i, r.bulk[n].Metrics()); err != nil {
			return err
		}
	}
	if len(sum.Series) > 0 { // not with timeline: off
		seconds := rec.Timeline.Interval
		values := make([]float64, len(sum.Series))
		for i, n := range sum.Series {
			values[i] = 8 * float64(n) / seconds
		}
		rec.Timeline.Series["bulk.goodput"] = values
		for n, i := range loadsOf(r.scenario, "bulk") {
			if name := r.scenario.Load[i].Name; name != "" {
				of := make([]float64, len(r.bulk[n].Series))
				for k, b := range r.bulk[n].Series {
					of[k] = 8 * float64(b) / seconds
				}
				rec.Timeline.Series["load."+name+".bulk.goodput"] = of
			}
		}
	}
	return addMetrics(rec, sum.Metrics())
}
