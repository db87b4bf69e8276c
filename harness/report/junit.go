package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Suite is a group of test results, as CI systems read them.
type Suite struct {
	Name       string
	Seconds    float64 // that it took; 0 where it was not measured
	Properties [][2]string
	Cases      []TestCase
}

// TestCase is a result: a pass unless one of Failure, Error and Skipped says why not.
type TestCase struct {
	Class, Name             string
	Failure, Error, Skipped string
	// Output is what there is to know besides.
	Output string
}

// The parts of a JUnit file.
type (
	junitSuite struct {
		XMLName    xml.Name        `xml:"testsuite"`
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"` // s
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
		Skipped *junitMessage `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Write writes the suite, which belongs between [JUnitBegin] and [JUnitEnd].
func (s *Suite) Write(w io.Writer) error {
	out := junitSuite{Name: s.Name, Tests: len(s.Cases), Time: fmt.Sprintf("%.3f", s.Seconds)}
	for _, p := range s.Properties {
		out.Properties = append(out.Properties, junitProperty{p[0], p[1]})
	}
	for _, c := range s.Cases {
		one := junitCase{Class: c.Class, Name: c.Name, Output: c.Output}
		switch {
		case c.Skipped != "":
			one.Skipped = &junitMessage{Message: c.Skipped}
			out.Skipped++
		case c.Error != "":
			one.Error = &junitMessage{Message: c.Error}
			out.Errors++
		case c.Failure != "":
			one.Failure = &junitMessage{Message: c.Failure, Text: fmt.Sprintf("%s: %s", c.Name, c.Failure)}
			out.Failures++
		}
		out.Cases = append(out.Cases, one)
	}
	b, err := xml.MarshalIndent(out, " ", " ")
	if err != nil {
		return fmt.Errorf("encode test results: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// JUnit writes test results for a CI system: suites, one after the other, between [JUnitBegin] and [JUnitEnd]. An
// expectation that was not met is a failure, one that could not be evaluated an error. In an invalid run all are
// skipped, with the reasons: it shows nothing either way. A run that expects nothing has one case, that it is valid.
func JUnit(w io.Writer, r *result.Record) error {
	suite := Suite{
		Name: strings.Join(append([]string{r.Scenario.Name}, Identity(r)...), " "), Seconds: r.Time.Wall,
		Properties: [][2]string{
			{"seed", fmt.Sprint(r.Seed)}, {"kernel", r.Provenance.Kernel}, {"backend", r.Backend}, {"digest", r.Digest},
			{"scenario", r.Scenario.Hash},
		},
	}
	list := r.Expect
	if len(list) == 0 {
		list = []result.Expectation{{Expr: "the run is valid", OK: true}}
	}
	for _, e := range list {
		c := TestCase{Class: "ruleout." + r.Scenario.Name, Name: e.Expr}
		switch {
		case !r.Valid:
			c.Skipped = "invalid run: " + r.InvalidBecause.String()
		case e.Error != "":
			c.Error = e.Error
		case !e.OK:
			c.Failure = "was " + Expected(r, e)
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Cases[0].Output = quoted(r)
	return suite.Write(w)
}

// quoted is what programs wrote last that did not end as planned, once for all cases of a run: they have that run in
// common.
func quoted(r *result.Record) string {
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	if err != nil {
		s = nil
	}
	var out strings.Builder
	for _, q := range programs(r, s).Quotes {
		out.WriteString(q.Title + "\n")
		for _, l := range q.Lines {
			out.WriteString("  " + l + "\n")
		}
	}
	return out.String()
}

// What goes before and after the suites of a JUnit file.
const (
	JUnitBegin = xml.Header + "<testsuites>\n"
	JUnitEnd   = "</testsuites>\n"
)
