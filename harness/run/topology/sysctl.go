package topology

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// setting is a sysctl of our own, by path below /proc/sys/net.
type setting struct{ path, value string }

// wireSettings hold before the wire has devices: nothing in it speaks of its own accord.
var wireSettings = []setting{
	{"ipv6/conf/all/disable_ipv6", "1"},
	{"ipv6/conf/default/disable_ipv6", "1"},
}

// nodeSettings hold before the node has devices.
//
// The IPv4 ones are named although they are the kernel's defaults, because a new namespace
// takes over those of the machine (net.core.devconf_inherit_init_net), where a container
// engine or the distribution may have changed them. The IPv6 ones keep the node from making
// up addresses of its own and from asking for routers. A router's IPv6 forwarding comes
// later, see [lateSettings].
func nodeSettings(role scenario.Role) []setting {
	forward := "0"
	if role == scenario.Router {
		forward = "1"
	}
	return []setting{
		{"ipv4/ip_forward", forward},
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
		{"ipv6/conf/default/addr_gen_mode", "1"}, // IN6_ADDR_GEN_MODE_NONE
		{"ipv6/conf/default/accept_ra", "0"},
		{"ipv6/conf/default/router_solicitations", "0"},
	}
}

// lateSettings hold when the devices are there. Forwarding would make a device that is
// registered later join the all-routers groups and report that on the wire.
func lateSettings(role scenario.Role) []setting {
	if role != scenario.Router {
		return nil
	}
	return []setting{{"ipv6/conf/all/forwarding", "1"}}
}

// writeSettings writes our own settings in the namespace of the calling thread.
func writeSettings(node string, settings []setting) error {
	for _, s := range settings {
		err := write("/proc/sys/net/"+s.path, s.value)
		switch {
		case errors.Is(err, unix.ENOENT) && strings.HasPrefix(s.path, "ipv6/"):
			return problem.Wrap(problem.Machine, fmt.Errorf("set %s on %s: %w", s.path, node, err),
				"this kernel runs without IPv6, which every node has: load the module ipv6, or boot without ipv6.disable=1")
		case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			return problem.Wrap(problem.Machine, fmt.Errorf("set %s on %s: %w", s.path, node, err),
				"/proc/sys cannot be written to: in a container, run it with /proc/sys mounted read-write")
		case err != nil:
			return fmt.Errorf("set %s on %s: %w", s.path, node, err)
		}
	}
	return nil
}

// SetSysctl sets a sysctl by its dotted name, in the namespace of the calling thread, and reads it back.
func SetSysctl(key, value string) error {
	if err := write(SysctlPath(key), value); err != nil {
		return fmt.Errorf("set %s to %s: %w", key, value, err)
	}
	return readBack(key, value)
}

// write writes a file in one system call, as sysctls want it, without making it.
func write(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(value))
	return errors.Join(err, unix.Close(fd))
}

// phase is when a sysctl of the scenario is set.
type phase bool

const (
	// beforeDevices: the defaults that devices take over when they are made.
	beforeDevices phase = true
	// afterDevices: all others, some of which name a device.
	afterDevices phase = false
)

func phaseOf(key string) phase {
	return phase(strings.Contains(key, ".conf.default.") || strings.Contains(key, ".neigh.default."))
}

// sysctlError is a sysctl of the scenario that could not be set.
type sysctlError struct {
	node, key string
	why       string
	err       error
}

func (e *sysctlError) Error() string {
	text := fmt.Sprintf("node %s: sysctl %s", e.node, e.key)
	if e.why != "" {
		text += ": " + e.why
	}
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *sysctlError) Unwrap() error { return e.err }

// SysctlPath is the file of a dotted key. As sysctl(8) has it, a slash in a key stands for
// a dot in a device's name.
func SysctlPath(key string) string {
	key, _ = scenario.SysctlName(key)
	return "/proc/sys/" + strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// writeSysctls sets the scenario's sysctls of one phase in the calling thread's namespace, in
// order of their names.
func writeSysctls(node string, sysctls map[string]string, when phase) error {
	for _, key := range sortedKeys(sysctls) {
		if phaseOf(key) != when {
			continue
		}
		if absent(key) {
			continue
		}
		path := SysctlPath(key)
		if !strings.HasPrefix(key, "net.") || path != filepath.Clean(path) {
			return &sysctlError{node: node, key: key, why: "not a setting of the network"}
		}
		err := write(path, sysctls[key])
		switch {
		case err == nil:
		case errors.Is(err, unix.ENOENT) && exists(path):
			// Such as an unknown congestion control.
			return &sysctlError{node, key, fmt.Sprintf("set to %q", sysctls[key]), err}
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR):
			return &sysctlError{node, key, "no such setting on a node", unix.ENOENT}
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			return &sysctlError{node, key, "cannot be set on a node", err}
		default:
			return &sysctlError{node, key, fmt.Sprintf("set to %q", sysctls[key]), err}
		}
	}
	return nil
}

