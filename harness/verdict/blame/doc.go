// Package blame tells of two records what was asked differently, when the two histories part, and what followed.
//
// A run is deterministic. So two runs that were asked the same have the same history to the last bit, and two that were
// not have the same history up to the first moment at which the difference matters. That moment is a better hint at the
// cause than any figure at the end, where everything differs.
//
// A [Story] is told in the order of time: what was asked ([Story.Asked]); the times at which each fault chose packets,
// up to the first that is another ([Story.Faults]); the sample of each series of the timeline at which the two differ
// first ([Story.Parted]), counts before times; and how it ended ([Story.Ended], [Story.Moved]). The comparison itself
// is [result.Compare].
//
// The trap: a sample is of an interval, 100 ms as a rule. What differs first within one is not known. Captures of both
// runs tell ([Story.Packets]): package packet finds the first packet that differs.
//
// Records in two directories are paired by scenario and seed ([Match]), and told in a line each.
package blame
