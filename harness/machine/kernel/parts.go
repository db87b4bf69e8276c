package kernel

import (
	"regexp"
	"strings"
)

// part matches the packages that a kernel consists of: Debian has linux-image, since 7.0
// linux-image, -binary, -base and -modules; Ubuntu has linux-image, -modules and
// -modules-extra.
var part = regexp.MustCompile(`^linux-(image|image-unsigned|image-uc|binary|base|modules|modules-extra)-([0-9][A-Za-z0-9.+~_-]*)$`)

func isPart(name string) bool { return part.MatchString(name) }

// partOf returns the kind of part that a package is, and the release that it is part of;
// empty if it is none. Debian's unsigned builds hold the same kernel.
func partOf(name string) (kind, release string) {
	m := part.FindStringSubmatch(name)
	if m == nil {
		return "", ""
	}
	for _, suffix := range []string{"-dbg", "-dbgsym", "-template"} {
		if strings.HasSuffix(m[2], suffix) {
			return "", ""
		}
	}
	return m[1], strings.TrimSuffix(m[2], "-unsigned")
}
