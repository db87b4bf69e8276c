package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Forecast of a campaign.
type Forecast struct {
	Campaign string `json:"campaign"`
	About    string `json:"about,omitempty"`
	Scenario string `json:"scenario"` // its file
	campaign.Size
	// Kernels by their names in the store; an empty one is the default.
	Kernels  []string  `json:"kernels"`
	Families []Family  `json:"families"`
	Covered  []Context `json:"covered"`
	Seeds    Seeds     `json:"seeds"`
	Runs     Runs      `json:"runs"`
	// Jobs is how many runs there are at a time.
	Jobs int `json:"jobs"`
	// Time is of the runs that are likely to come.
	Time Time `json:"time"`
	// Budget is after how many seconds no run begins; 0 for none.
	Budget   float64  `json:"budget,omitempty"`
	Warnings []string `json:"warnings"`
}

// Family of hypotheses.
type Family struct {
	Name       string `json:"name"`
	Hypotheses int    `json:"hypotheses"`
	Cases      int    `json:"cases"`
}

// Context is what is tested in one.
type Context struct {
	Name  string `json:"name"`
	Cases int    `json:"cases"`
}

// Seeds that verdicts take.
type Seeds struct {
	Least int `json:"least"`
	Most  int `json:"most"`
	// RuleOut is the least that anything is ruled out with, also where all pairs are equal to the bit; it follows
	// from Rare, the share of seeds that may be far beyond the margin unnoticed. Mechanism that any mechanism is
	// confirmed with; Confirm is what it takes to confirm an effect of three margins in which seeds hardly differ.
	RuleOut   int     `json:"rule_out"`
	Rare      float64 `json:"rare"`
	Mechanism int     `json:"mechanism,omitempty"`
	Confirm   int     `json:"confirm"`
}

// Runs are how many there will be.
type Runs struct {
	Least  int `json:"least"`
	Likely int `json:"likely"`
	Most   int `json:"most"`
	// Kept is how many of them are in the archive already.
	Kept int `json:"kept"`
}

// Time is how long the runs to come take, in seconds of the wall clock.
type Time struct {
	Least  float64 `json:"least"`
	Likely float64 `json:"likely"`
	Most   float64 `json:"most"`
	// Whole is likely for all runs, those that are there already included.
	Whole float64 `json:"whole"`
	// Opening is how long it takes to open the machines, once for a build of the program; it comes on top, where
	// they are not open yet.
	Opening float64 `json:"opening,omitempty"`
	// Measured says that it is a prediction from run times that were measured, and From where. It is an estimate
	// otherwise.
	Measured bool   `json:"measured"`
	From     string `json:"from"`
}

// Options of a forecast. Plan and Analysis have to be given.
type Options struct {
	Plan *campaign.Plan
	// Analysis has the runs that there are already.
	Analysis *cases.Analysis
	Jobs     int
	// Budget overrides that of the campaign.
	Budget time.Duration
	// Times are measured; nil for none.
	Times *Times
}

// New makes a forecast.
func New(o Options) (*Forecast, error) {
	p, c := o.Plan, o.Plan.Campaign
	rule := cases.RuleOf(p)
	f := &Forecast{
		Campaign: c.Name, About: c.About, Scenario: p.Base, Size: p.Size(), Kernels: p.Kernels(), Jobs: max(o.Jobs, 1),
		Warnings: []string{},
		Seeds: Seeds{Least: c.Seeds.Least, Most: c.Seeds.Most, RuleOut: rule.LeastToRuleOut(rule.RuleOut), Rare: rule.Rare,
			Confirm: rule.SeedsToConfirm(p.Cases[0].Hypothesis, rule.Confirm)},
	}
	f.Budget = time.Duration(c.Budget).Seconds()
	if o.Budget > 0 {
		f.Budget = o.Budget.Seconds()
	}
	f.families(p)
	ahead := o.Analysis.Ahead()
	f.Runs.Kept = o.Analysis.Progress().Runs
	f.Runs.Least, f.Runs.Most = cases.Bounds(p)
	f.Runs.Likely = f.Runs.Kept
	for _, n := range ahead {
		f.Runs.Likely += n
	}
	f.Runs.Least = max(f.Runs.Least, f.Runs.Kept)
	fresh, err := cases.New(p)
	if err != nil {
		return nil, err
	}
	whole := fresh.Ahead()
	each := f.times(o, ahead, whole, fresh.Visits(whole))
	f.warn(p, o.Analysis, rule, each)
	return f, nil
}

