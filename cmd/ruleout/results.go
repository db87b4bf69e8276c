package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

type resultsCmd struct {
	List   resultsListCmd   `cmd:"" help:"List the records of a sweep."`
	Query  resultsQueryCmd  `cmd:"" help:"Ask for runs by a condition, and for what groups of them come to."`
	Show   resultsShowCmd   `cmd:"" help:"Print one record, or keep it as a file that can be replayed."`
	Export resultsExportCmd `cmd:"" help:"Write metrics of all records as CSV, or in the Go benchmark format that benchstat reads."`
	Keep   resultsKeepCmd   `cmd:"" help:"Keep what the verdicts of a sweep rest on, without its records: small enough for a repository."`
	Merge  resultsMergeCmd  `cmd:"" help:"Merge the records of shards."`
}

type resultsListCmd struct {
	Results string   `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir"`
	Metric  []string `help:"Show this metric or counter too; may be given again." placeholder:"NAME"`
	Seed    uint64   `help:"Only records with this seed." placeholder:"N"`
	Invalid bool     `help:"Only records of invalid runs, with the reason."`
	Format  string   `help:"Output: text or json, which is JSON Lines." enum:"text,json" default:"text"`
}

func (*resultsListCmd) Help() string {
	return `Examples:

  ruleout results list results/runs/sweep-incident-small --metric http.latency.p99
  ruleout results list results/runs/sweep-incident-small --invalid`
}

// listedRun is a record in a list.
type listedRun struct {
	Run      string             `json:"run"`
	Digest   string             `json:"digest"`
	Scenario string             `json:"scenario_hash"`
	Kernel   string             `json:"kernel"`
	Seed     uint64             `json:"seed"`
	Valid    bool               `json:"valid"`
	Because  string             `json:"because,omitempty"`
	Metrics  map[string]float64 `json:"metrics,omitempty"`
}

// Run carries the command out.
func (c *resultsListCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if len(c.Metric) > 0 {
		source, err := openSource(r)
		if err != nil {
			return err
		}
		if err := source.CheckNames("--metric", c.Metric); err != nil {
			return err
		}
	}
	t := table.Table{Header: append([]string{"run", "scenario", "kernel", "seed", "valid"}, c.Metric...)}
	enc := encoder(u.out)
	err = r.Entries(func(e *archive.Entry) error {
		if c.Seed != 0 && e.Seed != c.Seed || c.Invalid && e.Valid {
			return nil
		}
		if c.Format == formatJSON {
			l := listedRun{Run: e.Run, Digest: e.Digest, Scenario: e.Scenario, Kernel: e.Kernel, Seed: e.Seed, Valid: e.Valid, Because: e.Because, Metrics: map[string]float64{}}
			for _, name := range c.Metric {
				if v, ok := e.Value(name); ok {
					l.Metrics[name] = v
				}
			}
			return enc.Encode(l)
		}
		valid := "yes"
		if !e.Valid {
			valid = "no: " + e.Because
		}
		row := []string{result.Short(e.Run), result.Short(e.Scenario), e.Kernel, strconv.FormatUint(e.Seed, 10), valid}
		for _, name := range c.Metric {
			row = append(row, cell(e, name))
		}
		t.Rows = append(t.Rows, row)
		return nil
	})
	if c.Format == formatText {
		err = errors.Join(err, u.table(&t))
	}
	return err
}

