package campaign

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Format of the files that this package reads.
var Format = yamldoc.Format{Noun: "campaign", Needs: "a campaign needs at least: version, name, scenario, hypotheses"}

// Load reads the campaign at path and the scenario that it names, and works out the plan. The error is of kind
// [problem.Usage] and holds a [*yamldoc.Errors] with everything that is wrong.
func Load(path string, set []string) (*Plan, error) {
	data, err := yamldoc.Open(Format, path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, set, func(name string) (string, []byte, error) {
		file := name
		if !filepath.IsAbs(name) {
			file = filepath.Join(filepath.Dir(path), name)
		}
		b, err := yamldoc.Open(yamldoc.Format{Noun: "scenario"}, file)
		return file, b, err
	})
}

// Parse is Load with the files' contents given: open returns the name and the text of the scenario.
func Parse(name string, data []byte, set []string,
	open func(name string) (file string, data []byte, err error)) (*Plan, error) {
	c := new(Campaign)
	d, whole := yamldoc.Read(Format, name, data, set, c)
	if !whole {
		return nil, d.Err()
	}
	v := &validation{Campaign: c, Document: d, parsed: map[string]*scenario.Scenario{}}
	if !d.Counts(c) {
		return nil, d.Err()
	}
	d.Bounds(c)
	v.names()
	v.factors()
	v.measures()
	v.hypotheses()
	if err := d.Err(); err != nil {
		return nil, err
	}
	file, text, err := open(c.Scenario)
	if err != nil {
		d.Fail("scenario", err.Error(), "the path is relative to the campaign's file")
		return nil, d.Err()
	}
	if _, err := expect.Parse(file, text, nil); err != nil {
		return nil, err // a mistake in the scenario itself, with its own positions
	}
	v.file, v.text = file, text
	p := v.expand()
	if err := d.Err(); err != nil {
		return nil, err
	}
	p.source = archive.Source{File: name, Text: string(data), Set: set, ScenarioFile: file, ScenarioText: string(text)}
	return p, nil
}

// validation checks a campaign and expands it.
type validation struct {
	*Campaign
	*yamldoc.Document
	file   string // of the scenario
	text   []byte
	parsed map[string]*scenario.Scenario // by settings
}

