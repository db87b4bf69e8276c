package kernel

import (
	"regexp"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// part matches the packages that a kernel consists of: Debian has linux-image, since 7.0
// linux-image, -binary, -base and -modules; Ubuntu has linux-image, -modules and
// -modules-extra.
var part = regexp.MustCompile(
	`^linux-(image|image-unsigned|image-uc|binary|base|modules|modules-extra)-([0-9][A-Za-z0-9.+~_-]*)$`)

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

// limits bound what a package may make us read and write. Sizes in bytes. The total is also that of all unpacked
// modules of a kernel.
type limits struct {
	deb.Limits
	module int64 // one unpacked module
	image  int64 // the unpacked kernel image
}

// defaultLimits leave room for the largest packages around: Debian's generic kernel
// has 4,000 modules and 450 MB, Ubuntu's linux-modules-extra 6,000 and 600 MB.
var defaultLimits = limits{
	Limits: deb.Limits{Entries: 50_000, File: 512 << 20, Total: 1 << 30, Kind: kind, LinkForbidden: linkForbidden},
	module: 128 << 20,
	image:  512 << 20,
}

// kind is what is imported, for messages.
const kind = "kernel package"

// linkForbidden tells whether name lies where files are taken from. The links to the
// sources in a module directory are the exception.
func linkForbidden(name string) bool {
	name = strings.TrimPrefix(name, "usr/")
	rest, modules := strings.CutPrefix(name, "lib/modules")
	if parts := strings.Split(rest, "/"); modules && len(parts) == 3 && (parts[2] == "build" || parts[2] == "source") {
		return false
	}
	return modules || name == "boot" || name == "lib" || strings.HasPrefix(name, "boot/")
}
