package sweep

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// ParseShard reads I/N, part I of N with I from 1 to N. An empty text is 0 of 0, which means all.
func ParseShard(text string) (shard, shards int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	i, n, ok := strings.Cut(text, "/")
	shard, okI := unit.Whole(i)
	shards, okN := unit.Whole(n)
	if !ok || !okI || !okN || shard < 1 || shards < 1 || shard > shards {
		return 0, 0, problem.Wrap(problem.Usage, fmt.Errorf("--shard %s: not a part", text),
			"write I/N, such as 1/3 for the first of three")
	}
	return shard, shards, nil
}
