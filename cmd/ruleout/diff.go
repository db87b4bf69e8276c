package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/verdict/compare"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type diffCmd struct {
	A         string   `arg:"" help:"Record of a run, directory of records, directory of a sweep, kernel in the store, or profile (a .yaml file with kernel, set and sysctls)." placeholder:"A" takes:"sweep,night,diff,profile,record"`
	B         string   `arg:"" optional:"" help:"The other side, of the same kind." placeholder:"B" takes:"sweep,night,diff,profile,record"`
	Scenarios []string `arg:"" optional:"" name:"scenario" help:"Scenario files to run on kernels and profiles." placeholder:"SCENARIO" complete:"yaml" takes:"scenario"`
	Matrix    []string `help:"Compare each of these kernels with the one before it. All arguments are scenario files." placeholder:"KERNEL,…"`
	Seeds     int      `help:"Number of seeds of each scenario (default ${default})." default:"20" placeholder:"N"`
	Margin    string   `help:"The smallest change that matters (default ${default})." default:"5%" placeholder:"SHARE"`
	Out       string   `help:"Directory of the records that are made (default results/runs/diff-A-B). Runs that it has are not repeated." placeholder:"DIR" type:"path" complete:"dir"`
	Jobs      int      `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	All       bool     `help:"Show every setting and number that differs."`
	Packets   bool     `help:"Of two records: make both runs again with a capture, and show the first packet that differs."`
	Pcap      string   `help:"Directory of the captures that --packets makes, in its subdirectories a and b (default results/runs/packets-NAME-A-B)." placeholder:"DIR" type:"path" complete:"dir"`
	HTML      string   `name:"html" help:"Of two records, or with --matrix: also write a page, with the timelines of both or with all that changed." placeholder:"FILE" type:"path"`
	Format    string   `help:"Output: text, json or markdown." enum:"text,json,markdown" default:"text"`

	crewFlags `embed:""`
}

func (*diffCmd) Help() string {
	return `Compares two sets of results, or runs the same scenarios with the same seeds on two kernels or under two
profiles and compares those. Every metric and counter is compared over pairs of runs, with an interval. At most 5 % of
the reported changes are expected to be false.

Runs are paired by scenario, kernel and seed. In stored results, kernels are paired by name, whatever their release. If
each side has one kernel, these two are paired. A pair with an invalid, broken or missing run is lost, and counts as a
seed without a change. If more than 5 % of the pairs of a scenario are lost, its numbers are not compared.

With --matrix, the scenarios are run on several kernels, and each kernel is compared with the one before it. At most 5 %
of the changes that the whole matrix reports are expected to be false.

For two records, the output lists in this order: the settings that differ, when each fault first chose a different
packet, the first sample of each series of the timelines that differs, and the metrics that differ at the end. With
--packets, both runs are made again, compared with their records as replay does, and made once more with a capture. The
first packet that differs is shown with the packets around it, in both runs side by side.

Records in two directories are paired by scenario and seed. The output has a line for each pair: IDENTICAL, or what
differs first.

Exit status: 0 compared, whatever the outcome; 2 a file or name is wrong, or one side has two runs of the same scenario,
kernel and seed; 3 this machine cannot do it; 4 the same build, kernel, scenario and seed gave two different results, a
record did not repeat, a run broke twice, or too many pairs are lost.

