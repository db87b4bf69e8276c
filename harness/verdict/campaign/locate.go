package campaign

import (
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Locate finds what a run of an arm says of a value, such as a sysctl that the kernel refuses, where the campaign sets
// it, or in its scenario, so that it is reported like any other mistake, with file and line. Errors without a place,
// see [problem.PlaceOf], stay as they are.
func (p *Plan) Locate(err error, a *Arm) error {
	place := problem.PlaceOf(err)
	if place == "" {
		return err
	}
	path := place
	value, ok := a.Set[path]
	for !ok && strings.Contains(path, ".") { // it may be within what is set
		path = path[:strings.LastIndexByte(path, '.')]
		value, ok = a.Set[path]
	}
	if !ok {
		f := scenario.File{Path: p.Base, Text: []byte(p.source.ScenarioText)}
		return f.Locate(err, nil)
	}
	c := new(Campaign)
	d, whole := yamldoc.Read(Format, p.source.File, []byte(p.source.Text), p.source.Set, c)
	if !whole {
		return err // it was, when the plan was made
	}
	v := &validation{Campaign: c, Document: d}
	v.FailKey(v.settingOf(a, path, value), err.Error(), problem.HintOf(err))
	return v.Err()
}

// settingOf finds where an arm gets a setting from.
func (v *validation) settingOf(a *Arm, name, value string) string {
	hypothesis := a.at
	for _, key := range []string{".base", ".cause", ".relieved"} {
		hypothesis = strings.TrimSuffix(hypothesis, key)
	}
	for _, path := range []string{a.at, hypothesis + ".base", hypothesis + ".cause", hypothesis + ".relieved"} {
		if at := yamldoc.Join(path, name); v.Written(at) {
			return at
		}
	}
	if at := v.shared(name, value, false); at != "" {
		return at
	}
	return a.at // the name is made of words in braces
}
