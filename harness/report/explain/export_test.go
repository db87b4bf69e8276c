package explain

// Range is the calm range of several runs at each sample.
func Range(runs [][]float64, reach int) (low, high []float64) {
	b := bandOf(runs, reach)
	return b.low, b.high
}
