package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/report/query"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

const formatCSV = "csv"

type resultsQueryCmd struct {
	Results    string   `arg:"" help:"Directory that was --out of a sweep or a diff." placeholder:"RESULTS" complete:"dir" takes:"sweep,night,diff"`
	Where      string   `arg:"" optional:"" help:"Condition on runs, as in the expectations of a scenario; without one, all runs." placeholder:"WHERE"`
	Show       []string `help:"A column: a metric, a counter, a field or an expression of numbers; may be given again." sep:"none" placeholder:"COLUMN"`
	By         []string `help:"Group by this field; may be given again." placeholder:"FIELD"`
	Take       []string `help:"Statistic of a group: mean, median (the default), min, max, sum or a percentile such as p90; may be given again." placeholder:"WHAT"`
	Sort       string   `help:"Sort by this column." placeholder:"COLUMN"`
	Descending bool     `help:"Sort in descending order."`
	Limit      int      `help:"Print at most this many rows." placeholder:"N"`
	Format     string   `help:"Output: text, json (JSON Lines) or csv; the last two in base units." enum:"text,json,csv" default:"text"`
}

func (*resultsQueryCmd) Help() string {
	return `Queries the index of the records. A condition combines metrics and counters, numbers with units, and, or, not,
parentheses and these fields:

  run, digest, scenario   compared by their first digits
  kernel                  compared by its first parts: 6.1 is not 6.12
  seed, virtual, wall     numbers: the seed, and the duration of the run in virtual and in wall-clock time
  valid, because          whether the run is valid, and why it is not
  set                     what the campaign sets in the scenario, PATH=VALUE …
  factor.NAME             the level of a factor of the campaign

Text fields are compared with ==, != and ~. The operator ~ matches a part: set ~ tcp_sack, set ~ 'tcp_sack=0'. A run
that lacks a number of the condition is left out, and a note says so. Groups contain valid runs only, unless the
condition or --by names valid.

Exit status: 0 also when no run matches, 2 the query is wrong or the directory has no results.

Examples:

  ruleout results query results/runs/sweep-incident-small 'http.latency.p90 > 200ms and kernel == 6.1'
  ruleout results query results/runs/sweep-incident-small 'set ~ duplicate' --show 'http.errors / http.planned' --show set --limit 10
  ruleout results query results/runs/sweep-incident-small --by kernel --show http.latency.p99 --take median --take max --format csv
  ruleout results query results/runs/sweep-incident-small 'not valid' --by because`
}

// Run carries the command out.
func (c *resultsQueryCmd) Run(_ context.Context, u *ui) (err error) {
	if c.Limit < 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("--limit %d: the number of rows must not be negative", c.Limit), "")
	}
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := query.OfReader(r)
	if err != nil {
		return err
	}
	t, err := s.Ask(query.Query{Where: c.Where, Show: c.Show, By: c.By, Take: c.Take, Sort: c.Sort,
		Descending: c.Descending, Limit: c.Limit})
	if err != nil {
		return err
	}
	if t.Unknown > 0 {
		u.note("%s left out: the condition has no answer for them (%v)", quantity.Plural(int64(t.Unknown), "run"), t.First)
	}
	if t.Invalid > 0 {
		u.note("%s left out of the groups as invalid; a condition on valid, or --by valid, includes them",
			quantity.Plural(int64(t.Invalid), "run"))
	}
	if t.More {
		u.note("there are more rows; only the first %d are shown", c.Limit)
	}
	switch c.Format {
	case formatJSON:
		return t.JSON(u.out)
	case formatCSV:
		return t.CSV(u.out)
	}
	return t.Text(u.out)
}
