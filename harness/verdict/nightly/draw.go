package nightly

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// dateLayout is how a night is called: by the day on which it begins, in UTC.
const dateLayout = time.DateOnly

// Tonight is the name of the night at that moment.
func Tonight(now time.Time) string { return now.UTC().Format(dateLayout) }

// CheckNight says what is wrong with the name of a night, or nil.
func CheckNight(night string) error {
	if _, err := time.Parse(dateLayout, night); err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("--night %s: not a date", night), "write it as 2026-11-25")
	}
	return nil
}

// Draw returns n seeds of the pool, or all of them, in the order in which they are to be run. It is a random draw
// without replacement, and as such what the evidence needs: nothing that a night showed has an influence on what the
// next one looks at. The numbers come of a hash of night and place, so that all shards of a night, and its repetition,
// draw the same.
func Draw(night, place string, pool []uint64, n int) []uint64 {
	type ticket struct {
		number [sha256.Size]byte
		seed   uint64
	}
	tickets := make([]ticket, len(pool))
	for i, seed := range pool {
		tickets[i] = ticket{
			sha256.Sum256(binary.BigEndian.AppendUint64([]byte("ruleout nightly "+night+" "+place+" "), seed)), seed}
	}
	slices.SortFunc(tickets, func(a, b ticket) int {
		return cmp.Or(slices.Compare(a.number[:], b.number[:]), cmp.Compare(a.seed, b.seed))
	})
	drawn := make([]uint64, min(n, len(tickets)))
	for i := range drawn {
		drawn[i] = tickets[i].seed
	}
	return drawn
}

// Series is the name by which a kernel is watched over its updates: 6.1 for 6.1.0-48-cloud-amd64.
func Series(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return release
	}
	return parts[0] + "." + parts[1]
}
