package main

import (
	"context"
	"errors"

	"github.com/ruleout/ruleout/harness/record/result"
)

type resultsShowCmd struct {
	Results string `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir" takes:"sweep,night,diff"`
	Record  string `arg:"" name:"run" help:"The first digits of a run or digest, as results list and verdicts show them." placeholder:"RUN"`
	Save    string `help:"Save it as a file in this directory, for ruleout replay and ruleout report." placeholder:"DIR" type:"path" complete:"dir"`
	Format  string `help:"Output of --save: text or json; a record is JSON." enum:"text,json" default:"text"`
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
	if err != nil {
		return err
	}
	return u.result(map[string]string{"path": path}, path+"\n")
}
