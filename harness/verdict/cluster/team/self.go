package team

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"os"
	"regexp"
	"strings"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// Self describes a worker on this machine. An empty name is made of the host's.
func Self(name string, slots int, guest, qemu string) wire.Hello {
	if name == "" {
		var id [4]byte
		_, _ = rand.Read(id[:]) // never fails
		name = plain(hostname()) + "-" + hex.EncodeToString(id[:])
	}
	return wire.Hello{Worker: name, Host: hostname(), CPU: processor(), Version: machine.Version, Guest: guest, QEMU: qemu,
		Slots: slots}
}

// hostname of this machine, if it can be told.
func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "unknown"
	}
	return name
}

var odd = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// plain is a host's name as it may stand in a worker's id.
func plain(host string) string {
	host, _, _ = strings.Cut(host, ".")
	return odd.ReplaceAllString(host[:min(len(host), 40)], "-")
}

// processor is what the kernel says of it; empty where it says nothing.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
