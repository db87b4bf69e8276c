package sysctl

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

//go:embed names.txt
var file string

// names in alphabetical order, the kernels that they are from, by their series, and why nodes cannot have some.
var names, kernels, barred = parse(file)

// Reason says why a node cannot have a setting on any kernel of the list.
type Reason string

// Reasons; empty where a node can, on one kernel at least.
const (
	// Machine: there is one for all of the machine, below its first network namespace.
	Machine Reason = "machine"
	// ReadOnly: a namespace shows what the machine has, or what it is itself, and takes nothing else.
	ReadOnly Reason = "read-only"
	// WriteOnly: it is a command and no setting, and cannot be read back.
	WriteOnly Reason = "write-only"
)

// Barred returns why no node can have the setting with this name, on any of [Kernels]; empty if one can, or for a name
// that is neither listed nor one of the module nf_conntrack.
func Barred(name string) Reason {
	if reason, ok := conntrack[name]; ok {
		return reason
	}
	general, device := General(name)
	if device != "" && device != "default" {
		general = OfDevice(general)
	}
	return barred[general]
}

// AnyDevice stands for the name of a device where a setting is another thing for devices than for "default", which
// of neighbours only the machine has.
const AnyDevice = "DEVICE"

// OfDevice returns the name with which the list has the setting of a device that General returned, or empty if
// there is none.
func OfDevice(general string) string {
	parts := strings.Split(general, ".")
	if len(parts) <= deviceAt || parts[2] != "conf" && parts[2] != "neigh" {
		return ""
	}
	parts[deviceAt] = AnyDevice
	return strings.Join(parts, ".")
}

func parse(text string) (names, kernels []string, barred map[string]Reason) {
	barred = map[string]Reason{}
	for _, line := range strings.Split(text, "\n") {
		if list, ok := strings.CutPrefix(line, "# kernels: "); ok {
			kernels = strings.Fields(list)
		} else if line != "" && !strings.HasPrefix(line, "#") {
			name, reason, _ := strings.Cut(line, " ")
			if !strings.Contains(name, "."+AnyDevice+".") {
				names = append(names, name)
			}
			if reason != "" {
				barred[name] = Reason(reason)
			}
		}
	}
	return names, kernels, barred
}

// Names returns the listed names in alphabetical order.
func Names() []string { return slices.Clone(names) }

// Kernels returns the series of the kernels that the names are from, the oldest first, such as 5.10.
func Kernels() []string { return slices.Clone(kernels) }

// Newest returns the last of [Kernels].
func Newest() string { return kernels[len(kernels)-1] }

// Known reports whether a name is listed; one for a device is if it is listed for all devices.
func Known(name string) bool {
	general, _ := General(name)
	_, found := slices.BinarySearch(names, general)
	return found
}

// mostEdits between a name and the one that was meant: two letters, or two swaps.
const mostEdits = 2

// Meant returns the name that looks like what was meant by one that is neither listed nor one of the module
// nf_conntrack, out of these. It is empty if none is so near.
func Meant(name string) string {
	if _, ok := conntrack[name]; ok || Known(name) {
		return ""
	}
	general, device := General(name)
	best := spelling.Nearest(general, suggestions)
	if best == "" || spelling.Distance(general, best) > mostEdits {
		return ""
	}
	if parts := strings.Split(best, "."); device != "" && len(parts) > deviceAt {
		parts[deviceAt] = device
		best = strings.Join(parts, ".")
	}
	return best
}

// deviceAt is which part of a name is a device's: net.ipv4.conf.DEVICE.rp_filter.
const deviceAt = 3

// General takes the device out of a name for one device, and returns it.
func General(name string) (general, device string) {
	parts := strings.Split(name, ".")
	if len(parts) <= deviceAt || parts[2] != "conf" && parts[2] != "neigh" {
		return name, ""
	}
	device, parts[deviceAt] = parts[deviceAt], "default"
	return strings.Join(parts, "."), device
}
