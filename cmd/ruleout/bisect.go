package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/verdict/bisect"
	"github.com/ruleout/ruleout/harness/verdict/compare"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type bisectCmd struct {
	Scenario string   `arg:"" help:"Scenario file." placeholder:"SCENARIO" complete:"yaml" takes:"scenario"`
	Metric   []string `help:"Metric or counter that changes; may be given again, and then all have to change." required:"" sep:"none" placeholder:"METRIC"`
	Calm     string   `help:"The calm side: a profile, or a kernel in the store (default: the scenario as it is, called plain)." placeholder:"SIDE" takes:"profile"`
	Other    string   `help:"The side that shows the effect: a profile, or a kernel in the store (default: the scenario as it is, called plain)." placeholder:"SIDE" takes:"profile"`
	Faults   bool     `help:"Each fault that can only watch instead is an item too: on the calm side it does."`
	Kernels  []string `help:"Kernels in the store, from the calm one to the one that shows the effect: which is the first that does?" placeholder:"KERNEL,…"`
	Prevent  bool     `help:"Ask which items prevent the effect when they are taken back, and not which make it."`
	Set      []string `help:"Change a value of the scenario on both sides; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Margin   string   `help:"The smallest relative change that matters (default ${default})." default:"5%" placeholder:"SHARE"`
	Share    string   `help:"The smallest part of the whole change that counts as the effect (default ${default})." default:"25%" placeholder:"SHARE"`
	Seeds    int      `help:"By how many seeds one answer has to be ahead (default ${default})." default:"5" placeholder:"N"`
	MostSets int      `help:"Number of sets that are looked for (default ${default})." default:"4" placeholder:"N"`
	Out      string   `help:"Directory of the records (default results/runs/bisect-NAME). Runs that it has are not repeated." placeholder:"DIR" type:"path" complete:"dir"`
	Jobs     int      `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Format   string   `help:"Output: text or json." enum:"text,json" default:"text"`

	crewFlags `embed:""`
}

func (*bisectCmd) Help() string {
	return `Says which of the differences between two sides makes an effect: which settings of two profiles, which kernel,
which faults. The two sides are the scenario under two profiles or kernels. A configuration is the calm side with some
differences as on the other side. It shows the effect if the metric changes as it does between the sides: in the same
direction, by the margin at least, and by a quarter of the whole change at least, each seed compared with the calm
side's run of that seed.

The search needs some 11 configurations for one cause among 40 settings. It finds causes that act alone, and sets that
act only together. If the items together do not show the effect, it looks for those that hide it. Every set is confirmed
on seeds that were not used before: it shows the effect alone, and without any one of its items it does not.

After an interruption or a crash, the same command continues where the search stopped.

Exit status: 0 a set is named and confirmed; 1 the sides agree, or nothing is confirmed; 2 a file or name is wrong;
3 this machine cannot do it; 4 the calm side has no valid run, or seeds do not agree; 130 interrupted.

Examples:

  ruleout bisect scenarios/dup-ack.yaml --calm today.yaml --other tuned.yaml --metric web.Tcp.RetransSegs
  ruleout bisect scenarios/dup-ack.yaml --faults --metric http.latency.p99
  ruleout bisect scenarios/ack-loop.yaml --kernels 5.10,6.1,6.12,7 --metric fault.near-loop.matched`
}

// Run carries the command out.
func (c *bisectCmd) Run(ctx context.Context, u *ui) error {
	effect, err := c.effect()
	if err != nil {
		return err
	}
	if len(c.Kernels) > 0 {
		return c.kernels(ctx, u, effect)
	}
	calm, err := side(c.Calm)
	if err != nil {
		return err
	}
	other, err := side(c.Other)
	if err != nil {
		return err
	}
	sides, err := bisect.OpenSides(c.Scenario, c.Set, calm, other, c.Faults)
	if err != nil {
		return err
	}
	for _, name := range sides.Fixed {
		u.note("fault %s acts on both sides: it has nothing that could only be watched", name)
	}
	if len(sides.Items) == 0 {
		return problem.Wrap(problem.Usage, errors.New("the two sides do not differ in anything"),
			"give profiles or kernels with --calm and --other, or --faults")
	}
	for i, item := range sides.Items {
		u.note("%4d  %v", i+1, item)
	}
	all := bisect.All(len(sides.Items))
	var made []*scenario.Scenario
	for _, of := range []bisect.Set{nil, all} {
		arm, err := sides.Arm(of)
		if err != nil {
			return err
		}
		made = append(made, arm.Scenario)
	}
	p, crew, err := c.prober(ctx, u, effect, sides.Scenario, made, sides.Kernels())
	if err != nil {
		return err
	}
	defer crew.Close()
	p.Arm = sides.Arm
	r := &bisect.Report{
		Scenario: sides.Scenario.Name, Calm: calm.Name, Other: other.Name, Items: sides.Items, Lead: c.Seeds,
		Prevent: c.Prevent,
	}
	r.Result, err = p.Search(crew.ctx, all, bisect.Options{Most: c.MostSets, Prevent: c.Prevent, Tell: u.answer})
	err = crew.settled(err)
	if err := errors.Join(err, p.Loop.Archive.Close()); err != nil {
		return err
	}
	r.Changes = p.Effect.Changes()
	if err := c.print(u, r, r.Text); err != nil {
		return err
	}
	switch {
	case r.Found():
		return nil
	case len(r.Sets) == 0 && r.All.Outcome() == bisect.Unresolved:
		return status(problem.Invalid)
	}
	return status(1)
}

