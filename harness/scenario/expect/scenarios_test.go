package expect_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/expect"
)

func TestScenariosOfTheRepositoryAreValid(t *testing.T) {
	for _, pattern := range []string{"../../../scenarios/*.yaml", "../../../scenarios/bench/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			s, err := expect.Load(file, nil)
			require.NoError(t, err)
			require.Equal(t, filepath.Base(file), s.Name+".yaml", "a scenario is called as its file")
			require.NotEmpty(t, s.About)
			require.NotEmpty(t, s.Expect, "a worked example says what it expects")
		}
	}
}
