package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/forecast"
	"github.com/ruleout/ruleout/harness/verdict/input"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type planCmd struct {
	Scenario string   `arg:"" name:"file" help:"Scenario or campaign file." placeholder:"FILE" complete:"yaml" takes:"scenario,campaign"`
	Seed     uint64   `help:"Seed of everything that is random in the run (default ${default})." default:"1" placeholder:"N"`
	Set      []string `help:"Change a value of the file; may be given again." sep:"none" placeholder:"PATH=VALUE"`

	Measure bool          `help:"Of a campaign: measure a few runs for each kernel and machine, to predict the time."`
	From    string        `help:"Of a campaign: predict from the records of this sweep (default results/runs/sweep-NAME, if it exists)." placeholder:"DIR" complete:"dir"`
	Jobs    int           `short:"j" help:"Of a campaign: runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Budget  time.Duration `help:"Of a campaign: its budget, instead of the file's." placeholder:"DURATION"`

	Files bool `help:"Of a scenario: show the programs of its nodes and the files that are written for them, and nothing else."`

	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*planCmd) Help() string {
	return `Nothing is run. The plan of a scenario shows the network, every request that the load sends with this seed,
phases, faults with the times at which they act, the steps of ramps, a picture of all that over the time of the run, and
an estimate of the cost.

The plan of a campaign shows how many hypotheses, contexts, arms and runs there are, how long they take, and which
verdicts cannot be reached with its seeds and budget. The time is predicted from measured run times, of an earlier sweep
or of --measure. Without any it is a rough estimate, and the plan says so.

The picture is as wide as the terminal, or 80 columns in a pipe. It uses block characters if the locale has UTF-8.

Exit status: 0 the file is good, 2 a mistake in the command line or the file.

Examples:

  ruleout plan scenarios/dup-ack.yaml
  ruleout plan scenarios/dup-ack.yaml --seed 2 --set 'faults.dup-acks.for=2s'
  ruleout plan scenarios/backlog.yaml --format json | jq .estimate
  ruleout plan scenarios/real/shop.yaml --files
  ruleout plan scenarios/incident/small.yaml --measure`
}

// Run carries the command out.
func (c *planCmd) Run(ctx context.Context, u *ui) error {
	if input.Of(c.Scenario) == input.Campaign {
		return c.forecast(ctx, u)
	}
	s, err := expect.Load(c.Scenario, c.Set)
	if err != nil {
		return err
	}
	if c.Files {
		return c.files(u, s)
	}
	p := plan.New(s, c.Seed)
	if c.Format == formatJSON {
		return u.json(p)
	}
	if err := report.Plan(u.out, p,
		report.PlanOptions{Color: color(u.out), ASCII: !unicode(), Width: width(u)}); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// nodeSoftware is what runs on a node.
type nodeSoftware struct {
	Image    string              `json:"image"`
	Programs []*scenario.Program `json:"programs"`
	Files    map[string]string   `json:"files"`
}

// files shows the programs of nodes, and what is written for them on top of their images.
func (c *planCmd) files(u *ui, s *scenario.Scenario) error {
	nodes := map[string]nodeSoftware{}
	for name, n := range s.Nodes {
		if programs, _ := s.Programs(name); len(programs) > 0 {
			nodes[name] = nodeSoftware{n.Image, programs, s.NodeFiles(name)}
		}
	}
	if c.Format == formatJSON {
		return u.json(nodes)
	}
	for i, name := range slices.Sorted(maps.Keys(nodes)) {
		if i > 0 {
			fmt.Fprintln(u.out)
		}
		n := nodes[name]
		fmt.Fprintf(u.out, "node %s, image %s\n", name, n.Image)
		for _, p := range n.Programs {
			fmt.Fprintf(u.out, "  %s: %s\n", p.Name, strings.Join(p.Command, " "))
		}
		for _, path := range slices.Sorted(maps.Keys(n.Files)) {
			fmt.Fprintf(u.out, "\n  %s\n", path)
			for line := range strings.Lines(n.Files[path]) {
				fmt.Fprintf(u.out, "    %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	return nil
}

// width of the terminal; 80 where there is none. COLUMNS goes first, as with other programs.
func width(u *ui) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := fileOf(u.out); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// unicode says whether the locale has UTF-8, by the variables and in the order of setlocale(3).
func unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// forecast shows what a campaign would cost.
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
	if o.Analysis, o.Times, err = earlier(p, dir); err != nil {
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

// earlier reads which of the plan's runs an earlier sweep has, and how long they took. Without a directory there is
// nothing.
func earlier(p *campaign.Plan, dir string) (_ *cases.Analysis, _ *forecast.Times, err error) {
	if dir == "" {
		an, err := cases.New(p)
		return an, nil, err
	}
	r, err := archive.Read(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	an, _, err := sweep.Archived(p, r)
	if err != nil {
		return nil, nil, err
	}
	times, err := forecast.Archived(shorten(dir), p, r.Identity.Kernels, r.Entries)
	return an, times, err
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

// warnings notes, before a sweep, which verdicts cannot be reached. Runs in the archive count, with their times. Shards
// count as machines that share the work.
func warnings(u *ui, p *campaign.Plan, a *archive.Archive, kernels map[string]string, o forecast.Options,
	shards int) (err error) {
	if o.Analysis, err = cases.New(p); err != nil {
		return err
	}
	if err := sweep.Fill(o.Analysis, p, kernels, a.Entries); err != nil {
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
