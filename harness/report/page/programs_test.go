package page_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

func seconds(v float64) *float64 { return &v }

// withPrograms gives the record programs of images, one of which wrote so many lines.
func withPrograms(t *testing.T, r *result.Record, text string, count int) {
	t.Helper()
	var exec strings.Builder
	for _, name := range []string{"nginx", "shop", "tick", "tock"} {
		word := strings.ReplaceAll(text, "\x00", "") // which no command can have
		fmt.Fprintf(&exec, "{name: %s, command: [%q]}, ", name, word)
	}
	yaml := strings.NewReplacer(
		"\nnodes:", "\nimages: {site: {packages: [nginx]}}\nnodes:", "client: {}", "client: {image: site}",
		"db: {service: {sql: {}}}", "db: {image: site, service: {sql: {}, exec: ["+exec.String()+"]}}",
		"\nfaults:", "\n  - {from: client, exec: {name: probe, command: [probe]}}\nfaults:").Replace(story)
	s, err := scenario.Parse("made-up.yaml", []byte(yaml), nil)
	require.NoError(t, err)
	r.Scenario.Canonical, err = s.Canonical()
	require.NoError(t, err)
	r.Programs = []result.Program{
		{Node: "db", Name: "nginx", Started: seconds(-4), Ready: seconds(-3.5)},
		{Node: "db", Name: "shop", Started: seconds(3), Ended: seconds(6), Exit: 139, Signal: "SIGSEGV", Dropped: 5000},
		{Node: "db", Name: "tick", Failed: text},
		{Node: "client", Name: "probe", Started: seconds(0), Ended: seconds(1), Output: []result.Line{{At: 0.5, Text: text}}},
	}
	for i := range count {
		r.Programs[1].Output = append(r.Programs[1].Output, result.Line{At: 4, Error: i%2 == 1, Text: text})
	}
}

func TestProgramsOnThePage(t *testing.T) {
	r := made(t, 300)
	withPrograms(t, r, "a <b> word", 20)
	text := write(t, r)
	wellFormed(t, "programs", text)
	got := outline(t, text)
	for _, want := range []string{
		"Programs", "ended by SIGSEGV", "could not be started", "-3.500 s", "ended otherwise than planned",
		"host, SQL, nginx, shop, tick, 1 more (site)", "client runs probe (probe)", "client probe",
	} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "client →\n")
	require.Contains(t, text, `<details><summary><b class="bad">✗ db shop</b> `+
		`<span class="note">20 lines, and 5.00 kB in the middle that were not kept</span></summary>`)
	require.Contains(t, text, `<span class="err"><time>&#43;4.000 s</time> <b>err</b> a &lt;b&gt; word</span>`)
	require.Contains(t, text, `<details open><summary><b>client probe</b> <span class="note">1 line</span></summary>`,
		"what is short is not folded")
	require.Contains(t, text, `<span class="note">a &lt;b&gt; word; 0 lines</span>`)
	require.Equal(t, 4, strings.Count(text, `class="turn"`), "two starts and two ends")
}

func TestHostileOutputIsText(t *testing.T) {
	const evil = `</pre></details></style><script>alert(1)</script><img src=x onerror="alert(2)">"'` +
		"`{{.}}\x00\x1b[2J\u202e"
	r := made(t, 300)
	withPrograms(t, r, evil, 30)
	r.Programs[0].Node, r.Programs[1].Name, r.Programs[1].Signal = evil, evil, evil
	r.Provenance.Images = map[string]string{evil: evil}
	text := write(t, r)
	harmless(t, text)
	require.Contains(t, text, "&lt;/pre&gt;")
	r.Scenario.Canonical = []byte(`"none"`)
	harmless(t, write(t, r))
}

// TestALotOfOutput is the bound on size: records keep 64 kB of a program, which may be lines of one byte.
func TestALotOfOutput(t *testing.T) {
	r := made(t, 0)
	withPrograms(t, r, "x", 32_000)
	text := write(t, r)
	require.Less(t, len(text), 200_000)
	require.Contains(t, text, "… 31,200 lines more in the record …")
	require.Equal(t, 801, strings.Count(text, "<time>"))
}

// What only prepared something is in the table, and not in the pictures.
func TestProgramsBeforeTheRun(t *testing.T) {
	r := made(t, 0)
	withPrograms(t, r, "x", 0)
	r.Programs = append(r.Programs, result.Program{Node: "db", Name: "tables", Started: seconds(-4), Ended: seconds(-3)})
	text := write(t, r)
	require.Contains(t, text, "<td>tables</td>")
	require.NotContains(t, text, "db tables")
	r.Programs[len(r.Programs)-1].Ended = seconds(-1)
	require.Contains(t, write(t, r), "db tables", "it ended in sight")
}

func TestManyPrograms(t *testing.T) {
	r := made(t, 0)
	withPrograms(t, r, "x", 0)
	for range 20 {
		r.Programs = append(r.Programs, r.Programs[0])
	}
	require.Contains(t, write(t, r), "7 other programs have no row.")
}
