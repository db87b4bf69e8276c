package main

import (
	"context"
	"errors"

	"github.com/ruleout/ruleout/harness/report/query"
)

type resultsExportCmd struct {
	Results string   `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir" takes:"sweep,night,diff"`
	Metric  []string `help:"Metric or counter; may be given again. Without it, all metrics and counters." placeholder:"NAME"`
	Format  string   `help:"csv, bench (for benchstat) or json." enum:"csv,bench,json" default:"csv" aliases:"as"`
}

func (*resultsExportCmd) Help() string {
	return `Values are in base units: seconds, bytes, fractions of 1. Invalid runs are left out of bench, and have valid =
false in csv and json. The settings of the campaign are included as set and factor.NAME: columns in csv, keys in json,
configuration lines in bench, which benchstat groups by.

Examples:

  ruleout results export results/runs/sweep-incident-small --metric http.latency.p99 > p99.csv
  ruleout results export results/runs/sweep-incident-small --format bench --metric http.latency.p99 > p99.txt && benchstat -row set p99.txt
  ruleout results export results/runs/sweep-incident-small > all.csv && duckdb -c "select kernel, median(\"http.latency.p99\") from 'all.csv' where valid group by all"`
}

// Run carries the command out.
func (c *resultsExportCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	source, err := query.OfReader(r)
	if err != nil {
		return err
	}
	names := c.Metric
	if len(names) == 0 {
		names = source.Metrics
	} else if err := source.CheckNames("--metric", names); err != nil {
		return err
	}
	switch c.Format {
	case "bench":
		return source.ExportBench(u.out, names)
	case formatJSON:
		return source.ExportJSON(u.out, names)
	}
	return source.ExportCSV(u.out, names)
}
