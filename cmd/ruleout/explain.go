package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/explain"
)

type explainCmd struct {
	Record string `arg:"" help:"Record of a run; with --from, the first digits of a run." placeholder:"RECORD" complete:"json" takes:"record"`
	From   string `help:"Directory of the sweep that the run is of." placeholder:"DIR" complete:"dir"`
	Calm   string `help:"Compare with this record instead of runs without the faults." placeholder:"RECORD" complete:"json"`
	Seeds  int    `help:"Number of calm runs with further seeds (default ${default})." default:"5" placeholder:"N"`
	Out    string `help:"Directory for the records of the calm runs that are made (default: they are not kept)." placeholder:"DIR" type:"path" complete:"dir"`
	Jobs   int    `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	All    bool   `help:"Show everything that left its calm range."`
	Format string `help:"Output: text, json or markdown." enum:"text,json,markdown" default:"text"`
}

func (*explainCmd) Help() string {
	return `Shows what each fault did, which figures left their calm range first, and what followed, in order of time; then
the metrics and the kernel's counters that differ over the whole window, with what they count and where that can be
read. It says what differs and when, and not why.

A run is compared with the same scenario without its faults: once with the same seed, so that requests leave at the same
times, and with --seeds further seeds, which say how far figures go by chance. Of a scenario without faults, the loads
with times of their own are left out. These calm runs are made, unless their records are in the directory of RECORD or
in --out. What lies inside the range of the calm runs is not told.

If the calm run with the same seed cannot be made (its kernel is gone, QEMU or ruleout are others), the time before the
faults stands in for it, and the page says so. It is a weaker comparison.

Exit status: 0 explained, 2 a file is not a record, 130 interrupted.

Examples:

  ruleout explain results/runs/dup-ack-1-0123456789ab.json
  ruleout explain record.json --seeds 20 --all
  ruleout explain record.json --calm calm.json
  ruleout explain --from results/runs/sweep-incident-small 15f044282240
  ruleout explain record.json --format json | jq '.events[] | select(.kind == "series")'`
}

// Run carries the command out.
func (c *explainCmd) Run(ctx context.Context, u *ui) error {
	if c.Seeds < 0 || c.Seeds > explain.MostSeeds {
		return problem.Wrap(problem.Usage, fmt.Errorf("--seeds %d: not from 0 to %d", c.Seeds, explain.MostSeeds), "")
	}
	recorded, request, err := runAgain(c.From, c.Record)
	if err != nil {
		return err
	}
	var runs []explain.Run
	var why string
	var notes []string
	if c.Calm != "" {
		var run explain.Run
		run, notes, err = explain.Named(recorded, c.Calm)
		runs = append(runs, run)
	} else {
		runs, why, err = c.make(ctx, u, recorded)
	}
	if err != nil {
		return err
	}
	e := explain.New(recorded, request.Scenario, runs, why)
	if c.From == "" {
		e.Record = shorten(c.Record)
	}
	e.Compared.Notes = append(e.Compared.Notes, notes...)
	if c.Format == formatJSON {
		return u.json(e)
	}
	return e.Text(u.out, explain.Options{All: c.All, Markdown: c.Format == formatMarkdown})
}

// make finds or makes the calm runs.
func (c *explainCmd) make(ctx context.Context, u *ui, recorded *result.Record) ([]explain.Run, string, error) {
	m := &explain.Maker{
		Seeds: c.Seeds, Jobs: orElse(c.Jobs, runtime.NumCPU()), Save: c.Out,
		Note: func(text string) { u.note("%s", text) },
	}
	if c.From == "" {
		m.Dirs = append(m.Dirs, filepath.Dir(c.Record))
	}
	if c.Out != "" {
		if err := result.CheckDir(c.Out); err != nil {
			return nil, "", err
		}
		m.Dirs = append(m.Dirs, c.Out)
	}
	return m.Runs(ctx, recorded)
}
