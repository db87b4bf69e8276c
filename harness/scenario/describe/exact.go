package describe

import (
	"regexp"

	"github.com/ruleout/ruleout/harness/scenario"
)

// number and unit, as package scenario spells them.
var spelling = regexp.MustCompile(`(\d)([a-zA-Z%]+)`)

// units that have another symbol outside of scenario files.
var symbols = map[string]string{"us": "µs", "m": "min", "bit": "bit/s", "kbit": "kbit/s", "mbit": "Mbit/s",
	"gbit": "Gbit/s"}

// apart puts a blank between numbers and units: 20ms becomes 20 ms. All digits stay, since the user chose them.
func apart(spelt string) string {
	last := 0
	var out []byte
	for _, m := range spelling.FindAllStringSubmatchIndex(spelt, -1) {
		unit := spelt[m[4]:m[5]]
		if s, ok := symbols[unit]; ok {
			unit = s
		}
		if last > 0 {
			out = append(out, ' ') // 1m30s
		}
		out = append(out, spelt[last:m[3]]...)
		out = append(out, ' ')
		out = append(out, unit...)
		last = m[5]
	}
	return string(append(out, spelt[last:]...))
}

// Duration writes a span of time that the user chose, with all its digits: 20 ms, 1 min 30 s.
func Duration(d scenario.Duration) string { return apart(d.String()) }

// Rate writes bits a second: 100 Mbit/s.
func Rate(r scenario.Rate) string { return apart(r.String()) }

// Size writes bytes: 24 kB.
func Size(s scenario.Size) string { return apart(s.String()) }

// Share writes a proportion: 10 %.
func Share(s scenario.Share) string { return apart(s.String()) }
