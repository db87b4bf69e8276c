package kernel

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// Config is a kernel's configuration: option without CONFIG_ → value as the file has
// it (y, m, 250, "string"). Options that are not set are absent.
type Config map[string]string

// parseConfig reads a configuration file, the format of scripts/kconfig.
func parseConfig(text []byte) Config {
	c := Config{}
	for line := range strings.Lines(string(text)) {
		// "# CONFIG_X is not set" is a comment, and so is everything else after a #.
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "CONFIG_"); ok {
			if name, value, ok := strings.Cut(rest, "="); ok && value != "n" {
				c[name] = value
			}
		}
	}
	return c
}

// Has tells whether an option is built in or a module; the prefix CONFIG_ may be left out.
func (c Config) Has(name string) bool {
	v := c[strings.TrimPrefix(name, "CONFIG_")]
	return v == "y" || v == "m"
}

// hash returns "sha256:…" of the options in order.
func (c Config) hash() string {
	lines := make([]string, 0, len(c))
	for name, value := range c {
		lines = append(lines, "CONFIG_"+name+"="+value+"\n")
	}
	slices.Sort(lines)
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(lines, ""))))
}
