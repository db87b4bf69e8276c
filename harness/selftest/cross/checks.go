package cross

import "slices"

// Checks are all of them.
func Checks() []Check {
	return slices.Concat(loadChecks(), serviceChecks(), socketChecks(), faultChecks(), talkChecks(), counterChecks(),
		datagramChecks(), nameChecks(), bulkChecks())
}
