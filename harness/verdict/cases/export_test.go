package cases

// LossOf is what a record's reasons for not being valid count as.
var LossOf = lossOf

// Count is how many seeds of an arm there are.
func (b *Bench) Count(arm int) int { return b.arms[arm].count }
