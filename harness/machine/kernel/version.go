package kernel

import (
	"cmp"
	"regexp"
	"strings"
)

// compareVersions orders package versions as dpkg does: by epoch, upstream version and
// revision, each in alternating stretches of non-digits and digits, where ~ sorts before
// the end and letters before other characters; see deb-version(7).
func compareVersions(a, b string) int {
	ea, ua, ra := splitVersion(a)
	eb, ub, rb := splitVersion(b)
	return cmp.Or(comparePart(ea, eb), comparePart(ua, ub), comparePart(ra, rb))
}

func splitVersion(v string) (epoch, upstream, revision string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		epoch, v = e, rest
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		v, revision = v[:i], v[i+1:]
	}
	return epoch, v, revision
}

func comparePart(a, b string) int {
	for a != "" || b != "" {
		na, nb := 0, 0
		for (na < len(a) && !digit(a[na])) || (nb < len(b) && !digit(b[nb])) {
			if c := cmp.Compare(weight(a, na), weight(b, nb)); c != 0 {
				return c
			}
			na, nb = na+1, nb+1
		}
		a, b = a[min(na, len(a)):], b[min(nb, len(b)):]
		da, db := digits(a), digits(b)
		x, y := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
		a, b = a[da:], b[db:]
	}
	return 0
}

// weight of the character at i in a stretch of non-digits; the end and digits weigh 0.
func weight(s string, i int) int {
	switch {
	case i >= len(s) || digit(s[i]):
		return 0
	case s[i] == '~':
		return -1
	case 'a' <= s[i] && s[i] <= 'z' || 'A' <= s[i] && s[i] <= 'Z':
		return int(s[i])
	}
	return int(s[i]) + 256
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func digits(s string) int {
	n := 0
	for n < len(s) && digit(s[n]) {
		n++
	}
	return n
}

// validRelease is what a release may look like: it becomes part of names and messages.
var validRelease = regexp.MustCompile(`^[0-9]+\.[0-9]+[A-Za-z0-9.+~_-]*$`)

// flavourOf returns what a release says about the build besides its version: cloud for
// 6.1.0-56-cloud-amd64, generic for 6.1.0-56-amd64 and 6.8.0-45-generic.
func flavourOf(release string) string {
	var rest []string
	for i, part := range strings.Split(release, "-") {
		if i == 0 || part == "" || digit(part[0]) || part == "amd64" || part == "unsigned" {
			continue
		}
		rest = append(rest, part)
	}
	if len(rest) == 0 {
		return "generic"
	}
	return strings.Join(rest, "-")
}

// hasPrefix tells whether prefix ends at a boundary of name: 6.1 is a prefix of
// 6.1.0-56-amd64, but not of 6.12.117.
func hasPrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && prefix != "" && (rest == "" || !digit(rest[0]) || !digit(prefix[len(prefix)-1]))
}
