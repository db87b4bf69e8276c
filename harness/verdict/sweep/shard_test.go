package sweep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestParseShard(t *testing.T) {
	for text, want := range map[string][2]int{"": {0, 0}, "1/1": {1, 1}, "2/3": {2, 3}} {
		i, n, err := ParseShard(text)
		require.NoError(t, err)
		require.Equal(t, want, [2]int{i, n}, text)
	}
	for _, text := range []string{"0/3", "4/3", "1", "1/", "/2", "1/0", "-1/2", "a/b", "+1/2", "1/+2", "01/2"} {
		_, _, err := ParseShard(text)
		require.Equal(t, problem.Usage, problem.KindOf(err), text)
	}
}
