package input_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/input"
	"github.com/ruleout/ruleout/harness/verdict/nightly"
)

// file writes a file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// results makes an archive without runs and returns its directory.
func results(t *testing.T, id archive.Identity) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "results")
	id.Kernels = map[string]string{"": "6.1.0"}
	a, err := archive.Open(dir, id)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	return dir
}

func TestOf(t *testing.T) {
	name, source, err := nightly.Plan{Night: "2026-11-25", Seeds: 20, Files: map[string]string{"a": "a.yaml"}}.Source()
	require.NoError(t, err)
	night := archive.Identity{Campaign: name, Tool: "sha256:0", Source: source}
	r := &result.Record{Schema: result.Schema, Scenario: result.Scenario{Name: "a"}}
	r.Digest, err = r.ComputeDigest()
	require.NoError(t, err)
	record, err := result.Save(t.TempDir(), r)
	require.NoError(t, err)
	for path, want := range map[string]input.Kind{
		file(t, "version: 1\nname: a\nnodes: {}\n"):               input.Scenario,
		file(t, "version: 1\nnodes:\n  a: {\n"):                   input.Scenario, // with a mistake
		file(t, "version: 1\nscenario: a.yaml\nhypotheses: []\n"): input.Campaign,
		file(t, "version: 1\nsysctls: {}\n"):                      input.Profile,
		file(t, "{\"schema\": 1, \"night\": 2}"):                  "",
		file(t, "nobody knows"):                                   "",
		record:                                                    input.Record,
		results(t, archive.Identity{Campaign: "c",
			Source: archive.Source{File: "c.yaml", Text: "hypotheses: []"}}): input.Sweep,
		results(t, archive.Identity{Campaign: "diff"}): input.Diff,
		results(t, night):                     input.Night,
		t.TempDir():                           "",
		filepath.Join(t.TempDir(), "nowhere"): "",
	} {
		require.Equal(t, want, input.Of(path), path)
	}
}

func TestOther(t *testing.T) {
	path := file(t, "hypotheses: []\n")
	err := input.Other(path, "'x'", "ruleout run", input.Scenario, input.Profile)
	require.EqualError(t, err, path+" is a campaign: use ruleout sweep 'x'")
	require.Equal(t, "ruleout run takes a scenario or a profile", problem.HintOf(err))
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.NoError(t, input.Other(path, path, "ruleout sweep", input.Campaign))
	require.NoError(t, input.Other(t.TempDir(), "", "ruleout sweep", input.Campaign), "unknown")
}
