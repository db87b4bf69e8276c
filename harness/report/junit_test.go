package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
)

// suites is what a CI system reads of a JUnit file.
type suites struct {
	Suites []struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Cases    []struct {
			Class   string   `xml:"classname,attr"`
			Name    string   `xml:"name,attr"`
			Failure *message `xml:"failure"`
			Error   *message `xml:"error"`
			Skipped *message `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type message struct {
	Message string `xml:"message,attr"`
}

func junit(t *testing.T, records ...*result.Record) suites {
	t.Helper()
	b := bytes.NewBufferString(report.JUnitBegin)
	for _, r := range records {
		require.NoError(t, report.JUnit(b, r))
	}
	b.WriteString(report.JUnitEnd)
	var s suites
	require.NoError(t, xml.Unmarshal(b.Bytes(), &s), b.String())
	return s
}

func TestJUnit(t *testing.T) {
	s := junit(t, made(t)).Suites[0]
	require.Equal(t, "made-up seed 7 kernel 6.1.0-99-cloud-amd64 QEMU 7.2.99", s.Name)
	require.Equal(t, [4]int{4, 1, 1, 0}, [4]int{s.Tests, s.Failures, s.Errors, s.Skipped})
	require.Equal(t, "ruleout.made-up", s.Cases[0].Class)
	require.Equal(t, "http.errors == 0", s.Cases[0].Name)
	require.Equal(t, "was 3", s.Cases[0].Failure.Message)
	require.Nil(t, s.Cases[1].Failure)
	require.Equal(t, "this kernel has no counter TcpExt.Nonsense", s.Cases[3].Error.Message)
}

func TestJUnitOfAnInvalidRunSkips(t *testing.T) {
	r := made(t)
	r.Valid, r.InvalidBecause = false, result.Reasons{{Place: "fault outage", Text: "chose no packet"}, {Text: "<&>\x01"}}
	s := junit(t, r).Suites[0]
	require.Equal(t, [4]int{4, 0, 0, 4}, [4]int{s.Tests, s.Failures, s.Errors, s.Skipped})
	for _, c := range s.Cases {
		require.Equal(t, "invalid run: fault outage: chose no packet; <&>\uFFFD", c.Skipped.Message)
	}
}

func TestJUnitOfARunThatExpectsNothing(t *testing.T) {
	r := made(t)
	r.Expect = nil
	s := junit(t, r, r)
	require.Len(t, s.Suites, 2)
	require.Equal(t, 1, s.Suites[1].Tests)
	require.Equal(t, "the run is valid", s.Suites[1].Cases[0].Name)
}

func TestStory(t *testing.T) {
	r := made(t)
	timeline(r)
	b, err := json.Marshal(report.NewStory(r, "x.json"))
	require.NoError(t, err)
	var back map[string]any
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, "not as expected", back["outcome"])
	require.Equal(t, "copy 3× 10 % of pure ACKs from client", back["faults"].([]any)[0].(map[string]any)["does"])
	require.Equal(t, "from 10 s to 20 s", back["faults"].([]any)[0].(map[string]any)["when"])
	require.Equal(t, "web, CPU in all: 2.0 % before, 97.0 % while dup-acks acted, 2.0 % after",
		back["headlines"].([]any)[0])

	r.Scenario.Canonical = []byte(`{}`)
	require.Empty(t, report.NewStory(r, "").Changes, "a scenario that cannot be read")
}

func TestLists(t *testing.T) {
	r := made(t)
	r.Scenario.Set = map[string]string{"timeline": "off"}
	invalid := made(t)
	invalid.Valid, invalid.Load = false, result.Load{}
	entries := []report.Entry{report.NewEntry(r), report.NewEntry(invalid)}
	var b bytes.Buffer
	require.NoError(t, report.TextList(&b, entries, report.Options{}))
	require.Regexp(t, `made-up \(timeline=off\) +7 +6\.1\.0-99-cloud-amd64 +1,200 +3 +60\.1 ms +131 ms +not as expected: 2 of 4 expectations failed`, b.String())
	require.Regexp(t, `made-up +7 +6\.1\.0-99-cloud-amd64 +– +– .* invalid run: it shows nothing either way`, b.String())
	b.Reset()
	require.NoError(t, report.MarkdownList(&b, entries))
	require.Contains(t, b.String(), "| made-up (timeline=off) | 7 |")
}
