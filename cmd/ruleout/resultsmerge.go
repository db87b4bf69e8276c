package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

type resultsMergeCmd struct {
	Into   string   `help:"Directory of the merged records: one of the shards, or a new directory." required:"" placeholder:"DIR" type:"path" complete:"dir"`
	Shards []string `arg:"" name:"shard" help:"Directories that were --out of the shards." placeholder:"SHARD" complete:"dir" takes:"sweep,night"`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*resultsMergeCmd) Help() string {
	return `Each run is merged once, broken runs too. The shards must be of one campaign, made with one build, one QEMU and
the same kernels. Damaged parts of a shard are left out, and a note says so.

Exit status: 0 merged, 2 the shards do not belong together, 3 this machine cannot do it, 4 a run has two digests.

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
	merged := mergedShards{Into: c.Into, Shards: []mergedShard{}}
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
		merged.Shards = append(merged.Shards, mergedShard{Dir: dir, Added: m.Added, Failed: m.Failed})
		if alarm == nil {
			alarm = m.Err()
		}
	}
	merged.Records = a.Len()
	text := fmt.Sprintf("%s in %s\n", quantity.Plural(int64(merged.Records), "record"), shorten(c.Into))
	return errors.Join(u.result(merged, text), alarm)
}

// mergedShards is what was merged, in JSON.
type mergedShards struct {
	Into    string        `json:"into"`
	Records int           `json:"records"` // that it has now
	Shards  []mergedShard `json:"shards"`
}

type mergedShard struct {
	Dir    string `json:"dir"`
	Added  int    `json:"added"`  // records that were new
	Failed int    `json:"failed"` // new runs without a record
}