// checkSysctls reads the scenario's sysctls back, in the calling thread's namespace: the
// kernel clamps some values without a word, and some settings change others.
func checkSysctls(node string, sysctls map[string]string) error {
	for _, key := range sortedKeys(sysctls) {
		if absent(key) {
			continue
		}
		if err := readBack(key, sysctls[key]); err != nil {
			return &sysctlError{node: node, key: key, err: err}
		}
	}
	return nil
}

// readBack checks that a sysctl is what it was set to.
func readBack(key, value string) error {
	got, err := os.ReadFile(SysctlPath(key))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !sameValue(string(got), value) {
		return fmt.Errorf("asked for %q, the kernel says %q", value, strings.Join(strings.Fields(string(got)), " "))
	}
	return nil
}

// sameValue compares values word by word, numbers as numbers.
func sameValue(a, b string) bool {
	return slices.EqualFunc(strings.Fields(a), strings.Fields(b), func(a, b string) bool {
		x, errX := strconv.ParseInt(a, 0, 64)
		y, errY := strconv.ParseInt(b, 0, 64)
		if errX == nil && errY == nil {
			return x == y
		}
		return a == b
	})
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// absent tells of a sysctl that is to be set where it exists that it does not, in the calling thread's namespace.
func absent(key string) bool {
	_, optional := scenario.SysctlName(key)
	return optional && !exists(SysctlPath(key))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// applySysctls goes through all nodes on one thread.
func (b *builder) applySysctls(ctx context.Context) error {
	err := onThread(b.home, func() error {
		for _, n := range b.nodes {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			late := lateSettings(n.Role)
			var sysctls map[string]string
			if spec := b.scenario.Nodes[n.Name]; spec != nil {
				sysctls = spec.Sysctls
			}
			if len(late) == 0 && len(sysctls) == 0 {
				continue
			}
			if err := enter(n.fd); err != nil {
				return fmt.Errorf("enter %s: %w", n.Name, err)
			}
			if err := writeSettings(n.Name, late); err != nil {
				return err
			}
			if err := writeSysctls(n.Name, sysctls, afterDevices); err != nil {
				return err
			}
			if err := checkSysctls(n.Name, sysctls); err != nil {
				return err
			}
		}
		return nil
	})
	return b.explainSysctl(err)
}

// explainSysctl classifies an error and finds a hint for it; other errors pass.
func (b *builder) explainSysctl(err error) error {
	var e *sysctlError
	if !errors.As(err, &e) {
		return err
	}
	return &problem.Error{Kind: problem.Usage, Err: err, Hint: b.sysctlHint(e),
		Place: "nodes." + e.node + ".sysctls." + e.key}
}

func (b *builder) sysctlHint(e *sysctlError) string {
	if !strings.HasPrefix(e.key, "net.") {
		return "a node is a network namespace; only settings that start with net. can differ between nodes"
	}
	if strings.HasSuffix(e.key, ".tcp_congestion_control") {
		return congestionHint(e.err)
	}
	whole := "it belongs to the whole machine; set it there"
	if errors.Is(e.err, unix.EACCES) || errors.Is(e.err, unix.EPERM) {
		return whole
	}
	if !errors.Is(e.err, unix.ENOENT) {
		return ""
	}
	if st, err := os.Stat(SysctlPath(e.key)); err == nil && st.Mode().IsRegular() {
		return whole
	}
	for _, n := range b.nodes {
		if n.Name != e.node || n.fd < 0 {
			continue
		}
		var near string
		err := onThread(b.home, func() error {
			if err := enter(n.fd); err != nil {
				return err
			}
			near = spelling.Nearest(e.key, sysctlNames())
			return nil
		})
		if err == nil && near != "" {
			return fmt.Sprintf("did you mean %s?", near)
		}
	}
	return "ruleout needs the name as sysctl(8) prints it; some exist only once a kernel module is loaded"
}

// congestionHint says which congestion controls a node may have.
func congestionHint(err error) string {
	which := "tcp_available_congestion_control"
	if errors.Is(err, unix.EPERM) {
		which = "tcp_allowed_congestion_control"
	}
	have, unread := os.ReadFile("/proc/sys/net/ipv4/" + which)
	switch {
	case unread != nil:
		return ""
	case errors.Is(err, unix.EPERM):
		return "nodes may have: " + strings.TrimSpace(string(have)) +
			"; add it to net.ipv4.tcp_allowed_congestion_control of the machine"
	}
	return "there are: " + strings.TrimSpace(string(have)) +
		"; others have modules of their own, such as tcp_bbr, if the kernel was built with them"
}

// sysctlNames lists the network's sysctls in the calling thread's namespace.
func sysctlNames() []string {
	var names []string
	const root = "/proc/sys/"
	_ = filepath.WalkDir(root+"net", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.ReplaceAll(strings.TrimPrefix(path, root), "/", "."))
		}
		return nil // what cannot be read is no candidate
	})
	return names
}
