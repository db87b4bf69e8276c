package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/result"
)

// The parts of a JUnit file, as CI systems read it. A run is a suite, an expectation a case.
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
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes test results for a CI system: suites, one after the other, between [JUnitBegin] and [JUnitEnd]. An expectation that
// was not met is a failure, one that could not be evaluated an error. In an invalid run all are skipped, with the
// reasons: it shows nothing either way. A run that expects nothing has one case, that it is valid.
func JUnit(w io.Writer, r *result.Record) error {
	suite := junitSuite{
		Name: strings.Join(append([]string{r.Scenario.Name}, Identity(r)...), " "),
		Time: fmt.Sprintf("%.3f", r.Time.Wall),
		Properties: []junitProperty{
			{"seed", fmt.Sprint(r.Seed)}, {"kernel", r.Provenance.Kernel}, {"backend", r.Backend}, {"digest", r.Digest}, {"scenario", r.Scenario.Hash},
		},
	}
	list := r.Expect
	if len(list) == 0 {
		list = []result.Expectation{{Expr: "the run is valid", OK: true}}
	}
	for _, e := range list {
		c := junitCase{Class: "ruleout." + r.Scenario.Name, Name: e.Expr}
		switch {
		case !r.Valid:
			c.Skipped = &junitMessage{Message: "invalid run: " + strings.Join(r.InvalidBecause, "; ")}
			suite.Skipped++
		case e.Error != "":
			c.Error = &junitMessage{Message: e.Error}
			suite.Errors++
		case !e.OK:
			was := Expected(r, e)
			c.Failure = &junitMessage{Message: "was " + was, Text: fmt.Sprintf("expected %s, was %s", e.Expr, was)}
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Tests = len(suite.Cases)
	b, err := xml.MarshalIndent(suite, " ", " ")
	if err != nil {
		return fmt.Errorf("encode test results: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// What goes before and behind the suites of a JUnit file.
const (
	JUnitBegin = xml.Header + "<testsuites>\n"
	JUnitEnd   = "</testsuites>\n"
)
