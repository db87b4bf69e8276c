package campaign

import (
	"strings"

	"github.com/ruleout/ruleout/harness/document"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// origin is the text that a plan is from.
type origin struct {
	name string
	data []byte
	set  []string
}

// Locate finds what a run of an arm says of a value, such as a sysctl that the kernel refuses, where the campaign sets it, or
// in its scenario, so that it is told like any other mistake, with file and line. Errors without a place, see [problem.PlaceOf], stay as
// they are.
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
		return scenario.Locate(err, p.Base, nil)
	}
	c := new(Campaign)
	d, whole := document.Read(Format, p.origin.name, p.origin.data, p.origin.set, c)
	if !whole {
		return err // it was, when the plan was made
	}
	v := &validation{Campaign: c, Document: d}
	at := v.written(a.at, path, value, false)
	if at == "" { // its name is made of words in braces
		at = a.at
	}
	asker := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(a.at, ".base"), ".cause"), ".relieved")
	for _, key := range []string{".base", ".cause", ".relieved"} {
		if own := document.Join(asker+key, path); v.Written(own) {
			at = own
		}
	}
	v.FailKey(at, err.Error(), problem.HintOf(err))
	return v.Err()
}
