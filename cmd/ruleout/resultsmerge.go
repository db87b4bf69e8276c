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
