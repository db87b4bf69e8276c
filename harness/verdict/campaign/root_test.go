package campaign_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Paths of an image's files are relative to the scenario, wherever the campaign lies.
func TestFilesAreRelativeToTheScenario(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"scenarios/site.yaml": `version: 1
name: site
duration: 2s
images: {site: {packages: [nginx], files: {/srv: app}}}
nodes:
  client: {}
  web: {image: site, service: {exec: [{name: nginx, command: [nginx], port: 80}]}}
links:
  - {between: [client, web], delay: 10ms}
load:
  - {from: client, to: web, http: {rate: 20/s}}
`,
		"campaigns/suspects.yaml": `version: 1
name: suspects
scenario: ../scenarios/site.yaml
hypotheses:
  - {name: delay, cause: {"links[0].delay": 20ms}, metric: http.latency.mean, margin: 5%}
  - {name: package, cause: {"images.site.packages": "[nginx-light]"}, metric: http.latency.mean, margin: 5%}
`,
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	p, err := campaign.Load(filepath.Join(dir, "campaigns/suspects.yaml"), nil)
	require.NoError(t, err)
	require.Len(t, p.Arms, 3)
	packages := map[string]bool{}
	for _, arm := range p.Arms {
		site := arm.Scenario.Images["site"]
		require.Equal(t, filepath.Join(dir, "scenarios/app"), arm.Scenario.HostPath(site.Files["/srv"]))
		packages[site.Packages[0]] = true
	}
	require.Equal(t, map[string]bool{"nginx": true, "nginx-light": true}, packages)
}
