package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/term"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/forecast"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type sweepCmd struct {
	Campaign string        `arg:"" help:"Campaign file." placeholder:"CAMPAIGN" complete:"yaml" takes:"campaign"`
	Out      string        `help:"Directory of the records (default results/runs/sweep-NAME). A sweep continues where the last one in it stopped." placeholder:"DIR" type:"path" complete:"dir"`
	Set      []string      `help:"Change a value of the campaign; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Jobs     int           `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Budget   time.Duration `help:"Start no run after this time; overrides the budget of the campaign." placeholder:"DURATION"`
	Shard    string        `help:"Make only part I of N of the runs; ruleout results merge merges the parts." placeholder:"I/N"`
	All      bool          `help:"Show every case, also the ruled out ones."`
	Format   string        `help:"Output: text or json (JSON Lines: one verdict a line, then the summary)." enum:"text,json" default:"text"`

	crewFlags `embed:""`
}

func (*sweepCmd) Help() string {
	return `Runs seeds for each hypothesis of a campaign until it is decided, and prints the verdicts. Progress goes to
standard error. Before anything runs, warnings name the verdicts that cannot be reached with the seeds and the budget,
as ruleout plan does. After an interruption or a crash, the same command continues where the sweep stopped.

A run that breaks twice is kept as broken, and is made again when the sweep is called again. An arm with 4 broken seeds
in a row is given up; the others go on.

Exit status: 0 all verdicts are as the campaign expects, 1 a verdict is not, 2 the campaign is wrong or a kernel refuses
a value of it, 3 this machine cannot do it, 4 a run broke, the budget was too small for an expected verdict, or a run
has two digests, 130 interrupted. A shard has no verdicts: 0 its runs are made.

Examples:

  ruleout sweep scenarios/incident/small.yaml
  ruleout sweep scenarios/incident/small.yaml --budget 10m -j 4
  ruleout sweep big.yaml --shard 1/3 --out part1`
}

// Run carries the command out.
func (c *sweepCmd) Run(ctx context.Context, u *ui) (err error) {
	plan, err := campaign.Load(c.Campaign, c.Set)
	if err != nil {
		return err
	}
	shard, shards, err := sweep.ParseShard(c.Shard)
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = sweepDir(plan)
	}
	fleet, err := sweep.OpenFleet(ctx, plan.Kernels())
	if err != nil {
		return err
	}
	id, err := fleet.Identity(ctx, plan.Campaign.Name, plan.Source(), plan.Scenarios(), u.building)
	if err != nil {
		return err
	}
	crew, err := c.crewFlags.open(ctx, u, fleet, plan.Campaign.Name, c.Jobs, false)
	if err != nil {
		return err
	}
	defer crew.Close()
	a, err := archive.Open(c.Out, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	alarm := a.Tell(func(text string) { u.note("%s: %s", c.Out, text) })
	u.note("%s", plan.Summary())
	if err := warnings(u, plan, a, fleet.Releases(),
		forecast.Options{Jobs: orElse(c.Jobs, runtime.NumCPU()), Budget: c.Budget}, shards); err != nil {
		return err
	}
	if !c.NoLocal {
		if err := fleet.Boot(ctx, plan, func(text string) { u.note("%s", text) }); err != nil {
			return err
		}
	}
	budget := c.Budget
	if budget == 0 {
		budget = time.Duration(plan.Campaign.Budget)
	}
	teller := &sweepTeller{u: u, workers: crew.workers}
	r, err := sweep.Run(crew.ctx, sweep.Options{
		Loop: sweep.Loop{Archive: a, Runner: crew, Budget: budget},
		Plan: plan, Kernels: fleet.Releases(), Shard: shard, Shards: shards, Tell: teller.tell,
	})
	err = crew.settled(err)
	teller.end()
	if r != nil {
		tellBreaks(u, r)
	}
	if err != nil {
		if r != nil {
			_ = tellRefusals(u, plan, r.Refusals) // the error ended the sweep
			u.note("%s kept in %s; the same command continues from there", quantity.Plural(int64(a.Len()), "run"),
				shorten(c.Out))
		}
		return err
	}
	if shards > 1 {
		u.note("shard %d of %d is done: ruleout results merge --into DIR %s …", shard, shards, quote(shorten(c.Out)))
		return c.status(u, plan, r, nil, alarm)
	}
	f := findings.Of(plan, r.Analysis, !r.OverBudget)
	if err := printFindings(u, f, c.Format, c.All); err != nil {
		return err
	}
	u.note("%s kept in %s: ruleout verdict %s evaluates them again", quantity.Plural(int64(a.Len()), "record"),
		shorten(c.Out), quote(shorten(c.Out)))
	return c.status(u, plan, r, f, alarm)
}