Examples:

  ruleout diff 6.1 6.12 scenarios/dup-ack.yaml scenarios/loss.yaml
  ruleout diff --matrix 5.10,6.1,6.12,7.2 scenarios/*.yaml --seeds 16
  ruleout diff today.yaml hardened.yaml scenarios/*.yaml --seeds 30
  ruleout diff results/runs/sweep-monday results/runs/sweep-tuesday
  ruleout diff results/runs/dup-ack-1-4fe1f7842b2b.json results/runs/dup-ack-2-0b1f6ad1f0c2.json
  ruleout diff a.json b.json --packets --html parted.html
  ruleout diff runs-on-6.1 runs-on-6.12`
}

// Run carries the command out.
func (c *diffCmd) Run(ctx context.Context, u *ui) error {
	margin, err := unit.ParseShare(c.Margin)
	if c.Seeds < 1 {
		return problem.Wrap(problem.Usage, fmt.Errorf("--seeds %d: at least one is needed", c.Seeds), "")
	}
	if err != nil || margin <= 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("--margin %s: not a share above zero", c.Margin), "such as 5%")
	}
	switch {
	case len(c.Matrix) > 0:
		return c.matrix(ctx, u, float64(margin))
	case c.B == "":
		return problem.Wrap(problem.Usage, fmt.Errorf("%s has nothing to be compared with", c.A),
			"name the other side after it")
	}
	kind, err := c.kind()
	if err != nil {
		return err
	}
	switch kind {
	case aRecord:
		return c.records(ctx, u, float64(margin))
	case aDirectory:
		return c.directories(u, float64(margin))
	}
	var sides [2]compare.Side
	var settings []compare.Setting
	broken := false
	if kind == aSweep {
		sides, settings, err = c.stored()
	} else {
		sides, settings, broken, err = c.make(ctx, u)
	}
	if err != nil {
		return err
	}
	found, err := compare.Compare(sides[0], sides[1], compare.Options{Margin: float64(margin)})
	if err != nil {
		return err
	}
	found.Settings = append(settings, found.Settings...)
	if found.Pairs == 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("no run of %s pairs with a run of %s", c.A, c.B),
			"pairs have the same scenario, seed and name of the kernel: sweep one campaign on both sides")
	}
	err = c.tell(u, found)
	if err == nil && (len(found.Alarms) > 0 || broken || found.Undecided()) {
		err = status(problem.Invalid)
	}
	return err
}

// stored reads both sides, and their known differences.
func (c *diffCmd) stored() (sides [2]compare.Side, settings []compare.Setting, err error) {
	var made [2]map[string]string
	for i, dir := range []string{c.A, c.B} {
		r, err := archive.Read(dir)
		if err != nil {
			return sides, nil, err
		}
		made[i] = compare.Images(r.Identity.Software)
		made[i]["campaign"], made[i]["build"] = r.Identity.Campaign, r.Identity.Tool
		if sides[i], err = compare.Stored(dir, r); err != nil {
			return sides, nil, errors.Join(err, r.Close())
		}
		if err := r.Close(); err != nil {
			return sides, nil, err
		}
	}
	return sides, compare.Settings(made[0], made[1]), nil
}

// make runs the scenarios on both sides. broken is whether some runs broke, twice each.
func (c *diffCmd) make(ctx context.Context, u *ui) (sides [2]compare.Side, settings []compare.Setting, broken bool,
	err error) {
	list, err := expect.OpenDistinct(c.Scenarios)
	if err != nil {
		return sides, nil, false, err
	}
	both, profiles, broken, err := c.runs(ctx, u, []string{c.A, c.B}, list)
	if err != nil {
		return sides, nil, false, err
	}
	copy(sides[:], both)
	settings, err = compare.Differences([2]*compare.Profile(profiles)) // now the netem of each kernel is known
	return sides, settings, broken, err
}

// runs makes the runs of scenarios on kernels and under profiles, as they are named.
func (c *diffCmd) runs(ctx context.Context, u *ui, names []string, list []expect.Distinct) (
	sides []compare.Side, profiles []*compare.Profile, broken bool, err error,
) {
	var kernels []string
	dir := "diff"
	for _, name := range names {
		p, err := compare.SideOf(name)
		if err != nil {
			return nil, nil, false, err
		}
		profiles, kernels, dir = append(profiles, p), append(kernels, p.Kernel), dir+"-"+fileName(p.Name)
	}
	fleet, err := sweep.OpenFleet(ctx, kernels)
	if err != nil {
		return nil, nil, false, err
	}
	jobs, err := compare.Jobs(profiles, list, c.Seeds, fleet.Releases())
	if err != nil {
		return nil, nil, false, err
	}
	if c.Out == "" {
		c.Out = filepath.Join("results", "runs", dir)
	}
	id, err := fleet.Identity(ctx, "diff", archive.Source{}, sweep.Scenarios(jobs), u.building)
	if err != nil {
		return nil, nil, false, err
	}
	crew, err := c.crewFlags.open(ctx, u, fleet, dir, c.Jobs, false)
	if err != nil {
		return nil, nil, false, err
	}
	defer crew.Close()
	a, err := archive.Open(c.Out, id)
	if err != nil {
		return nil, nil, false, err
	}
	sides, made, err := compare.Make(crew.ctx, sweep.Loop{Archive: a, Runner: crew}, jobs, len(profiles), u.runsMade())
	err = crew.settled(err)
	if err := errors.Join(err, a.Close()); err != nil {
		return nil, nil, false, err
	}
	for i, p := range profiles {
		sides[i].Name = p.Name
	}
	u.brokenRuns(jobs, made.Broken)
	return sides, profiles, len(made.Broken) > 0, nil
}

// tell prints what was found, in the format that was asked for.
func (c *diffCmd) tell(u *ui, found interface {
	Text(w io.Writer, markdown, all bool) error
}) error {
	if c.Format == formatJSON {
		return u.json(found)
	}
	return found.Text(u.out, c.Format == formatMarkdown, c.All)
}

// page writes the page that was asked for, if one was.
func (c *diffCmd) page(u *ui, write func(io.Writer) error) error {
	if c.HTML == "" {
		return nil
	}
	if err := writeWhole(c.HTML, write); err != nil {
		return problem.Wrap(problem.KindOf(err), err, "give another place with --html FILE")
	}
	u.note("wrote %s", shorten(c.HTML))
	return nil
}

// runsMade returns what says now and then, and at the end, how many runs there are.
func (u *ui) runsMade() func(*sweep.Made, *sweep.Outcome) error {
	last := time.Now()
	return func(m *sweep.Made, _ *sweep.Outcome) error {
		if now := time.Now(); now.Sub(last) >= every || m.Runs == m.All {
			last = now
			u.note("%d of %d runs", m.Runs, m.All)
		}
		return nil
	}
}

// brokenRuns notes runs that left no record.
func (u *ui) brokenRuns(jobs []sweep.Job, list []sweep.Break) {
	for _, b := range brokenOf(jobs, list) {
		how := "broke twice"
		if b.Failure == archive.Refused {
			how = "is refused"
		}
		if b.GivenUp {
			how += ", and the rest of its seeds is given up"
		}
		u.note("%s on %s, seed %d %s: %s", b.Scenario, cmp.Or(b.Kernel, "the default kernel"), b.Seed, how, b.Because)
	}
}

// brokenRun is a run that left no record, in JSON.
type brokenRun struct {
	Scenario string          `json:"scenario"`
	Kernel   string          `json:"kernel,omitempty"` // unless it is the default one
	Seed     uint64          `json:"seed"`
	Failure  archive.Failure `json:"failure"`
	Because  string          `json:"because"`
	GivenUp  bool            `json:"given_up,omitempty"` // the rest of the seeds, too
}

func brokenOf(jobs []sweep.Job, list []sweep.Break) []brokenRun {
	broken := []brokenRun{}
	for _, b := range list {
		j, failure := &jobs[b.Arm], archive.Broke
		if problem.PlaceOf(b.Err) != "" {
			failure = archive.Refused
		}
		broken = append(broken, brokenRun{Scenario: j.Name, Kernel: j.Arm.Kernel, Seed: b.Seed, Failure: failure,
			Because: b.Err.Error(), GivenUp: b.GivenUp})
	}
	return broken
}

func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, s)
}