func (f *Forecast) families(p *campaign.Plan) {
	at, in := map[string]int{}, map[string]int{}
	seen := map[[2]string]bool{}
	for i := range p.Cases {
		c := &p.Cases[i]
		if c.Placebo() {
			continue
		}
		n, ok := at[c.Family]
		if !ok {
			n = len(f.Families)
			at[c.Family] = n
			f.Families = append(f.Families, Family{Name: c.Family})
		}
		f.Families[n].Cases++
		if key := [2]string{c.Family, c.Entry}; !seen[key] {
			seen[key] = true
			f.Families[n].Hypotheses++
		}
		in[c.Context.String()]++
	}
	for _, c := range p.Contexts {
		f.Covered = append(f.Covered, Context{c.String(), in[c.String()]})
	}
}

// times adds up how long the runs ahead take, and all of them, in which each arm is visited so often. It returns
// what one run of each arm takes.
func (f *Forecast) times(o Options, ahead, whole, visits []int) []float64 {
	each := make([]float64, len(ahead))
	models := make([]plan.Cost, len(ahead))
	for i := range o.Plan.Arms {
		models[i] = plan.New(o.Plan.Arms[i].Scenario, uint64(o.Plan.Campaign.Seeds.First)).Cost
		each[i] = guess(models[i])
	}
	if o.Times != nil {
		f.Time.Measured, f.Time.From = true, o.Times.From
		f.Time.Opening = math.Round(o.Times.Opening.Seconds()*10) / 10
		each = o.Times.each(o.Plan, models)
		f.prepare(o.Times.preparing(o.Plan), o.Analysis.Visits(ahead), visits)
	} else {
		f.Time.From = "the load of the scenario and the usual cost of runs"
		prepare := make([]float64, len(models))
		for i := range models {
			prepare[i] = models[i].Prepare
		}
		f.prepare(prepare, o.Analysis.Visits(ahead), visits)
	}
	for i, n := range ahead {
		least, most := each[i], each[i]
		if o.Times == nil {
			least, most = models[i].WallLeast, models[i].WallMost
		}
		f.Time.Least += float64(n) * least
		f.Time.Likely += float64(n) * each[i]
		f.Time.Whole += float64(whole[i]) * each[i]
		f.Time.Most += float64(o.Plan.Campaign.Seeds.Most*ifElse(n > 0, 1, 0)) * most
	}
	for _, t := range []*float64{&f.Time.Least, &f.Time.Likely, &f.Time.Most, &f.Time.Whole} {
		*t = math.Round(*t/float64(f.Jobs)*10) / 10
	}
	if o.Times != nil {
		f.Time.Least = f.Time.Likely * float64(max(f.Runs.Least-f.Runs.Kept, 0)) / float64(max(f.Runs.Likely-f.Runs.Kept, 1))
	}
	f.Time.Most = max(f.Time.Most, f.Time.Likely)
	return each
}

// prepare adds what it takes to prepare arms before their runs: each once if they are few, and otherwise as often
// as they are taken up, since only some stay prepared.
func (f *Forecast) prepare(each []float64, ahead, whole []int) {
	for i, seconds := range each {
		to, all := ahead[i], whole[i]
		if len(ahead) <= vm.MaxPrepared {
			to, all = min(to, 1), min(all, 1)
		}
		f.Time.Likely += seconds * float64(to)
		f.Time.Whole += seconds * float64(all)
		f.Time.Most += seconds * float64(to)
	}
}

// guess is the middle of what the model says, on the scale of factors.
func guess(c plan.Cost) float64 { return math.Sqrt(c.WallLeast * c.WallMost) }

