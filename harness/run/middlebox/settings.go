package middlebox

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

const (
	maximum = "net.netfilter.nf_conntrack_max"
	buckets = "net.netfilter.nf_conntrack_buckets"
	count   = "net.netfilter.nf_conntrack_count"
)

// tune applies what a scenario says of a node's table.
func (b *box) tune(c *scenario.Conntrack) error {
	if c.Buckets > 0 {
		if err := b.ofMachine(buckets, c.Buckets); err != nil {
			return err
		}
	}
	if c.Max > 0 {
		if err := b.ofMachine(maximum, c.Max); err != nil {
			return err
		}
	}
	return b.node.Do(func() error {
		for _, s := range c.Settings() {
			if err := topology.SetSysctl(s[0], s[1]); err != nil {
				return missing(fmt.Errorf("node %s: %w", b.node.Name, err), "the sysctl "+s[0])
			}
		}
		return nil
	})
}

// ofMachine writes a setting that the whole machine has. The limit of entries is one, up to Linux 7.2 at least, and
// holds for those of each namespace by itself (__nf_conntrack_alloc in net/netfilter/nf_conntrack_core.c).
func (b *box) ofMachine(key string, value int) error {
	if !emulated() {
		return problem.Wrap(problem.Machine, fmt.Errorf("node %s: %s belongs to the whole machine", b.node.Name,
			key), "nothing of this machine is changed: use --backend vm, or leave the key out")
	}
	if err := topology.SetSysctl(key, strconv.Itoa(value)); err != nil {
		return missing(fmt.Errorf("node %s: %w", b.node.Name, err), "a table of connections")
	}
	return nil
}

// emulated reports whether the machine is a guest of ours: the host boots it with this word.
func emulated() bool {
	line, err := os.ReadFile("/proc/cmdline")
	return err == nil && strings.Contains(string(line), "RULEOUT_INIT=1")
}

// readLimits reads how many entries and buckets the node's table may have, if it has one.
func (b *box) readLimits() error {
	if !b.spec.Tracks() {
		return nil
	}
	return b.node.Do(func() (err error) {
		for i, key := range []string{maximum, buckets} {
			if b.limits[i], err = readNumber(topology.SysctlPath(key)); err != nil {
				return missing(fmt.Errorf("node %s: %w", b.node.Name, err), "a table of connections (nf_conntrack)")
			}
		}
		return nil
	})
}

func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return number(path, text)
}

// number parses what a file of the kernel's has.
func number(path string, text []byte) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}
