package main

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/forecast"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// forecast says what a campaign would cost.
func (c *planCmd) forecast(ctx context.Context, u *ui) error {
	p, err := campaign.Load(c.Scenario, c.Set)
	if err != nil {
		return err
	}
	o := forecast.Options{Plan: p, Jobs: orElse(c.Jobs, runtime.NumCPU()), Budget: c.Budget}
	dir := c.From
	if dir == "" {
		if dir = sweepDir(p); !archive.Is(dir) {
			dir = ""
		}
	}
	if o.Bench, o.Times, err = earlier(p, dir); err != nil {
		return err
	}
	if c.Measure {
		if o.Times, err = c.measure(ctx, u, p, o.Jobs); err != nil {
			return err
		}
	}
	f, err := forecast.New(o)
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		return u.json(f)
	}
	return f.Text(u.out)
}

// sweepDir is where a sweep keeps its records unless --out says otherwise.
func sweepDir(p *campaign.Plan) string {
	return filepath.Join("results", "runs", "sweep-"+p.Campaign.Name)
}

// earlier reads what an earlier sweep has of the plan's runs, and how long they took; nothing without a directory.
func earlier(p *campaign.Plan, dir string) (_ *cases.Bench, _ *forecast.Times, err error) {
	if dir == "" {
		b, err := cases.New(p)
		return b, nil, err
	}
	r, err := archive.Read(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, err := fill(p, r, nil)
	if err != nil {
		return nil, nil, err
	}
	times, err := forecast.Archived(shorten(dir), p, r.Identity.Kernels, r.Entries)
	return b, times, err
}

func (c *planCmd) measure(ctx context.Context, u *ui, p *campaign.Plan, jobs int) (*forecast.Times, error) {
	began := time.Now()
	fleet, err := sweep.OpenFleet(ctx, p.Kernels())
	if err != nil {
		return nil, err
	}
	progress := func(text string) { u.note("%s", text) }
	if err := fleet.Boot(ctx, p, progress); err != nil {
		return nil, err
	}
	opening := time.Since(began)
	t, err := forecast.Measure(ctx, p, fleet, jobs, progress)
	if t != nil {
		t.Opening = opening
	}
	return t, err
}

// warnings tells before a sweep what cannot come of it. What the archive has already counts, and how long it took; several shards
// are taken for as many machines that share the work.
func warnings(u *ui, p *campaign.Plan, a *archive.Archive, kernels map[string]string, o forecast.Options, shards int) (err error) {
	if o.Bench, err = cases.New(p); err != nil {
		return err
	}
	if err := sweep.Fill(o.Bench, p, kernels, a.Entries); err != nil {
		return err
	}
	if o.Times, err = forecast.Archived("the archive", p, kernels, a.Entries); err != nil {
		return err
	}
	o.Plan = p
	o.Jobs *= max(shards, 1)
	f, err := forecast.New(o)
	if err != nil {
		return err
	}
	for _, text := range f.Warnings {
		u.note("warning: %s", text)
	}
	return nil
}