func ifElse(is bool, yes, no int) int {
	if is {
		return yes
	}
	return no
}

// warn says what cannot come to a verdict.
func (f *Forecast) warn(p *campaign.Plan, an *cases.Analysis, rule cases.Rule, each []float64) {
	add := func(format string, args ...any) { f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...)) }
	mechanism, others, unproven, doseless := 0, 0, 0, 0
	for i := range p.Cases {
		c := &p.Cases[i]
		switch {
		case c.Placebo():
			continue
		case c.Kind == "mechanism":
			mechanism++
		default:
			others++
		}
		if c.Control == campaign.None {
			unproven++
		}
		if c.Dose == "" {
			doseless++
		}
	}
	if mechanism > 0 {
		f.Seeds.Mechanism = rule.LeastToKnowEvery(rule.Confirm)
	}
	if f.Seeds.RuleOut > f.Seeds.Most && others > 0 {
		add("nothing can be ruled out: that takes at least %d seeds, and seeds.most is %d", f.Seeds.RuleOut, f.Seeds.Most)
	}
	if f.Seeds.Confirm == 0 || f.Seeds.Confirm > f.Seeds.Most && others > 0 {
		add("no effect can be confirmed: that takes at least %d seeds, and seeds.most is %d", f.Seeds.Confirm, f.Seeds.Most)
	}
	if f.Seeds.Mechanism > f.Seeds.Most {
		add("no mechanism can be confirmed: that takes at least %d seeds, and seeds.most is %d", f.Seeds.Mechanism,
			f.Seeds.Most)
	}
	if unproven > 0 {
		add("%d of %d cases have no control: they can be confirmed, but not ruled out", unproven, mechanism+others)
	}
	if doseless > 0 {
		add("%d of %d cases have no dose: they can be confirmed, but not ruled out", doseless, mechanism+others)
	}
	f.warnOfControls(an)
	if f.Budget == 0 || f.Runs.Likely == f.Runs.Kept {
		return
	}
	// The quickest verdict is a confirmation on two arms.
	first := 2 * float64(max(f.Seeds.Confirm, f.Seeds.Least)) * slices.Min(each) / float64(min(f.Jobs, 2))
	if others == 0 {
		first = 2 * float64(f.Seeds.Mechanism) * slices.Min(each) / float64(min(f.Jobs, 2))
	}
	word := "about"
	if !f.Time.Measured {
		word = "by an estimate"
	}
	switch {
	case f.Budget < first && f.Runs.Kept == 0: // with runs there already, a verdict may be one run away
		add("the budget of %s is too small for any verdict: the first takes %s %s", Span(f.Budget), word, Span(first))
	case f.Budget < f.Time.Likely:
		add("the budget of %s ends before everything is decided, which takes %s %s", Span(f.Budget), word,
			Span(f.Time.Likely))
	}
}

// warnOfControls says which controls have shown to be too large to prove anything, as far as there are runs of them.
func (f *Forecast) warnOfControls(an *cases.Analysis) {
	for _, s := range an.Controls(false) {
		if s.Status != verdict.Seen || s.Size <= verdict.LargestControl {
			continue
		}
		where := ""
		if c := s.Case.Context.String(); c != "" {
			where = " (" + c + ")"
		}
		f.Warnings = append(f.Warnings,
			fmt.Sprintf("the control %s of %s%s proves nothing: nothing is ruled out by one of more than %d", s.Control,
				s.Case.Metric, where,
				verdict.LargestControl))
	}
}

// Span writes seconds as people say them: 0.2 s, 40 s, 12 min, 5 h 20 min.
func Span(seconds float64) string {
	switch m := int(math.Round(seconds / 60)); {
	case seconds > 0 && seconds < 0.95:
		return fmt.Sprintf("%.1g s", seconds)
	case seconds < 99.5:
		return fmt.Sprintf("%.0f s", seconds)
	case m < 100:
		return fmt.Sprintf("%d min", m)
	case m%60 == 0:
		return fmt.Sprintf("%d h", m/60)
	default:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	}
}