// kernels finds the first kernel that shows the effect.
func (c *bisectCmd) kernels(ctx context.Context, u *ui, effect bisect.Effect) error {
	switch {
	case c.Calm != "" || c.Other != "" || c.Faults || c.Prevent:
		return problem.Wrap(problem.Usage, errors.New("--kernels does not go with --calm, --other, --faults and --prevent"),
			"--set changes a value on all kernels")
	case len(c.Kernels) < 2:
		return problem.Wrap(problem.Usage, errors.New("--kernels: at least two are needed"), "the calm one first")
	}
	list, err := bisect.OpenKernels(c.Scenario, c.Set, c.Kernels)
	if err != nil {
		return err
	}
	p, crew, err := c.prober(ctx, u, effect, list.Scenario, []*scenario.Scenario{list.Scenario}, c.Kernels)
	if err != nil {
		return err
	}
	defer crew.Close()
	p.Arm = list.Arm
	r := &bisect.KernelReport{Scenario: list.Scenario.Name, Kernels: c.Kernels, Releases: p.Releases, Lead: c.Seeds}
	_, err = p.Learn(crew.ctx, bisect.Set{len(c.Kernels) - 1})
	if err == nil {
		ask := func(ctx context.Context, at int, fresh bool) (bisect.Tally, error) {
			return p.Ask(ctx, bisect.Set{at}, fresh)
		}
		r.Order, err = bisect.First(crew.ctx, len(c.Kernels), ask, func(a bisect.Answer) {
			u.note("%-14v  kernel %s: %v", a.Tally.Outcome(), c.Kernels[a.Set[0]], a.Tally)
		})
	}
	err = crew.settled(err)
	if err := errors.Join(err, p.Loop.Archive.Close()); err != nil {
		return err
	}
	r.Changes = p.Effect.Changes()
	if err := c.print(u, r, r.Text); err != nil || r.Found() {
		return err
	}
	if r.Last.Outcome() == bisect.Unresolved {
		return status(problem.Invalid)
	}
	return status(1)
}

// effect reads the flags that say what counts. Its measures follow when the scenario is known.
func (c *bisectCmd) effect() (e bisect.Effect, err error) {
	for _, flag := range []struct {
		name, text string
		into       *float64
	}{{"--margin", c.Margin, &e.Margin}, {"--share", c.Share, &e.Share}} {
		share, err := unit.ParseShare(flag.text)
		if err != nil || share <= 0 || share > 1 && flag.name == "--share" {
			return e, problem.Wrap(problem.Usage, fmt.Errorf("%s %s: not a share above zero", flag.name, flag.text),
				"such as 5%")
		}
		*flag.into = float64(share)
	}
	if c.Seeds < 1 || c.Seeds > 1000 {
		return e, problem.Wrap(problem.Usage, fmt.Errorf("--seeds %d: not a number from 1 to 1000", c.Seeds), "")
	}
	if c.MostSets < 1 {
		return e, problem.Wrap(problem.Usage, fmt.Errorf("--most-sets %d: at least one is needed", c.MostSets), "")
	}
	return e, nil
}

// prober opens the machines and the archive of a search.
func (c *bisectCmd) prober(ctx context.Context, u *ui, effect bisect.Effect, s *scenario.Scenario,
	made []*scenario.Scenario, kernels []string) (*bisect.Prober, *crew, error) {
	for _, text := range c.Metric {
		m, err := bisect.ParseMeasure(text, s)
		if err != nil {
			return nil, nil, err
		}
		effect.Measures = append(effect.Measures, m)
	}
	fleet, err := sweep.OpenFleet(ctx, kernels)
	if err != nil {
		return nil, nil, err
	}
	if c.Out == "" {
		c.Out = filepath.Join("results", "runs", "bisect-"+fileName(s.Name))
	}
	id, err := fleet.Identity(ctx, "bisect", archive.Source{}, made, u.building)
	if err != nil {
		return nil, nil, err
	}
	crew, err := c.crewFlags.open(ctx, u, fleet, "bisect "+s.Name, c.Jobs, false)
	if err != nil {
		return nil, nil, err
	}
	a, err := archive.Open(c.Out, id)
	if err != nil {
		crew.Close()
		return nil, nil, err
	}
	return &bisect.Prober{
		Loop:     sweep.Loop{Archive: a, Runner: crew},
		Releases: fleet.Releases(), Effect: effect, Lead: c.Seeds,
	}, crew, nil
}

// print writes a report in the format that was asked for.
func (c *bisectCmd) print(u *ui, r any, text func(w io.Writer) error) error {
	if c.Format == formatJSON {
		return u.json(r)
	}
	return text(u.out)
}

// answer notes what a configuration did.
func (u *ui) answer(a bisect.Answer) {
	fresh := ""
	if a.Fresh {
		fresh = ", not used before"
	}
	u.note("%-14v  items %v: %v%s", a.Tally.Outcome(), a.Set, a.Tally, fresh)
}

// side reads one side of a search; without a name it is the scenario as it is.
func side(arg string) (*compare.Profile, error) {
	if arg == "" {
		return &compare.Profile{Name: "plain"}, nil
	}
	return compare.SideOf(arg)
}
