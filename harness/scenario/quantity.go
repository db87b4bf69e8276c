package scenario

import "github.com/ruleout/ruleout/harness/scenario/unit"

// Quantities of a scenario, which a file writes with their units.
type (
	// Duration is a span of time in nanoseconds. In a file: 20ms, 800us, 1m30s.
	Duration = unit.Duration
	// Rate is in bits a second. In a file: 100mbit, 1gbit, 64kbit, 10bit.
	Rate = unit.Rate
	// Size is in bytes. In a file: 24kB (1000), 24KiB (1024), 1MB, 512B.
	Size = unit.Size
	// Frequency is in events a second. In a file: 40/s, 90/m.
	Frequency = unit.Frequency
	// Share is a proportion, 0 to 1. In a file: 10%, 0.5%.
	Share = unit.Share
	// Speed is that of the emulated CPU in million instructions a second. In a file: 500mips.
	Speed = unit.Speed
)

// Wants says what an expectation is, for messages.
func (Expectation) Wants() string { return "a condition, such as http.errors == 0" }

// Shorthands are the kinds of actions that may stand for the whole mapping.
func (Action) Shorthands() []string { return shorthands }

// Example shows how an action is written.
func (Action) Example() string { return `"do: drop", or a mapping such as "do: {duplicate: 3}"` }

// Names of a fault in a --set path.
func (Fault) Names(word func(key string, i int) string) []string { return []string{word("name", -1)} }

// Names of a program in a --set path.
func (Program) Names(word func(key string, i int) string) []string { return []string{word("name", -1)} }

// Names of a load in a --set path: client-web.
func (Traffic) Names(word func(key string, i int) string) []string {
	return []string{word("from", -1) + "-" + word("to", -1)}
}

// Names of a link in a --set path: client-edge and edge-client.
func (Link) Names(word func(key string, i int) string) []string {
	a, b := word("between", 0), word("between", 1)
	return []string{a + "-" + b, b + "-" + a}
}
