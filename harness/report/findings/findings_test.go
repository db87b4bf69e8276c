package findings_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// found is what comes of a campaign, or of the first runs of it.
func found(t *testing.T, text string, runs int) *findings.Findings {
	t.Helper()
	p := casestest.Plan(t, text)
	an, err := cases.New(p)
	require.NoError(t, err)
	casestest.Finish(t, p, an, runs)
	return findings.Of(p, an, runs == math.MaxInt)
}

func TestText(t *testing.T) {
	f := found(t, casestest.Campaign, math.MaxInt)
	for name, width := range map[string]int{"text-120.golden": 120, "text-80.golden": 80} {
		var b bytes.Buffer
		require.NoError(t, f.Text(&b, width, false))
		golden.Equal(t, filepath.Join("testdata", name), b.Bytes())
		for _, line := range strings.Split(b.String(), "\n") {
			require.LessOrEqual(t, utf8.RuneCountInString(line), width, line)
		}
	}
	var b bytes.Buffer
	require.NoError(t, f.Text(&b, 120, true))
	golden.Equal(t, filepath.Join("testdata", "text-all.golden"), b.Bytes())
}

// A sweep that ended early says so, and rules nothing out on the strength of a few seeds.
func TestEarly(t *testing.T) {
	f := found(t, casestest.Campaign, 100)
	require.NotZero(t, f.Undecided)
	var b bytes.Buffer
	require.NoError(t, f.Text(&b, 120, false))
	golden.Equal(t, filepath.Join("testdata", "text-early.golden"), b.Bytes())
	b.Reset()
	require.NoError(t, f.Markdown(&b, findings.MarkdownLimit))
	require.Contains(t, b.String(), "cases are undecided**")
}

func TestMarkdown(t *testing.T) {
	f := found(t, casestest.Campaign, math.MaxInt)
	var b bytes.Buffer
	require.NoError(t, f.Markdown(&b, findings.MarkdownLimit))
	golden.Equal(t, filepath.Join("testdata", "markdown.golden"), b.Bytes())
	require.NotContains(t, b.String(), "<b>")
}

// Whatever there is to tell, a summary stays below its limit and says what it leaves out.
func TestMarkdownLimit(t *testing.T) {
	f := found(t, casestest.Many(100), 3000)
	for _, limit := range []int{2000, 5000, 20_000, findings.MarkdownLimit} {
		var b bytes.Buffer
		require.NoError(t, f.Markdown(&b, limit))
		require.LessOrEqual(t, b.Len(), limit)
		require.Equal(t, limit < findings.MarkdownLimit, strings.Contains(b.String(), "did not fit here"), limit)
	}
}

func TestJUnit(t *testing.T) {
	f := found(t, casestest.Campaign, math.MaxInt)
	var b bytes.Buffer
	require.NoError(t, f.JUnit(&b))
	golden.Equal(t, filepath.Join("testdata", "junit.golden"), b.Bytes())
	var suites struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Skipped  int    `xml:"skipped,attr"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suites))
	tests, failures := 0, 0
	for _, s := range suites.Suites {
		tests, failures = tests+s.Tests, failures+s.Failures
	}
	require.Equal(t, f.Cases, tests)
	require.Equal(t, f.Unexpected, failures)
	require.NotZero(t, failures)
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

// What the campaign calls urgent is told first, however large another effect is.
func TestWithTellsTheUrgentFirst(t *testing.T) {
	of := func(name string, priority int, effect float64) cases.Verdict {
		v := cases.Verdict{Entry: name, Case: &campaign.Case{Treated: 1, Priority: priority}}
		v.Outcome, v.Seeds = verdict.Confirmed, 20
		v.Hypothesis.Margin, v.Hypothesis.Scale = 0.2, verdict.Ratio
		v.Estimate.Value = effect
		return v
	}
	f := &findings.Findings{Verdicts: []cases.Verdict{of("large", 0, 3), of("small", 0, 0.5), of("urgent", 1, 0.3),
		of("most urgent", 2, 0.4)}}
	var names []string
	for _, v := range f.With(verdict.Confirmed) {
		names = append(names, v.Entry)
	}
	require.Equal(t, []string{"most urgent", "urgent", "large", "small"}, names)
}
