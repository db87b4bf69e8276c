package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// controllers that a node's group needs. CPU time needs none: the kernel accounts it for
// every group of version 2 (cpu.stat, since 4.15). The cpu controller adds its scheduling to it.
var controllers = []string{"cpu", "memory"}

const unified = "boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all, or use --backend vm"

// Root returns the directory in which this process may make control groups.
//
// That is the top of the hierarchy of version 2, as it is mounted, or else the group that
// this process is in, if it was given to its user (delegated). Errors are of kind [problem.Machine].
func Root() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", problem.Wrap(problem.Machine, fmt.Errorf("find control groups: %w", err),
			"mount /proc: mount -t proc proc /proc")
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", problem.Wrap(problem.Machine, fmt.Errorf("find control groups: %w", err),
			"the kernel needs CONFIG_CGROUPS")
	}
	mount := findMount(string(mounts))
	if mount == "" {
		return "", problem.Wrap(problem.Machine, errors.New("control groups: version 2 is not mounted"),
			"mount -t cgroup2 none /sys/fs/cgroup, or "+unified)
	}
	for _, dir := range []string{mount, filepath.Join(mount, findOwn(string(own)))} {
		if unix.Access(dir, unix.W_OK) == nil {
			return dir, nil
		}
	}
	return "", problem.Wrap(problem.Machine, fmt.Errorf("control groups: %s cannot be written to", mount),
		"run as root, or in a group of your own: systemd-run --user --scope -p Delegate=yes …")
}

// findMount returns where /proc/self/mountinfo says that version 2 is mounted; the last one
// wins, since it may cover earlier ones.
func findMount(mountinfo string) string {
	var found string
	lines := bufio.NewScanner(strings.NewReader(mountinfo))
	for lines.Scan() {
		// 36 35 98:0 /root /mount/point options optional… - type source options
		before, after, ok := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(before); ok && len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			found = unescape(fields[4])
		}
	}
	return found
}

// unescape undoes the octal escapes of space, tab, newline and backslash (proc(5)).
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// findOwn returns the path of version 2 in /proc/self/cgroup.
func findOwn(proc string) string {
	for line := range strings.Lines(proc) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSuffix(path, "\n")
		}
	}
	return "/"
}

// enable switches the controllers on for the children of a group, where they are to be had.
// One at a time: a write of several does all or none.
func enable(dir string) {
	for _, c := range controllers {
		// An error leaves it off; reading what needs it then says so.
		_ = write(filepath.Join(dir, "cgroup.subtree_control"), "+"+c)
	}
}

// Supported tells whether nodes can have control groups with all that a run records of
// them, by making one and taking it away. Errors are of kind [problem.Machine], with a hint.
func Supported() (err error) {
	root, err := Root()
	if err != nil {
		return err
	}
	g, err := Create(root, "probe")
	if err != nil {
		return problem.Wrap(problem.Machine, err, "run as root, or "+unified)
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	have, err := os.ReadFile(filepath.Join(g.Path, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	for _, c := range controllers {
		if slices.Contains(strings.Fields(string(have)), c) {
			continue
		}
		hint := unified
		if top, err := os.ReadFile(filepath.Join(root, "cgroup.controllers")); err == nil &&
			slices.Contains(strings.Fields(string(top)), c) {
			hint = fmt.Sprintf("%s has it, but cannot pass it on while it has processes of its own: run in a group below it",
				root)
		}
		return problem.Wrap(problem.Machine, fmt.Errorf("control groups: version 2 lacks the %s controller in %s", c, root),
			hint)
	}
	if _, err := g.CPU(); err != nil {
		return problem.Wrap(problem.Machine, err, "Linux 4.15 or later is needed")
	}
	return nil
}
