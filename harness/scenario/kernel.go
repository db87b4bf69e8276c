package scenario

import (
	"regexp"
	"strconv"
	"strings"
)

// releaseName is the part of a kernel's release that says what it can do.
var releaseName = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}$`)

// Old reports whether a kernel, by its release (such as 6.1.0-48-cloud-amd64), is too old for the scenario, by [Scenario.Since].
func (s *Scenario) Old(release string) bool {
	if s.Since == "" {
		return false
	}
	have, want := version(release), version(s.Since)
	return have[0] < want[0] || have[0] == want[0] && have[1] < want[1]
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
