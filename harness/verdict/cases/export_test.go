package cases

// LossOf is what a record's reasons for not being valid count as.
var LossOf = lossOf

// Count is how many seeds of an arm there are.
func (b *Bench) Count(arm int) int { return b.arms[arm].count }

// Number stands for what a run was made with.
func (b *Bench) Number(made string) uint16 { return b.number(made) }

// Bars sets the e-values at which cases stop, and at which a control is seen.
func (b *Bench) Bars(confirm, ruleOut, control float64) {
	b.rule.Confirm, b.rule.RuleOut, b.rule.Control = confirm, ruleOut, control
}