// status returns the exit status of a sweep that came to its end, as the help has it. A shard has no findings.
func (*sweepCmd) status(u *ui, plan *campaign.Plan, r *sweep.Result, f *findings.Findings, alarm error) error {
	switch {
	case alarm != nil:
		return alarm
	case len(r.Refusals) > 0:
		return tellRefusals(u, plan, r.Refusals)
	case len(r.Breaks) > 0:
		return status(problem.Invalid)
	case f == nil || f.AsExpected():
		return nil
	case r.OverBudget && !f.Contradicted(r.Analysis):
		return status(problem.Invalid) // no verdict contradicts what is expected: the budget ended first
	}
	return status(1)
}

// tellBreaks notes which runs broke, and which arms were given up for it.
func tellBreaks(u *ui, r *sweep.Result) {
	for _, b := range r.Breaks {
		u.note("run of arm %d with seed %d broke twice: %v", b.Arm+1, b.Seed, b.Err)
		if b.GivenUp {
			u.note("arm %d is given up because %d of its runs in a row broke; its cases are invalid: %v",
				b.Arm+1, cases.InARow, b.Err)
		}
	}
}

// tellRefusals reports what kernels refuse, each place once, and returns the exit status for it, or nil if they refused
// nothing.
func tellRefusals(u *ui, plan *campaign.Plan, refusals []sweep.Break) error {
	if len(refusals) == 0 {
		return nil
	}
	seen, code := map[string]bool{}, 0
	for _, r := range refusals {
		err := plan.Locate(r.Err, &plan.Arms[r.Arm])
		if text := err.Error(); !seen[text] {
			seen[text] = true
			code = max(code, u.tell(err))
		}
	}
	return status(code)
}

func orElse(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// printFindings writes the verdicts to standard output.
func printFindings(u *ui, f *findings.Findings, format string, all bool) error {
	if format == formatJSON {
		return writeVerdicts(u.out, f)
	}
	return f.Text(u.out, outputWidth(u), all)
}

// writeVerdicts writes JSON Lines: a verdict a line, and then the summary.
func writeVerdicts(w io.Writer, f *findings.Findings) error {
	enc := encoder(w)
	for _, v := range f.Verdicts {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	summary := *f
	summary.Verdicts = nil
	return enc.Encode(map[string]any{"summary": summary})
}

// plainWidth fits a mail.
const plainWidth = 120

// outputWidth is that of the terminal, or what fits a mail.
func outputWidth(u *ui) int {
	if f, ok := fileOf(u.out); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return min(width, 160)
		}
	}
	return plainWidth
}

// sweepTeller prints the progress of a sweep: a line from time to time, so that a log of it reads well.
type sweepTeller struct {
	u       *ui
	workers func() string
	last    time.Time
	state   sweep.State
}

// every is the time between two lines of progress.
const every = 10 * time.Second

func (t *sweepTeller) tell(s sweep.State) {
	t.state = s
	if now := time.Now(); now.Sub(t.last) >= every {
		t.last = now
		t.line()
	}
}

func (t *sweepTeller) end() {
	if t.state.Made > 0 {
		t.line()
	}
}

func (t *sweepTeller) line() {
	s := t.state
	text := fmt.Sprintf("%d of %d cases decided, %s", s.Decided, s.Cases, quantity.Plural(int64(s.Runs), "run"))
	if s.Rate > 0 {
		text += fmt.Sprintf(" (%.2f a second)", s.Rate)
	}
	if s.Remaining > 0 {
		text += fmt.Sprintf(", at most about %d to go", s.Remaining)
		if s.Left > 0 {
			text += fmt.Sprintf(" (%s)", s.Left.Round(time.Second))
		}
	}
	if s.Broken > 0 {
		text += fmt.Sprintf(", %d broke", s.Broken)
	}
	t.u.note("%7s  %s%s", s.Elapsed.Round(time.Second), text, t.workers())
}
