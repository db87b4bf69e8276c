package report_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario"
)

const withPrograms = `
version: 1
name: made-up
duration: 3s
images: {site: {packages: [nginx]}}
nodes:
  client: {image: site}
  web:
    image: site
    service:
      exec:
        - {name: nginx, command: [nginx], port: 80}
        - {name: once, command: [once], may-exit: true}
        - {name: gone, command: [gone]}
        - {name: brief, command: [brief], at: 1s, for: 1s}
        - {name: early, command: [early], at: 1s, for: 1s}
        - {name: again, command: [again], restart: true}
links:
  - {between: [client, web]}
load:
  - {from: client, exec: {name: probe, command: [probe], expect-exit: 3}}
  - {from: client, exec: {name: other, command: [other], at: 1s, expect-exit: 0}}
`

func at(v float64) *float64 { return &v }

// programs returns a record of programs that ended in every way.
func programs(t *testing.T) (*result.Record, *scenario.Scenario) {
	t.Helper()
	s, err := scenario.Parse("made-up.yaml", []byte(withPrograms), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	r := &result.Record{Valid: true, Scenario: result.Scenario{Name: s.Name, Canonical: canonical}}
	long := make([]result.Line, 20)
	for i := range long {
		long[i] = result.Line{At: 1.5, Text: strings.Repeat("x", i)}
	}
	long[19] = result.Line{At: 1.625, Error: true, Text: "```\n<b>&\x1b[31m"}
	r.Programs = []result.Program{
		{Node: "client", Name: "probe", Started: at(0), Ended: at(1.5), Exit: 3, Output: long},
		{Node: "client", Name: "other", Started: at(1), Ended: at(1.7), Exit: 1, Output: long},
		{Node: "web", Name: "nginx", Started: at(-1.5), Ready: at(-1.25)},
		{Node: "web", Name: "once", Started: at(-1), Ended: at(-0.5)},
		{Node: "web", Name: "gone", Started: at(-1), Ended: at(0.5)},
		{Node: "web", Name: "brief", Started: at(1), Ended: at(2.001), Exit: 143, Signal: "SIGTERM", Stopped: true},
		{Node: "web", Name: "early", Started: at(1), Ended: at(1.002), Exit: 127, Stopped: true},
		{Node: "web", Name: "again", Started: at(2), Restarts: 2},
		{Node: "web", Name: "absent", Failed: "the image has no program absent in /usr/bin"},
		{Node: "web", Name: "unborn"},
	}
	return r, s
}

func TestProgramsAreTold(t *testing.T) {
	r, _ := programs(t)
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{}))
	for _, row := range []string{
		"\nPrograms\n  node    program  how ", "ended with status 3", "was told to end, ended by SIGTERM",
		"ran to the end; started again 2 times",
		"could not be started ", "was not started", "-1.500 s  -1.250 s",
		"  client other ended with status 1; the last 8 of its 20 lines:\n    +1.500 s  out  xxxxxxxxxxxx\n",
		"    +1.625 s  err  ```\n",
		"  web gone ended with status 0; it wrote nothing\n",
		"  web absent could not be started: the image has no program absent in /usr/bin; it wrote nothing\n",
	} {
		require.Contains(t, b.String(), row)
	}
	require.NotContains(t, b.String(), "probe ended with", "it ended as planned, and so its output is not quoted")
}

func TestAnUnknownInstructionIsExplained(t *testing.T) {
	r, _ := programs(t)
	r.Programs[4].Signal, r.Programs[4].Exit = "SIGILL", 132
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{}))
	require.Contains(t, b.String(), "\n  web gone: SIGILL is an instruction that the emulated CPU does not have;")
}

func TestUnplannedEnds(t *testing.T) {
	r, s := programs(t)
	var names []string
	for i := range r.Programs {
		if report.Unplanned(&r.Programs[i], s) {
			names = append(names, r.Programs[i].Name)
		}
	}
	require.Equal(t, []string{"other", "gone", "early", "again", "absent"}, names)
	require.True(t, report.Unplanned(&r.Programs[0], nil), "without the scenario, status 3 tells of trouble")
	require.False(t, report.Unplanned(&r.Programs[4], nil))
	r.Programs[1].Ended = nil
	require.True(t, report.Unplanned(&r.Programs[1], s), "it should have ended")
}

func TestOutputCannotLeaveItsFence(t *testing.T) {
	r, _ := programs(t)
	r.Programs[8].Failed = "no `a` and no ``b``"
	var b bytes.Buffer
	require.NoError(t, report.Markdown(&b, r, report.Options{}))
	require.Contains(t, b.String(), "\n````text\n+1.500 s  out  xxxxxxxxxxxx\n")
	require.Contains(t, b.String(), "<b>&\x1b[31m\n````\n")
	require.Contains(t, b.String(), "\n``` web absent could not be started: no `a` and no ``b``; it wrote nothing ```\n")
}

func TestJUnitHasTheLastLines(t *testing.T) {
	r, _ := programs(t)
	b := bytes.NewBufferString(report.JUnitBegin)
	require.NoError(t, report.JUnit(b, r))
	b.WriteString(report.JUnitEnd)
	var out struct {
		Cases []struct {
			Output string `xml:"system-out"`
		} `xml:"testsuite>testcase"`
	}
	require.NoError(t, xml.Unmarshal(b.Bytes(), &out), b.String())
	require.Contains(t, out.Cases[0].Output, "client other ended with status 1; the last 8 of its 20 lines:\n  +1.500 s")
	require.Contains(t, out.Cases[0].Output, "<b>&\ufffd[31m")
}

func TestStoryTellsOfPrograms(t *testing.T) {
	r, _ := programs(t)
	story := report.NewStory(r, "")
	require.Len(t, story.Programs, len(r.Programs))
	require.Equal(t, "ended with status 1", story.Programs[1].How)
	require.True(t, story.Programs[1].Unplanned)
	require.False(t, story.Programs[2].Unplanned)
}
