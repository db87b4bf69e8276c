package scenario

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// releaseName is the part of a kernel's release that says what it can do.
var releaseName = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}$`)

// Unfit says why a scenario has no meaning on a kernel of this release (such as 6.1.0-48-cloud-amd64), by
// [Scenario.Since] and [Scenario.Until]; it is empty if it has one.
func (s *Scenario) Unfit(release string) string {
	switch {
	case s.Since != "" && older(release, s.Since):
		return "it has a meaning since Linux " + s.Since
	case s.Until != "" && older(s.Until, release):
		return "it has a meaning until Linux " + s.Until
	}
	return ""
}

// older compares two releases, by their first two numbers.
func older(a, b string) bool {
	x, y := version(a), version(b)
	return slices.Compare(x[:], y[:]) < 0
}

// version takes the first two numbers of a release.
func version(release string) (v [2]int) {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	for i := range min(len(v), len(parts)) {
		v[i], _ = strconv.Atoi(parts[i]) // 0 for what no kernel has
	}
	return v
}

// SysctlName takes the question mark off the key of a sysctl, and tells whether there was one: then
// it is set only where the kernel has it.
func SysctlName(key string) (name string, optional bool) {
	return strings.CutSuffix(key, "?")
}
