package campaign

import (
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Campaign is a file: hypotheses about a scenario.
type Campaign struct {
	// Version of the file format, which is 1.
	Version int `yaml:"version"`
	// Name of the campaign: up to 64 letters, digits and dashes, a letter or digit first.
	Name string `yaml:"name"`
	// About says in a sentence or two what is to be found out.
	About string `yaml:"about,omitempty"`
	// Scenario is the file of the scenario, relative to the campaign's own.
	Scenario string `yaml:"scenario"`
	// Set has settings of the scenario for all arms, PATH: VALUE as after --set. A value that is not a single word
	// is written in quotes, as in faults.dup-acks.do: "{duplicate: 3}".
	Set map[string]string `yaml:"set,omitempty" most:"1000"`
	// Kernel on which runs happen where no factor says otherwise: a name in the store. Without it, the default one.
	Kernel string `yaml:"kernel,omitempty"`
	// Seeds of each arm.
	Seeds Seeds `yaml:"seeds,omitempty"`
	// Budget is the wall time after which no further run begins. Without it, a sweep ends when all is decided or
	// seeds run out.
	Budget unit.Duration `yaml:"budget,omitempty" min:"1s"`
	// FalseDiscovery is the share of false verdicts among the confirmed, and among the ruled out, that is tolerated.
	FalseDiscovery *unit.Share `yaml:"false-discovery,omitempty" default:"5%" min:"0.1%" max:"20%"`
	// Innocent is the share of hypotheses that will be ruled out, by your guess. It decides how many seeds they
	// get: 80 at 50%, 99 for one in five of a campaign of five. Too high a guess leaves some inconclusive; too low
	// a guess costs runs.
	Innocent *unit.Share `yaml:"innocent,omitempty" default:"50%" above:"0%" max:"100%"`
	// Rare is the share of seeds that may go beyond twice the margin unnoticed in what is ruled out, and that may
	// be exceptions to every and none. To rule out takes 80 seeds at 5%, 39 at 10% and 203 at 2%, at the bar of
	// innocent: 50%, even where all pairs are equal to the bit.
	Rare *unit.Share `yaml:"rare,omitempty" default:"5%" min:"0.1%" max:"50%"`
	// Against is the share of seeds that may go the other way in what is confirmed. 0% asks for no proof of it:
	// few seeds that fall far may then hide behind many that rise a little. 5% takes 65 seeds at the least, at the
	// lowest bar.
	Against *unit.Share `yaml:"against,omitempty" default:"0%" min:"0%" max:"50%"`
	// Factors make the contexts in which each hypothesis is tested. Without any there is one context.
	Factors []Factor `yaml:"factors,omitempty" most:"100"`
	// Cover says which contexts there are: all combinations, or as few as have all pairs or triples of values.
	Cover Cover `yaml:"cover,omitempty" default:"all" enum:"all,pairs,triples"`
	// Except lists combinations, FACTOR: VALUE, that make no sense together. A value is matched by its label.
	Except []map[string]string `yaml:"except,omitempty" most:"1000"`
	// Controls are known effects that each context must be able to see.
	Controls map[string]*Control `yaml:"controls,omitempty" most:"100"`
	// Measures are metrics with their margins, by name. A hypothesis without a metric of its own is tested by each
	// of them.
	Measures map[string]*Measure `yaml:"measures,omitempty" most:"100"`
	// Placebos is how many hypotheses without a cause are planted in each hundred: two halves of the seeds of one
	// arm. None should be confirmed; one that is shows that something is wrong. How often other verdicts are false
	// they do not show: they are few, nothing in them is near its margin, and none can be ruled out.
	Placebos int `yaml:"placebos,omitempty" default:"5" min:"0" max:"100"`
	// Hypotheses to be tested.
	Hypotheses []Hypothesis `yaml:"hypotheses" most:"10000"`
}

// Seeds of each arm.
type Seeds struct {
	// First seed; the others follow it.
	First int `yaml:"first,omitempty" default:"1" min:"1" max:"1000000000"`
	// Least that each case gets before it may stop.
	Least int `yaml:"least,omitempty" default:"8" min:"2" max:"100000"`
	// Most that a case may get. To rule something out takes 65 at the least, and 80 as a rule, even where all
	// pairs are equal to the bit; the key rare changes that, and ruleout plan says how many it is.
	Most int `yaml:"most,omitempty" default:"100" min:"2" max:"100000"`
}

// Cover says which combinations of factors there are.
type Cover string

// Covers.
const (
	All     Cover = "all"
	Pairs   Cover = "pairs"
	Triples Cover = "triples"
)

// Factor is something that varies between contexts. Exactly one of values, kernels and range is set.
type Factor struct {
	// Name of the factor.
	Name string `yaml:"name"`
	// Set is the path of the scenario that the values are for, such as links.client-edge.delay. Without it, values
	// are labels of settings.
	Set string `yaml:"set,omitempty"`
	// Values of the path.
	Values []string `yaml:"values,omitempty" most:"100"`
	// Settings are labels, each with several settings of its own, PATH: VALUE.
	Settings map[string]map[string]string `yaml:"settings,omitempty" most:"100"`
	// Kernels are names in the store.
	Kernels []string `yaml:"kernels,omitempty" most:"100"`
	// Range is a continuous factor: samples of it are drawn by Latin hypercube.
	Range *Range `yaml:"range,omitempty"`
}

// Range of a continuous factor. Both ends are quantities of the same kind.
type Range struct {
	// From is the low end.
	From string `yaml:"from"`
	// To is the high end.
	To string `yaml:"to"`
	// Samples drawn from it.
	Samples int `yaml:"samples,omitempty" default:"5" min:"2" max:"1000"`
	// Scale on which samples are even: linear, or log for what spans powers of ten.
	Scale string `yaml:"scale,omitempty" default:"linear" enum:"linear,log"`
}

// Control is a known effect that a context must be able to see, of about twice the margin of the hypotheses that
// rely on it. One of more than 4 margins is warned of, and nothing is ruled out by one of more than 10.
type Control struct {
	// Cause has the settings that make the effect, PATH: VALUE.
	Cause map[string]string `yaml:"cause" most:"100"`
	// Base has settings for both of its arms.
	Base map[string]string `yaml:"base,omitempty" most:"100"`
}

// Measure is a metric by which many hypotheses are tested, with what belongs to it. It means what the same keys of
// a hypothesis do.
type Measure struct {
	// Metric that is compared.
	Metric string `yaml:"metric"`
	// Direction in which the metric is suspected to go.
	Direction verdict.Direction `yaml:"direction,omitempty" default:"up" enum:"up,down,either"`
	// Margin is the smallest change that matters.
	Margin string `yaml:"margin"`
	// Absolute takes a margin in per cent for points of a share, not for a share of the base.
	Absolute bool `yaml:"absolute,omitempty"`
	// Control is the name of the control that must be seen before anything is ruled out by this metric.
	Control string `yaml:"control,omitempty"`
}

// Hypothesis is a suspicion, or many of one shape.
type Hypothesis struct {
	// Name of the hypothesis. Words in braces are replaced by each.
	Name string `yaml:"name"`
	// About says it as a sentence.
	About string `yaml:"about,omitempty"`
	// Each expands into one hypothesis for each combination of its words, WORD: [VALUES].
	Each map[string][]string `yaml:"each,omitempty" most:"10"`
	// Kind is effect (the cause changes the metric by the margin at least), mechanism (a counter moves in every
	// seed, or in none) or explains (the effect is gone when something is relieved).
	Kind verdict.Kind `yaml:"kind,omitempty" default:"effect" enum:"effect,mechanism,explains"`
	// Family groups hypotheses in reports. Without it, the name before expansion, with … for its words.
	Family string `yaml:"family,omitempty"`
	// Base has settings for both arms.
	Base map[string]string `yaml:"base,omitempty" most:"100"`
	// Cause has the settings that only the treated arm has.
	Cause map[string]string `yaml:"cause" most:"100"`
	// Relieved has the settings under which the effect should be gone; for explains only.
	Relieved map[string]string `yaml:"relieved,omitempty" most:"100"`
	// Metric that is compared, such as http.latency.p99; for mechanism a counter, such as web.TcpExt.TCPRenoRecovery.
	Metric string `yaml:"metric,omitempty"`
	// Measures are names of the campaign's, each of which makes one hypothesis of this one. Without metric and
	// measures, all of them do.
	Measures []string `yaml:"measures,omitempty" most:"100"`
	// Direction in which the metric is suspected to go.
	Direction verdict.Direction `yaml:"direction,omitempty" default:"up" enum:"up,down,either"`
	// Margin is the smallest change that matters: a share of the base, such as 5%, or an amount with the metric's
	// unit, such as 20ms. For shares of CPU and the like, 2% means two points. Required but for mechanism.
	Margin string `yaml:"margin,omitempty"`
	// Absolute takes a margin in per cent for points of a share, not for a share of the base.
	Absolute bool `yaml:"absolute,omitempty"`
	// In says for mechanism whether the counter is suspected to move in every seed, or in none.
	In verdict.Extent `yaml:"in,omitempty" enum:"every,none"`
	// Dose is a counter or metric that proves that the cause acted: it moves in the treated arm. Of a fault that
	// drops it is fault.NAME.chosen. A fault that only watches in one arm has a dose of 0 there, whatever it
	// counts.
	Dose string `yaml:"dose,omitempty"`
	// Control is the name of the control that must be seen before anything is ruled out.
	Control string `yaml:"control,omitempty"`
	// Priority decides what runs first and what is reported first, higher first.
	Priority int `yaml:"priority,omitempty" min:"-1000" max:"1000"`
	// Expect is the verdict that is expected. Another one makes the sweep's exit status 1.
	Expect string `yaml:"expect,omitempty" enum:"confirmed,ruled-out,inconclusive"`
}

// Names of a factor in messages and paths.
func (Factor) Names(word func(key string, i int) string) []string { return []string{word("name", -1)} }

// Names of a hypothesis in messages and paths.
func (Hypothesis) Names(word func(key string, i int) string) []string {
	return []string{word("name", -1)}
}
