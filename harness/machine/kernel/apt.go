package kernel

import (
	"strings"

	"github.com/ruleout/ruleout/harness/machine/apt"
)

// lists are apt's: the machine's own, or those of a suite.
type lists struct{ *apt.Apt }

// aptHint is what to do where there is no apt.
const aptHint = "download the kernel packages another way (linux-image-*.deb, " +
	"and linux-modules-*.deb if the distribution splits them), then: ruleout kernel add FILES"

// findApt returns the machine's apt, if it has that and the other tools named.
func findApt(others ...string) (*lists, error) {
	a, err := apt.Find("pull a kernel", aptHint, others...)
	if err != nil {
		return nil, err
	}
	a.Other = elsewhere
	return &lists{a}, nil
}

// elsewhere is the end of a hint where there is no network.
const elsewhere = "; a package fetched elsewhere can be imported: ruleout kernel add FILES"

// freshHint is what to do about packages that fresh lists of a suite lack.
func freshHint(suite string) string {
	return "the lists of " + suite +
		" are fresh: try another suite, or fetch the packages in another way and import them: ruleout kernel add FILES"
}

// image returns the linux-image package that a meta-package stands for, empty for others.
func image(c apt.Candidate) string {
	for _, d := range c.Depends {
		if strings.HasPrefix(d, "linux-image-") {
			return d
		}
	}
	return ""
}
