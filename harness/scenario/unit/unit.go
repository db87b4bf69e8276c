package unit

import (
	"reflect"
	"strings"
)

// Duration is a span of time in nanoseconds. In a file: 20ms, 800us, 1m30s.
type Duration int64

// Rate is in bits a second. In a file: 100mbit, 1gbit, 64kbit, 10bit.
type Rate uint64

// Bytes is the rate in whole bytes a second, at least 1.
func (r Rate) Bytes() uint64 { return max(uint64(r)/8, 1) }

// Size is in bytes. In a file: 24kB (1000), 24KiB (1024), 1MB, 512B.
type Size uint64

// Frequency is in events a second. In a file: 40/s, 90/m.
type Frequency float64

// Share is a proportion, 0 to 1. In a file: 10%, 0.5%.
type Share float64

// Speed is that of the emulated CPU in million instructions a second: 1000, 500, 250 or 125. In a file: 500mips.
type Speed int

// Units of each quantity, by how many base units they are worth.
var (
	durationUnits = []scale{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}
	rateUnits     = []scale{{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}
	sizeUnits     = []scale{{"B", 1}, {"kB", 1e3}, {"KiB", 1 << 10}, {"MB", 1e6}, {"MiB", 1 << 20}, {"GB", 1e9},
		{"GiB", 1 << 30}}
	// The base of a frequency is an event an hour, so that all of these are whole.
	frequencyUnits = []scale{{"/s", 3600}, {"/m", 60}, {"/h", 1}}
	shareUnits     = []scale{{"%", 1}}
	speedUnits     = []scale{{"mips", 1}}
)

// Spellings that are refused, and why. A person who writes one of them means something;
// which thing is not for a program to guess where the choices differ.
var (
	durationSlips = map[string]string{"sec": "s", "secs": "s", "min": "m", "mins": "m", "S": "s", "M": "m", "MS": "ms",
		"msec": "ms", "usec": "us", "nsec": "ns", "d": "h (24h is a day)"}
	rateSlips = map[string]string{
		"kbps": "kbit for kilobits a second (in tc, kbps means kilobytes)",
		"mbps": "mbit for megabits a second (in tc, mbps means megabytes)",
		"gbps": "gbit for gigabits a second (in tc, gbps means gigabytes)",
		"bps":  "bit for bits a second (in tc, bps means bytes)",
		"Kbit": "kbit", "Mbit": "mbit", "Gbit": "gbit", "k": "kbit", "m": "mbit", "g": "gbit", "K": "kbit",
		"M": "mbit", "G": "gbit",
		"Kbps": "kbit", "Mbps": "mbit", "Gbps": "gbit", "kbit/s": "kbit", "mbit/s": "mbit", "gbit/s": "gbit",
	}
	sizeSlips = map[string]string{
		"KB": "kB for 1000 bytes or KiB for 1024", "kb": "kB for 1000 bytes or KiB for 1024",
		"Kb": "kB for 1000 bytes or KiB for 1024",
		"K":  "kB for 1000 bytes or KiB for 1024", "k": "kB for 1000 bytes or KiB for 1024", "kiB": "KiB", "kib": "KiB",
		"M": "MB for 1000000 bytes or MiB for 1048576", "m": "MB for 1000000 bytes or MiB for 1048576",
		"mb": "MB for 1000000 bytes or MiB for 1048576",
		"G":  "GB or GiB", "g": "GB or GiB", "gb": "GB or GiB", "b": "B", "bytes": "B", "byte": "B",
		"mib": "MiB", "gib": "GiB",
	}
	frequencySlips = map[string]string{"/sec": "/s", "/second": "/s", "/min": "/m", "/minute": "/m", "/hour": "/h",
		"rps": "/s", "Hz": "/s", "hz": "/s"}
)

// Kind describes a kind of quantity, for schemas and references.
type Kind struct {
	// What it is called: duration.
	What string
	// Pattern is a regular expression for how it is spelt, in the dialect of JSON Schema.
	Pattern string
}

// Of returns the kind of one of the types of this package.
func Of(t reflect.Type) (Kind, bool) {
	k, ok := map[reflect.Type]*kind{
		reflect.TypeFor[Duration](): durations, reflect.TypeFor[Rate](): rates, reflect.TypeFor[Size](): sizes,
		reflect.TypeFor[Frequency](): frequencies, reflect.TypeFor[Share](): shares, reflect.TypeFor[Speed](): speeds,
	}[t]
	if !ok {
		return Kind{}, false
	}
	_, what, _ := strings.Cut(k.what, " ")
	return Kind{What: what, Pattern: k.pattern()}, true
}

func (k *kind) pattern() string {
	var units []string
	for _, u := range k.units {
		if units = append(units, u.name); u.name == "us" {
			units = append(units, "µs")
		}
	}
	one := `[0-9]+(\.[0-9]+)?(` + strings.Join(units, "|") + `)`
	if k.compound {
		return "^(" + one + ")+$"
	}
	return "^" + one + "$"
}

// ParseDuration reads a duration: a decimal number with the unit ns, us (or µs), ms, s, m
// or h, or several of falling unit, as in 1m30s. It must be a whole number of nanoseconds.
func ParseDuration(text string) (Duration, error) {
	n, err := durations.parse(text)
	return Duration(n), err
}

// ParseRate reads a rate: a decimal number with the unit bit, kbit, mbit or gbit (powers
// of 1000), a whole number of bits a second.
func ParseRate(text string) (Rate, error) {
	n, err := rates.parse(text)
	return Rate(n), err
}

// ParseSize reads a size: a decimal number with the unit B, kB, MB or GB (powers of 1000),
// KiB, MiB or GiB (powers of 1024), a whole number of bytes.
func ParseSize(text string) (Size, error) {
	n, err := sizes.parse(text)
	return Size(n), err
}

// ParseFrequency reads a frequency: a decimal number with the unit /s, /m or /h.
func ParseFrequency(text string) (Frequency, error) {
	r, err := frequencies.rat(text)
	if err != nil {
		return 0, err
	}
	f, _ := r.Quo(r, ratOf(3600)).Float64()
	return Frequency(f), nil
}

// ParseShare reads a share: a decimal number of per cent.
func ParseShare(text string) (Share, error) {
	r, err := shares.rat(text)
	if err != nil {
		return 0, err
	}
	f, _ := r.Quo(r, ratOf(100)).Float64()
	return Share(f), nil
}

// ParseSpeed reads a speed in mips.
func ParseSpeed(text string) (Speed, error) {
	n, err := speeds.parse(text)
	return Speed(n), err
}

// String returns the shortest exact spelling.
func (d Duration) String() string { return durations.spell(int64(d)) }

// String returns the shortest exact spelling.
func (r Rate) String() string { return rates.spell(int64(r)) }

// String returns the shortest exact spelling.
func (s Size) String() string { return sizes.spell(int64(s)) }

// String returns the shortest spelling that reads back as the same number.
func (f Frequency) String() string {
	best := ""
	for _, u := range frequencyUnits {
		text := spellFloat(float64(f), 3600/u.worth, u.name, func(text string) bool {
			back, err := ParseFrequency(text)
			return err == nil && back == f
		})
		if best == "" || len(text) < len(best) {
			best = text
		}
	}
	return best
}

// String returns the shortest spelling that reads back as the same number.
func (s Share) String() string {
	return spellFloat(float64(s), 100, "%", func(text string) bool {
		back, err := ParseShare(text)
		return err == nil && back == s
	})
}

// String returns the speed in mips.
func (s Speed) String() string { return speeds.spell(int64(s)) }
