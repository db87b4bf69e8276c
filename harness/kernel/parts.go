package kernel

import "regexp"

// part matches the packages that a kernel consists of: Debian has linux-image, since 7.0
// linux-image, -binary, -base and -modules; Ubuntu has linux-image, -modules and
// -modules-extra.
var part = regexp.MustCompile(`^linux-(image|image-unsigned|image-uc|binary|base|modules|modules-extra)-([0-9][A-Za-z0-9.+~_-]*)$`)

func isPart(name string) bool { return part.MatchString(name) }
