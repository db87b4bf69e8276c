package bisect_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/bisect"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/compare"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

const shop = `version: 1
name: shop
duration: 2s
timeline: off
nodes:
  client: {}
  web: {service: {php: {}}}
links:
  - {between: [client, web], delay: 10ms}
load:
  - {from: client, to: web, http: {rate: 20/s}}
faults:
  - {name: acks, link: [client, web], from: client, select: {packets: pure-ack, chance: 10%}, do: drop}
  - {name: lost, link: [client, web], from: web, select: {chance: 10%}, do: drop}
`

// planted makes records without running anything: tcp_sack at web adds 100 retransmissions, a fault that drops packets
// of web 30, and each seed has some of its own. Odd seeds of one setting are not valid; another one is refused.
type planted struct{ runs *int }

func (p planted) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	*p.runs++
	sysctls := arm.Scenario.Nodes["web"].Sysctls
	if sysctls["net.ipv4.tcp_retries1"] == "9" {
		return nil, &problem.Error{Err: errors.New("invalid argument"), Place: "nodes.web.sysctls.net.ipv4.tcp_retries1"}
	}
	retransmissions := 200 + int64(seed%7)
	if sysctls["net.ipv4.tcp_sack"] == "0" {
		retransmissions += 100
	}
	for i := range arm.Scenario.Faults {
		if f := &arm.Scenario.Faults[i]; f.Name == "lost" && f.Do.Drop {
			retransmissions += 30
		}
	}
	r := &result.Record{
		Schema: 1, Run: fmt.Sprintf("%s %s %d", arm.Hash, arm.Kernel, seed), Digest: fmt.Sprint(seed), Seed: seed,
		Valid:      true,
		Scenario:   result.Scenario{Hash: arm.Hash, Canonical: []byte("{}")},
		Provenance: result.Provenance{Kernel: release(arm.Kernel)},
		Counters:   map[string]map[string]int64{"web": {"Tcp.RetransSegs": retransmissions}},
	}
	if sysctls["net.ipv4.tcp_retries2"] == "9" && seed%2 == 1 {
		r.Valid = false
	}
	return r, nil
}

func release(kernel string) string { return kernel + ".0" }

// prober is one over the planted world, of which the sides are two profiles.
func prober(t *testing.T, dir string, sides *bisect.Sides, lead int) (*bisect.Prober, *int) {
	t.Helper()
	id := archive.Identity{Campaign: "bisect", Kernels: map[string]string{"6.1": "6.1.0", "6.12": "6.12.0", "": ".0"}}
	a, err := archive.Open(dir, id)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	m, err := bisect.ParseMeasure("web.Tcp.RetransSegs", sides.Scenario)
	require.NoError(t, err)
	runs := new(int)
	return &bisect.Prober{
		Loop: sweep.Loop{Archive: a, Runner: planted{runs}}, Arm: sides.Arm, Releases: id.Kernels, Lead: lead,
		Effect: bisect.Effect{Measures: []*bisect.Measure{m}, Margin: 0.05, Share: 0.25},
	}, runs
}

func scenarioFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.yaml")
	require.NoError(t, os.WriteFile(path, []byte(shop), 0o600))
	return path
}

func search(t *testing.T, p *bisect.Prober, n int) *bisect.Result {
	t.Helper()
	r, err := p.Search(t.Context(), bisect.All(n), bisect.Options{})
	require.NoError(t, err)
	return r
}

