package verdict

// Different says that the two runs were made with different QEMU, kernel or program, so that what they differ in is not
// the cause alone.
const Different Loss = "its runs were made with different QEMU, kernel or program"

// RunsDiffer is the code of a verdict that is invalid because of [Different].
const RunsDiffer Code = "runs-differ"

// TooManyLost reports whether so many seeds gave no pair that the verdict is invalid as things stand. More seeds may
// change that.
func (s *State) TooManyLost() bool {
	lost := s.Lost()
	return float64(lost) > s.rule.Lost*float64(s.N()+lost)
}

// Hopeless reports whether so many seeds are lost that the verdict is invalid even if all others, of so many in all,
// give a pair.
func (s *State) Hopeless(seeds int) bool { return float64(s.Lost()) > s.rule.Lost*float64(seeds) }
