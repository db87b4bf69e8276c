// Package unit has the numbers with units that files are written in: durations, rates, sizes, frequencies, shares
// and the speed of an emulated CPU.
//
// Each is a Go number in base units (nanoseconds, bits a second, bytes, events a second, shares of 1, million
// instructions a second) with a Parse function and a String method that are each other's inverse. String gives the
// shortest exact spelling. A number without a unit is refused, and so is a spelling that two people would read
// differently: mbps means megabits to one and, in tc, megabytes to another. A refusal says what to write instead.
package unit
