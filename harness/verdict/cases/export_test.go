package cases

// LossOf is what a record's reasons for not being valid count as.
var LossOf = lossOf

// Count is how many seeds of an arm there are.
func (an *Analysis) Count(arm int) int { return an.arms[arm].count }

// Number stands for what a run was made with.
func (an *Analysis) Number(made string) uint16 { return an.number(made) }

// Bars sets the e-values at which cases stop, and at which a control is seen.
func (an *Analysis) Bars(confirm, ruleOut, control float64) {
	an.rule.Confirm, an.rule.RuleOut, an.rule.Control = confirm, ruleOut, control
}