var (
	campaignName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
	shortName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,31}$`)
)

func (v *validation) names() {
	if v.Version != 1 {
		v.Fail("version", fmt.Sprintf("version %d of the format is unknown", v.Version), "this ruleout reads version 1")
	}
	if !campaignName.MatchString(v.Name) {
		v.Fail("name", fmt.Sprintf("%s is not a campaign's name", unit.Quote(v.Name)),
			"up to 64 letters, digits and dashes, a letter or digit first")
	}
	if v.Seeds.Least > v.Seeds.Most {
		v.Fail("seeds.least", fmt.Sprintf("at least %d seeds, but at most %d", v.Seeds.Least, v.Seeds.Most), "")
	}
	if len(v.Hypotheses) == 0 {
		v.Fail("hypotheses", "no hypotheses", "a campaign needs at least one")
	}
	for _, name := range slices.Sorted(maps.Keys(v.Controls)) {
		path := yamldoc.Join("controls", name)
		if !shortName.MatchString(name) {
			v.FailKey(path, fmt.Sprintf("%s is not a control's name", unit.Quote(name)),
				"a letter, then up to 31 letters, digits and dashes")
		}
		if len(v.Controls[name].Cause) == 0 {
			v.Fail(path+".cause", "a control without a cause", "its cause has the settings that make the known effect")
		}
	}
}

// most contexts and cases: what a person could wait for.
const (
	mostContexts = 100_000
	mostCases    = 1_000_000
)

func (v *validation) factors() {
	seen := map[string]int{}
	for i := range v.Factors {
		f, path := &v.Factors[i], fmt.Sprintf("factors[%d]", i)
		if !shortName.MatchString(f.Name) {
			v.Fail(path+".name", fmt.Sprintf("%s is not a factor's name", unit.Quote(f.Name)),
				"a letter, then up to 31 letters, digits and dashes")
		} else if first, ok := seen[f.Name]; ok {
			v.Fail(path+".name", fmt.Sprintf("a second factor called %q", f.Name),
				fmt.Sprintf("factors[%d] has that name", first))
		} else {
			seen[f.Name] = i
		}
		kinds := 0
		for _, is := range []bool{len(f.Values) > 0, len(f.Settings) > 0, len(f.Kernels) > 0, f.Range != nil} {
			if is {
				kinds++
			}
		}
		byPath := len(f.Values) > 0 || f.Range != nil
		switch {
		case kinds != 1:
			v.Fail(path, "a factor has its values from one key", "one of: values, settings, kernels, range")
		case byPath && f.Set == "":
			v.Fail(path, "values without a path",
				"add the key set: the path of the scenario that they are for, such as links[0].delay")
		case !byPath && f.Set != "":
			v.Fail(path+".set", "set belongs to values and range", "")
		case f.Range != nil:
			if err := f.Range.check(); err != nil {
				v.Fail(path+".range", err.Error(), "")
			}
		}
		v.distinct(path+".values", f.Values)
		v.distinct(path+".kernels", f.Kernels)
	}
	for i, one := range v.Except {
		path := fmt.Sprintf("except[%d]", i)
		if len(one) == 0 {
			v.Fail(path, "an exception without factors", "write FACTOR: VALUE for each factor that it is about")
		}
		for _, name := range slices.Sorted(maps.Keys(one)) {
			at, ok := seen[name]
			if !ok {
				v.FailKey(yamldoc.Join(path, name), fmt.Sprintf("no factor %s", unit.Quote(name)),
					yamldoc.NearHint(name, slices.Sorted(maps.Keys(seen))))
				continue
			}
			if labels := v.Factors[at].Labels(); v.Factors[at].Range != nil {
				v.FailKey(yamldoc.Join(path, name), fmt.Sprintf("%s is a range: its values are drawn", name),
					"an exception can be about values only")
			} else if !slices.Contains(labels, one[name]) {
				v.Fail(yamldoc.Join(path, name), fmt.Sprintf("%s has no value %s", name, unit.Quote(one[name])),
					yamldoc.NearHint(one[name], labels))
			}
		}
	}
}

// distinct finds a value that is there twice.
func (v *validation) distinct(path string, list []string) {
	for i, x := range list {
		if j := slices.Index(list, x); j < i {
			v.Fail(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%s is there twice", unit.Quote(x)), "")
		}
	}
}

// Labels of a factor's values; none for a range.
func (f *Factor) Labels() []string {
	switch {
	case len(f.Values) > 0:
		return f.Values
	case len(f.Kernels) > 0:
		return f.Kernels
	}
	return slices.Sorted(maps.Keys(f.Settings))
}

func (v *validation) hypotheses() {
	seen := map[string]int{}
	for i := range v.Hypotheses {
		h, path := &v.Hypotheses[i], fmt.Sprintf("hypotheses[%d]", i)
		if first, ok := seen[h.Name]; ok {
			v.Fail(path+".name", fmt.Sprintf("a second hypothesis called %q", h.Name),
				fmt.Sprintf("hypotheses[%d] has that name", first))
		}
		seen[h.Name] = i
		for _, word := range slices.Sorted(maps.Keys(h.Each)) {
			if len(h.Each[word]) == 0 {
				v.Fail(yamldoc.Join(path+".each", word), "a word without values", "")
			}
			v.distinct(yamldoc.Join(path+".each", word), h.Each[word])
		}
		v.used(path, h)
		v.kind(path, h)
		v.metric(path, h)
		v.controlled(path, h.Control)
	}
}

// used checks that words in braces are known, and that those of each are used in the name, which would not be unique
// otherwise.
func (v *validation) used(path string, h *Hypothesis) {
	for key, text := range map[string]string{"name": h.Name, "about": h.About, "metric": h.Metric, "margin": h.Margin,
		"dose": h.Dose, "family": h.Family} {
		if msg, hint := unknown(text, h.Each); msg != "" {
			v.Fail(path+"."+key, msg, hint)
		}
	}
	for key, m := range map[string]map[string]string{"base": h.Base, "cause": h.Cause, "relieved": h.Relieved} {
		for name, value := range m {
			if msg, hint := unknown(value, h.Each); msg != "" {
				v.Fail(yamldoc.Join(path+"."+key, name), msg, hint)
			}
			if msg, hint := unknown(name, h.Each); msg != "" {
				v.FailKey(yamldoc.Join(path+"."+key, name), msg, hint)
			}
		}
	}
	for _, w := range slices.Sorted(maps.Keys(h.Each)) {
		if len(h.Each[w]) > 1 && h.Name == (words{w: ""}).in(h.Name) {
			v.Fail(path+".name", fmt.Sprintf("the name does not say which %s is meant", w), fmt.Sprintf("write {%s} in it", w))
		}
	}
}

// kind checks that a hypothesis has what its kind needs, and nothing else.
func (v *validation) kind(path string, h *Hypothesis) {
	mechanism, explains := h.Kind == "mechanism", h.Kind == "explains"
	switch {
	case len(h.Cause) == 0:
		v.Fail(path+".cause", "a hypothesis without a cause",
			"the cause has the settings of the treated arm, such as faults.loss.select.chance: 2%")
	case mechanism && h.In == "":
		v.Fail(path, "a mechanism needs the key in", "in: every, or in: none")
	case !mechanism && h.In != "":
		v.Fail(path+".in", "in belongs to kind: mechanism", "")
	case explains && len(h.Relieved) == 0:
		v.Fail(path, "what explains needs the key relieved", "the settings under which the effect should be gone")
	case !explains && len(h.Relieved) > 0:
		v.Fail(path+".relieved", "relieved belongs to kind: explains", "")
	case !mechanism && h.Margin == "" && h.Metric != "":
		v.Fail(path, "missing key \"margin\"", "the smallest change that matters: 5% of the base, or an amount such as 20ms")
	}
}

// scenarioWith parses the scenario with settings. A mistake is reported at path, in the campaign.
func (v *validation) scenarioWith(s settings, path string) *scenario.Scenario {
	key := fmt.Sprintf("%q", []string(s))
	if got, ok := v.parsed[key]; ok {
		return got
	}
	got, err := expect.Parse(v.file, v.text, s)
	if err != nil {
		v.failSetting(path, err)
	}
	v.parsed[key] = got
	return got
}

// failSetting reports a mistake that a setting makes in the scenario: at the setting, which is among those at path or
// comes from elsewhere in the campaign.
func (v *validation) failSetting(path string, err error) {
	var list *yamldoc.Errors
	if !errors.As(err, &list) {
		v.Fail(path, err.Error(), "")
		return
	}
	first := list.List[0]
	name, value, _ := strings.Cut(strings.TrimPrefix(first.File, "--set "), "=")
	ofName := strings.HasPrefix(first.Msg, "unknown ") || strings.HasPrefix(first.Msg, "no ")
	switch at := v.settingAt(path, name, value, ofName); {
	case first.Line != 0:
		v.Fail(path, first.Msg, first.Hint)
	case at == "":
		v.Fail(path, first.File+": "+first.Msg, first.Hint)
	case ofName && strings.HasSuffix(at, "."+name):
		v.FailKey(at, first.Msg, first.Hint)
	default:
		v.Fail(at, first.Msg, first.Hint)
	}
}

// settingAt finds where the campaign has the setting that is wrong: among those at path, in a factor, or among those of
// all arms. It is empty if it is nowhere, or if it is wrong only together with what is at path. ofName says that the
// path that is set is wrong, and not its value.
func (v *validation) settingAt(path, name, value string, ofName bool) string {
	if at := yamldoc.Join(path, name); v.Written(at) {
		return at
	}
	if _, err := expect.Parse(v.file, v.text, settings(nil).with(v.Set).with(map[string]string{name: value})); err == nil {
		return ""
	}
	return v.shared(name, value, ofName)
}

// shared finds where the campaign sets name to value for more than one hypothesis: in a factor, or among the settings
// of all arms. It is empty if it is nowhere.
func (v *validation) shared(name, value string, ofName bool) string {
	for i := range v.Factors {
		f, factor := &v.Factors[i], fmt.Sprintf("factors[%d]", i)
		if f.Set == name {
			if n := slices.Index(f.Values, value); n >= 0 && !ofName {
				return fmt.Sprintf("%s.values[%d]", factor, n)
			} else if f.Range != nil && !ofName {
				return factor + ".range"
			}
			return factor + ".set"
		}
		for label, set := range f.Settings {
			if got, ok := set[name]; ok && got == value {
				return yamldoc.Join(yamldoc.Join(factor+".settings", label), name)
			}
		}
	}
	if at := yamldoc.Join("set", name); v.Written(at) {
		return at
	}
	return ""
}
