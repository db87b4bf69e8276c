package image

import (
	"fmt"
	"slices"
	"strings"
)

// assumed are packages that apt takes to be installed, so that neither they nor what they depend on come into an image:
// they install, configure and watch programs, and a node does none of that. Without them 79 packages become 40. Who
// names one of a group gets all of it, since their versions depend on each other.
var assumed = [][]string{
	{"dpkg"}, {"tar"}, {"debconf", "debconf-2.0"}, {"ucf"}, {"sensible-utils"}, {"init-system-helpers"}, {"lsb-base"},
	{"sysvinit-utils"}, {"usrmerge"}, {"adduser"}, {"passwd"}, {"psmisc"}, {"procps"}, {"lsof"}, {"rsync"}, {"socat"},
	{"systemd", "systemd-sysv", "systemd-standalone-tmpfiles", "systemd-standalone-sysusers", "libpam-systemd",
		"dbus-user-session",
		"default-dbus-session-bus", "dbus-session-bus"},
	{"libpam-modules", "libpam-modules-bin", "libpam-runtime"}, {"libcap2-bin"}, {"iproute2"}, {"media-types"}, {"gawk"},
	{"perl", "perl-base", "perl-modules-5.32", "perl-modules-5.34", "perl-modules-5.36", "perl-modules-5.38",
		"perl-modules-5.40",
		"libperl5.32", "libperl5.34", "libperl5.36", "libperl5.38", "libperl5.40", "libfile-find-rule-perl", "libdbi-perl",
		"libterm-readkey-perl", "libconfig-inifiles-perl"},
	{"mariadb-client"}, {"galera-4"}, {"libnginx-mod-http-echo"}, {"logrotate"}, {"cron", "cron-daemon-common"},
	{"python3-systemd"}, {"bsdextrautils"}, {"bsdutils"}, {"mount"}, {"util-linux"}, {"dns-root-data"}, {"openssl"},
}

// always are packages that come with any others: what all may count on, since it is essential. C programs need a shell
// for system(3) and popen(3), and the locale C.UTF-8.
var always = []string{"dash", "libc-bin"}

// status is the file in which dpkg says what is installed, for those who ask for these packages.
func status(asked []string) string {
	var b strings.Builder
	for _, group := range assumed {
		if slices.ContainsFunc(group, func(name string) bool { return slices.Contains(asked, name) }) {
			continue
		}
		for _, name := range group {
			fmt.Fprintf(&b, `Package: %s
Status: install ok installed
Priority: optional
Section: misc
Maintainer: nobody <nobody@localhost>
Architecture: amd64
Multi-Arch: foreign
Version: 9999:1
Description: assumed

`, name)
		}
	}
	return b.String()
}
