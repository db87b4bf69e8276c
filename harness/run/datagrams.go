package run

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/datagram"
	"github.com/ruleout/ruleout/harness/scenario"
)

// startSinks starts the udp services.
func (r *Prepared) startSinks(ctx context.Context, groups map[string]*cgroup.Group) (err error) {
	r.programs.sinks, err = r.startServices(ctx, groups, datagram.ServiceRole, datagram.Counters(),
		func(s *scenario.Service) bool { return s.UDP != nil },
		func(name string) (any, error) { return datagram.NewServiceConfig(r.scenario, name), nil })
	return err
}

// startSenders starts the udp loads.
func (r *Prepared) startSenders(ctx context.Context, groups map[string]*cgroup.Group) (err error) {
	r.programs.senders, err = r.startGenerators(ctx, groups, "udp", datagram.LoadRole,
		func(i int, to netip.AddrPort) (any, error) { return datagram.NewLoadConfig(r.scenario, i, to), nil })
	return err
}

// address is where a load goes.
func (r *Prepared) address(i int) (netip.AddrPort, error) {
	l := r.scenario.Load[i]
	pace, _ := l.Pace()
	addr, addr6, ok := r.network.Layout().Toward(l.From, l.To)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("node %s has no path to %s", l.From, l.To)
	}
	if pace.IPv6 {
		addr = addr6
	}
	if !addr.IsValid() { // links with an MTU below 1280 carry no IPv6
		return netip.AddrPort{}, fmt.Errorf("load[%d]: node %s has no IPv6 path to %s", i, l.From, l.To)
	}
	return netip.AddrPortFrom(addr, uint16(pace.Port)), nil
}

// finishDatagrams puts together what both ends of the udp loads counted, in the order of the loads. Their services end
// by it, so nothing of a load may be on its way.
func (r *Prepared) finishDatagrams(ctx context.Context, sent []datagram.Sent) ([]datagram.Result, error) {
	served, err := finish[datagram.Served](ctx, r.programs.sinks, (*agent.Process).Stop)
	if err != nil {
		return nil, err
	}
	r.programs.sinks = nil
	at := map[int]*datagram.At{}
	for _, s := range served {
		for i, a := range s.Loads {
			at[i] = a
		}
	}
	var results []datagram.Result
	for n, i := range loadsOf(r.scenario, "udp") {
		answered := r.scenario.Nodes[r.scenario.Load[i].To].Service.UDP.Answer > 0
		results = append(results, datagram.Join(&sent[n], at[i], answered))
	}
	return results, nil
}

// addDatagrams puts what became of datagrams into the record.
func (r *Prepared) addDatagrams(rec *result.Record) error {
	if len(r.datagrams) == 0 {
		return nil
	}
	window := time.Duration(r.scenario.Duration)
	var sum datagram.Result
	for n, i := range loadsOf(r.scenario, "udp") {
		d := &r.datagrams[n]
		sum.Merge(d)
		if err := addNamed(rec, r.scenario, i, d.Metrics(window)); err != nil {
			return err
		}
		late(&r.invalid, r.scenario, i, d.Late.Quantile(0.99))
	}
	for name, values := range sum.Series() {
		rec.Timeline.Series[name] = values
	}
	return addMetrics(rec, sum.Metrics(window))
}

// addNamed adds the metrics of a load once more under its name, if it has one.
func addNamed(rec *result.Record, s *scenario.Scenario, i int, metrics map[string]float64) error {
	name := s.Load[i].Name
	if name == "" {
		return nil
	}
	named := make(map[string]float64, len(metrics))
	for of, v := range metrics {
		named["load."+name+"."+of] = v
	}
	return addMetrics(rec, named)
}
