package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/query"
)

type resultsListCmd struct {
	Results string   `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir" takes:"sweep,night,diff"`
	Metric  []string `help:"Show this metric or counter too; may be given again." placeholder:"NAME"`
	Seed    uint64   `help:"Only records with this seed." placeholder:"N"`
	Invalid bool     `help:"Only records of invalid runs, with the reason."`
	Format  string   `help:"Output: text or json (JSON Lines)." enum:"text,json" default:"text"`
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
		source, err := query.OfReader(r)
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
			l := listedRun{Run: e.Run, Digest: e.Digest, Scenario: e.Scenario, Kernel: e.Kernel, Seed: e.Seed, Valid: e.Valid,
				Because: e.Because, Metrics: map[string]float64{}}
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
