package sysctl

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/spelling"
)

//go:embed names.txt
var file string

// names in alphabetical order, and the kernels that they are from, by their series.
var names, kernels = parse(file)

func parse(text string) (names, kernels []string) {
	for _, line := range strings.Split(text, "\n") {
		if list, ok := strings.CutPrefix(line, "# kernels: "); ok {
			kernels = strings.Fields(list)
		} else if line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names, kernels
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

// Meant returns the listed name that looks like what was meant by one that is not listed. It is empty if the name is listed or none is so near
// to it.
func Meant(name string) string {
	if Known(name) {
		return ""
	}
	general, device := General(name)
	best := spelling.Nearest(general, names)
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