func TestSettingsFaultsAndKernelsAreItems(t *testing.T) {
	path := scenarioFile(t)
	calm := &compare.Profile{Name: "calm", Kernel: "6.1", Sysctls: map[string]string{"net.ipv4.tcp_ecn": "1"}}
	other := &compare.Profile{Name: "other", Kernel: "6.12", Sysctls: map[string]string{"net.ipv4.tcp_sack": "0"},
		Set: map[string]string{"links.client-web.delay": "5ms"}}
	sides, err := bisect.OpenSides(path, []string{"duration=1s"}, calm, other, true)
	require.NoError(t, err)
	require.Equal(t, []bisect.Item{
		{"kernel", "6.1", "6.12"},
		{"links.client-web.delay", "", "5ms"},
		{"sysctl net.ipv4.tcp_ecn", "1", ""},
		{"sysctl net.ipv4.tcp_sack", "", "0"},
		{"fault acks", "only watches", "acts"},
		{"fault lost", "only watches", "acts"},
	}, sides.Items)
	arm, err := sides.Arm(nil)
	require.NoError(t, err)
	assert.Equal(t, "6.1", arm.Kernel)
	assert.Equal(t, map[string]string{"net.ipv4.tcp_ecn": "1"}, arm.Scenario.Nodes["web"].Sysctls)
	assert.Equal(t, "10ms", arm.Scenario.Links[0].Delay.String())
	assert.Equal(t, "1s", arm.Scenario.Duration.String())
	assert.False(t, arm.Scenario.Faults[0].Do.Drop)
	arm, err = sides.Arm(bisect.Set{0, 1, 2, 3, 5})
	require.NoError(t, err)
	assert.Equal(t, "6.12", arm.Kernel)
	assert.Equal(t, map[string]string{"net.ipv4.tcp_sack": "0"}, arm.Scenario.Nodes["web"].Sysctls)
	assert.Equal(t, "5ms", arm.Scenario.Links[0].Delay.String())
	assert.False(t, arm.Scenario.Faults[0].Do.Drop)
	assert.True(t, arm.Scenario.Faults[1].Do.Drop)
}

// A fault whose ramp or node leaves nothing to watch acts on both sides, and is named.
func TestFaultsThatCannotOnlyWatchStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.yaml")
	text := shop + "  - {name: held, link: [client, web], do: {delay: 5ms}, ramp: {over: 1s, delay: 50ms}}\n" +
		"  - {name: frozen, node: web, do: pause, at: 1s, for: 100ms}\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	sides, err := bisect.OpenSides(path, nil, &compare.Profile{}, &compare.Profile{}, true)
	require.NoError(t, err)
	assert.Equal(t, []string{"held", "frozen"}, sides.Fixed)
	assert.Len(t, sides.Items, 2)
	arm, err := sides.Arm(nil)
	require.NoError(t, err)
	assert.True(t, arm.Scenario.Faults[3].Do.Pause)
}

// The setting makes 100 more, the fault 30 more: a quarter of 130 counts, so that only the one is named; of a fifth
// both are. Runs that are there already are not made again.
func TestWhatIsPlantedIsFound(t *testing.T) {
	path, dir := scenarioFile(t), t.TempDir()
	calm := &compare.Profile{Name: "calm"}
	other := &compare.Profile{Name: "other", Sysctls: map[string]string{
		"net.ipv4.tcp_sack": "0", "net.ipv4.tcp_retries1": "4", "net.ipv4.tcp_fin_timeout": "30", "net.ipv4.tcp_ecn": "0",
	}}
	sides, err := bisect.OpenSides(path, nil, calm, other, true)
	require.NoError(t, err)
	p, runs := prober(t, dir, sides, 5)
	r := search(t, p, len(sides.Items))
	require.Len(t, r.Sets, 1)
	assert.Equal(t, "sysctl net.ipv4.tcp_sack", sides.Items[r.Sets[0].Items[0]].Name)
	assert.True(t, r.Sets[0].Confirmed())
	assert.Equal(t, bisect.Not, r.Rest.Outcome())
	changes := p.Effect.Changes()
	assert.InDelta(t, 130, changes[0].Other-changes[0].Calm, 1e-9)
	assert.InDelta(t, 32.5, changes[0].Bar, 1e-9)
	made := *runs
	search(t, p, len(sides.Items))
	assert.Equal(t, made, *runs)

	p.Effect.Share = 0.2
	r = search(t, p, len(sides.Items))
	require.Len(t, r.Sets, 2)
	var names []string
	for _, c := range r.Sets {
		names = append(names, sides.Items[c.Items[0]].Name)
	}
	assert.Equal(t, []string{"sysctl net.ipv4.tcp_sack", "fault lost"}, names)
}

