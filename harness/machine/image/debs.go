package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// left are what is left out of packages: it is for people who read, and for the init system.
var left = []string{
	"usr/share/doc/", "usr/share/doc-base/", "usr/share/man/", "usr/share/locale/", "usr/share/info/",
	"usr/share/lintian/",
	"usr/share/bug/", "usr/share/gcc/", "usr/share/bash-completion/", "usr/share/common-licenses/", "usr/share/menu/",
	"usr/share/reportbug/", "usr/share/apport/", "usr/share/zsh/",
	"usr/lib/systemd/system/", "usr/lib/systemd/user/", "lib/systemd/system/", "lib/systemd/user/",
	"etc/init.d/", "etc/init/", "etc/cron.d/", "etc/cron.daily/", "etc/cron.hourly/", "etc/cron.weekly/",
	"etc/cron.monthly/",
	"etc/logrotate.d/", "etc/apparmor.d/", "etc/ufw/",
}

// leftOut tells whether a package's file is none of the image's.
func leftOut(name string) bool {
	for _, prefix := range left {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// usrMerged makes the links of a merged /usr, which packages of all current releases count on.
func (b *build) usrMerged() error {
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		if b.tree.lstat(d) != nil { // an OCI image has decided
			continue
		}
		if _, err := b.tree.dir("usr/" + d); err != nil {
			return err
		}
		if err := b.tree.put(d, &node{kind: 'l', mode: 0o777, link: "usr/" + d, from: ownName}, false); err != nil {
			return err
		}
	}
	return nil
}

// addPackage lays the files of a package onto the tree.
func (b *build) addPackage(ctx context.Context, p Package, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	label := p.Name + " " + p.Version
	lim := deb.Limits{Entries: b.limits.entries, File: b.limits.size, Total: b.limits.total, Kind: "package"}
	err = deb.Read(deb.Until(ctx, f), lim, func(c deb.Control) error {
		if arch := c["Architecture"]; arch != "amd64" && arch != "all" {
			return problem.Wrap(problem.Usage, fmt.Errorf("it is for %s, and the guest is amd64", arch), "get its amd64 build")
		}
		if c["Package"] != p.Name || c["Version"] != p.Version {
			return fmt.Errorf("it is %s %s", c["Package"], c["Version"])
		}
		return nil
	}, func(h *tar.Header, r io.Reader) error {
		name, err := deb.CleanName(h.Name)
		if err != nil {
			return err
		}
		if leftOut(name) || leftOut(name+"/") {
			return nil
		}
		return b.addEntry(name, h, r, p.Name, true)
	})
	if err != nil {
		return fmt.Errorf("unpack %s: %w", label, err)
	}
	return nil
}

// addEntry lays one entry of an archive, whose name is clean, onto the tree.
func (b *build) addEntry(name string, h *tar.Header, r io.Reader, from string, merge bool) error {
	n := &node{mode: uint32(h.Mode) & 0o7777, uid: h.Uid, gid: h.Gid, from: from}
	switch h.Typeflag {
	case tar.TypeDir:
		n.kind, n.children = 'd', map[string]*node{}
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) > mostTarget {
			return fmt.Errorf("symbolic link %q has a target of %d bytes", h.Name, len(h.Linkname))
		}
		if there := b.tree.lstat(name); merge && there != nil && there.kind == 'd' {
			return nil // dpkg leaves a directory in its place
		}
		n.kind, n.link, n.mode = 'l', h.Linkname, 0o777
	case tar.TypeLink:
		target, err := deb.CleanName(strings.TrimLeft(h.Linkname, "/"))
		if err != nil {
			return fmt.Errorf("hard link %q: %w", h.Name, err)
		}
		if n = b.tree.lstat(target); n == nil || n.kind == 'd' {
			return fmt.Errorf("hard link %q leads to %q, which is no file before it", h.Name, h.Linkname)
		}
	case tar.TypeReg:
		n.kind = 'f'
		var err error
		if n.data, err = b.spool.add(r); err != nil {
			return b.spoolError(h.Name, err)
		}
	default:
		return fmt.Errorf("entry %q is a %s, which no image may hold", h.Name, deb.TypeName(h.Typeflag))
	}
	const prefix = "SCHILY.xattr."
	for key, value := range h.PAXRecords {
		// What other attributes say is for the machine that the archive was made on.
		if x, ok := strings.CutPrefix(key, prefix); ok && (x == "security.capability" || strings.HasPrefix(x, "user.")) {
			if n.xattrs == nil {
				n.xattrs = map[string]string{}
			}
			n.xattrs[x] = value
		}
	}
	if err := b.tree.put(name, n, merge); err != nil {
		return fmt.Errorf("entry %q: %w", h.Name, err)
	}
	return nil
}

// mostTarget is how long the target of a symbolic link may be in ext4, bytes.
const mostTarget = 4095
