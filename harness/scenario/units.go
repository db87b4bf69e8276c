package scenario

// Duration is a span of time in nanoseconds. In a file: 20ms, 800us, 1m30s.
type Duration int64

// Rate is in bits a second. In a file: 100mbit, 1gbit, 64kbit, 10bit.
type Rate uint64

// Size is in bytes. In a file: 24kB (1000), 24KiB (1024), 1MB, 512B.
type Size uint64

// Frequency is in events a second. In a file: 40/s, 90/m.
type Frequency float64

// Share is a proportion, 0 to 1. In a file: 10%, 0.5%.
type Share float64

// Speed is that of the emulated CPU in million instructions a second: 1000, 500, 250 or 125. In a file: 500mips.
type Speed int