func TestARefusedSettingIsSaidAndTheOthersAreSearched(t *testing.T) {
	path := scenarioFile(t)
	other := &compare.Profile{Name: "other", Sysctls: map[string]string{
		"net.ipv4.tcp_sack": "0", "net.ipv4.tcp_retries1": "9", "net.ipv4.tcp_fin_timeout": "30", "net.ipv4.tcp_ecn": "0",
	}}
	sides, err := bisect.OpenSides(path, nil, &compare.Profile{Name: "calm"}, other, false)
	require.NoError(t, err)
	p, _ := prober(t, t.TempDir(), sides, 5)
	r := search(t, p, len(sides.Items))
	require.Len(t, r.Untested, 1)
	assert.Equal(t, "sysctl net.ipv4.tcp_retries1", sides.Items[r.Untested[0]].Name)
	require.Len(t, r.Sets, 1)
	assert.Equal(t, "sysctl net.ipv4.tcp_sack", sides.Items[r.Sets[0].Items[0]].Name)
}

func TestRunsThatAreNotValidAreMadeUpForByOtherSeeds(t *testing.T) {
	path := scenarioFile(t)
	other := &compare.Profile{Name: "other", Sysctls: map[string]string{
		"net.ipv4.tcp_sack": "0", "net.ipv4.tcp_retries2": "9", "net.ipv4.tcp_ecn": "0",
	}}
	sides, err := bisect.OpenSides(path, nil, &compare.Profile{Name: "calm"}, other, false)
	require.NoError(t, err)
	p, _ := prober(t, t.TempDir(), sides, 5)
	r := search(t, p, len(sides.Items))
	assert.Equal(t, bisect.Tally{Shows: 5, Void: 5, Lead: 5}, r.All)
	require.Len(t, r.Sets, 1)
}

func TestAnUnknownMetricIsNamedWithItsNeighbour(t *testing.T) {
	sides, err := bisect.OpenSides(scenarioFile(t), nil, &compare.Profile{}, &compare.Profile{}, false)
	require.NoError(t, err)
	_, err = bisect.ParseMeasure("web.Tcp.RetransSeg", sides.Scenario)
	require.ErrorContains(t, err, "web.Tcp.RetransSeg: ")
	assert.Equal(t, problem.Usage, problem.KindOf(err))
	assert.Contains(t, problem.HintOf(err), "RetransSegs")
}

func TestReportText(t *testing.T) {
	other := &compare.Profile{Name: "other", Sysctls: map[string]string{"net.ipv4.tcp_sack": "0", "net.ipv4.tcp_ecn": "0"}}
	sides, err := bisect.OpenSides(scenarioFile(t), nil, &compare.Profile{Name: "calm"}, other, false)
	require.NoError(t, err)
	p, _ := prober(t, t.TempDir(), sides, 5)
	r := &bisect.Report{Scenario: "shop", Calm: "calm", Other: "other", Items: sides.Items, Lead: 5}
	r.Result = search(t, p, len(sides.Items))
	r.Changes = p.Effect.Changes()
	var b strings.Builder
	require.NoError(t, r.Text(&b))
	assert.Equal(t, `shop: 2 items differ between calm and other
web.Tcp.RetransSegs: 233 on the side calm, 333 on the side other; a change of 25 counts

Makes it:
  sysctl net.ipv4.tcp_sack: not set → 0
    by itself: 5 of 5 seeds, none of them used before
All other items together: 0 of 5 seeds.

6 configurations tried; seeds were added to each until one answer was ahead by 5
`, b.String())
}
