package archive

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Damage is something wrong that was found when an archive was opened, and what became of it.
type Damage struct {
	// Offset in the file of records, in bytes; Length is how much is lost.
	Offset, Length int64
	// Torn is the ordinary case: the last record was half written when its writer died.
	Torn bool
	// Gone is how many records the index knows of after the end of the file. Length is 0 then.
	Gone int
}

// String describes it for a person.
func (d Damage) String() string {
	switch {
	case d.Gone == 1:
		return fmt.Sprintf("the file of records ends at %d: 1 record after it, which the index lists, is missing; "+
			"a sweep makes its run again", d.Offset)
	case d.Gone > 0:
		return fmt.Sprintf("the file of records ends at %d: %d records after it, which the index lists, are missing; "+
			"a sweep makes their runs again", d.Offset, d.Gone)
	case d.Torn:
		return fmt.Sprintf("the last record was written partly (%d bytes at %d) and is dropped; a sweep makes its run again",
			d.Length, d.Offset)
	}
	return fmt.Sprintf("%d bytes at %d are damaged: the record in them is left out; a sweep makes its run again", d.Length,
		d.Offset)
}

// Conflict is a determinism alarm: one run with two digests. What determines a run is in its id, so the machine that
// made one of the two records computed something else, or a record was changed.
type Conflict struct {
	// Run is the id that both have, Have the digest of the record that is kept, and Other that of the one that is not.
	Run, Have, Other string
	Seed             uint64
}

// Error describes it for a person.
func (c *Conflict) Error() string {
	return fmt.Sprintf("determinism alarm: run %s (seed %d) is in the archive with digest %s, and a new run has %s",
		result.Short(c.Run), c.Seed, result.Short(c.Have), result.Short(c.Other))
}

// alarm is a conflict as an error of kind [problem.Invalid].
func (c *Conflict) alarm() error {
	return problem.Wrap(problem.Invalid, c, "equal runs have equal digests: ruleout replay shows which of the two repeats")
}
