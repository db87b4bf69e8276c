package middlebox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

const (
	sysctls = "/proc/sys/net/netfilter/"
	maximum = sysctls + "nf_conntrack_max"
	buckets = sysctls + "nf_conntrack_buckets"
	count   = sysctls + "nf_conntrack_count"
)

// tune applies what a scenario says of a node's table.
func (b *box) tune(c *scenario.Conntrack) error {
	if c.Buckets > 0 {
		if err := b.ofMachine(buckets, c.Buckets); err != nil {
			return err
		}
	}
	if c.Max > 0 {
		if err := b.limit(c.Max); err != nil {
			return err
		}
	}
	return b.node.Do(func() error {
		for _, s := range c.Settings() {
			if err := writeChecked("/proc/sys/"+strings.ReplaceAll(s[0], ".", "/"), s[1]); err != nil {
				return missing(fmt.Errorf("node %s: %w", b.node.Name, err), "the sysctl "+s[0])
			}
		}
		return nil
	})
}

// limit bounds the entries of the node: by a limit of its own where the kernel has one, which that of the machine
// bounds, and else by that of the machine, which holds for the entries of each namespace by itself
// (__nf_conntrack_alloc in net/netfilter/nf_conntrack_core.c).
func (b *box) limit(most int) error {
	own := b.node.Do(func() error { return writeChecked(maximum, strconv.Itoa(most)) })
	if own == nil {
		machine, err := readNumber(maximum)
		if err != nil || machine >= int64(most) {
			return err
		}
		return b.ofMachine(maximum, most)
	}
	if !errors.Is(own, unix.EACCES) && !errors.Is(own, unix.EPERM) {
		return missing(fmt.Errorf("node %s: %w", b.node.Name, own), "a table of connections")
	}
	return b.ofMachine(maximum, most)
}

// ofMachine writes a setting that the whole machine has.
func (b *box) ofMachine(path string, value int) error {
	if !emulated() {
		return problem.Wrap(problem.Machine, fmt.Errorf("node %s: %s belongs to the whole machine", b.node.Name,
			strings.TrimPrefix(path, sysctls)), "nothing of this machine is changed: use --backend vm, or leave the key out")
	}
	if err := writeChecked(path, strconv.Itoa(value)); err != nil {
		return missing(fmt.Errorf("node %s: %w", b.node.Name, err), "a table of connections")
	}
	return nil
}

// emulated reports whether the machine is a guest of ours: the host boots it with this word.
func emulated() bool {
	line, err := os.ReadFile("/proc/cmdline")
	return err == nil && strings.Contains(string(line), "RULEOUT_INIT=1")
}

// checkMachine makes sure that no node has changed what another asked for.
func checkMachine(list []*box) error {
	for _, b := range list {
		c := b.spec.Conntrack
		if c == nil {
			continue
		}
		limits, err := b.readLimits()
		if err != nil {
			return err
		}
		if c.Max > 0 && limits[0] != int64(c.Max) {
			return &problem.Error{Kind: problem.Machine, Err: fmt.Errorf(
				"node %s: asked for a table of %d entries, and the kernel has %d", b.node.Name, c.Max, limits[0]),
				Hint:  "this kernel has one limit for all nodes: write the same max on all, or choose a later kernel",
				Place: "nodes." + b.node.Name + ".conntrack.max"}
		}
	}
	return nil
}

// readLimits reads how many entries and buckets the node's table has.
func (b *box) readLimits() (limits [2]int64, err error) {
	err = b.node.Do(func() error {
		for i, path := range []string{maximum, buckets} {
			if limits[i], err = readNumber(path); err != nil {
				return missing(fmt.Errorf("node %s: %w", b.node.Name, err), "a table of connections (nf_conntrack)")
			}
		}
		return nil
	})
	return limits, err
}

// writeChecked writes a number to a file of the kernel's, and reads it back.
func writeChecked(path, value string) error {
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return err
	}
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(string(got)); text != value {
		return fmt.Errorf("write %s to %s: the kernel says %s", value, path, text)
	}
	return nil
}

func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