// cell is a value in a table, and a dash where there is none.
func cell(e *archive.Entry, name string) string {
	if v, ok := e.Value(name); ok {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return "–"
}

type resultsShowCmd struct {
	Results string `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir"`
	Record  string `arg:"" name:"run" help:"The first digits of a run or digest, as results list and verdicts show them." placeholder:"RUN"`
	Save    string `help:"Keep it as a file in this directory, for ruleout replay and ruleout report." placeholder:"DIR" type:"path" complete:"dir"`
}

func (*resultsShowCmd) Help() string {
	return `Examples:

  ruleout results show results/runs/sweep-incident-small 15f044282240
  ruleout replay "$(ruleout results show results/runs/sweep-incident-small 15f044282240 --save /tmp)"`
}

// Run carries the command out.
func (c *resultsShowCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	record, err := r.Find(c.Record)
	if err != nil {
		return err
	}
	if c.Save == "" {
		return u.json(record)
	}
	if err := result.CheckDir(c.Save); err != nil {
		return err
	}
	path, err := result.Save(c.Save, record)
	if err == nil {
		u.printf("%s\n", path)
	}
	return err
}

type resultsExportCmd struct {
	Results string   `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir"`
	Metric  []string `help:"Metric or counter; may be given again. Without it, all that any record has." placeholder:"NAME"`
	As      string   `help:"csv or bench, the Go benchmark format." enum:"csv,bench" default:"csv"`
}

func (*resultsExportCmd) Help() string {
	return `Values are in base units: seconds, bytes, shares of 1. Invalid runs are left out of bench, and have valid = false in csv. With them goes
what the campaign set, as set and factor.NAME: in columns, and in bench in lines of configuration, by which benchstat makes columns.

Examples:

  ruleout results export results/runs/sweep-incident-small --metric http.latency.p99 > p99.csv
  ruleout results export results/runs/sweep-incident-small --as bench --metric http.latency.p99 > p99.txt && benchstat -row set p99.txt
  ruleout results export results/runs/sweep-incident-small > all.csv && duckdb -c "select kernel, median(\"http.latency.p99\") from 'all.csv' where valid group by all"`
}

// Run carries the command out.
func (c *resultsExportCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	source, err := openSource(r)
	if err != nil {
		return err
	}
	names := c.Metric
	if len(names) == 0 {
		names = source.Metrics
	} else if err := source.CheckNames("--metric", names); err != nil {
		return err
	}
	if c.As == "bench" {
		return source.ExportBench(u.out, names)
	}
	return source.ExportCSV(u.out, names)
}

type resultsMergeCmd struct {
	Into   string   `help:"Directory of the merged records; one of the shards, or a new one." required:"" placeholder:"DIR" type:"path" complete:"dir"`
	Shards []string `arg:"" name:"shard" help:"Directories that were --out of the shards." placeholder:"SHARD" complete:"dir"`
}

func (*resultsMergeCmd) Help() string {
	return `Each run gets in once, those that broke too. The shards have to be of one campaign, made with one build, one QEMU and the same kernels. What is
damaged in a shard is left out, which is said.

Exit status: 0 merged, 2 they do not go together, 3 this machine cannot do it, 4 a run has two digests.

Examples:

  ruleout results merge --into whole part1 part2 part3 && ruleout verdict whole`
}

// Run carries the command out.
func (c *resultsMergeCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := archive.Read(c.Shards[0])
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	a, err := archive.Open(c.Into, r.Identity)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	alarm := a.Tell(func(text string) { u.note("%s: %s", c.Into, text) })
	for _, dir := range c.Shards {
		if filepath.Clean(dir) == filepath.Clean(c.Into) {
			continue
		}
		m, err := a.Merge(dir)
		if err != nil {
			return problem.Wrap(problem.KindOf(err), fmt.Errorf("merge %s: %w", dir, err), problem.HintOf(err))
		}
		m.Tell(func(text string) { u.note("%s: %s", dir, text) })
		if m.Failed > 0 {
			u.note("%s: %s new that broke or were refused", dir, quantity.Plural(int64(m.Failed), "run"))
		}
		u.note("%s: %s new", dir, quantity.Plural(int64(m.Added), "record"))
		if alarm == nil {
			alarm = m.Err()
		}
	}
	u.printf("%s in %s\n", quantity.Plural(int64(a.Len()), "record"), shorten(c.Into))
	return alarm
}

// readResults opens an archive, and tells what is wrong with it.
func readResults(u *ui, dir string) (*archive.Reader, error) {
	r, err := archive.Read(dir)
	if err == nil {
		_ = r.Tell(func(text string) { u.note("%s: %s", shorten(dir), text) }) // runs with two digests are noted, too
	}
	return r, err
}
