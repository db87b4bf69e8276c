package bisect

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Outcome is what came of a configuration.
type Outcome int

// Outcomes.
const (
	// Unresolved says that nothing was shown either way: runs are invalid, a kernel refuses a setting, or seeds do not
	// agree.
	Unresolved Outcome = iota
	// Shows says that the configuration has the effect.
	Shows
	// Not says that it has not.
	Not
)

// String names the outcome.
func (o Outcome) String() string { return [...]string{"unresolved", "shows", "does not show"}[o] }

// MarshalText writes the outcome as its name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Set is a configuration: the numbers of the items that are as on the second side, from 0, in order.
type Set []int

// All is the set of the first n items.
func All(n int) Set {
	s := make(Set, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// with returns the set with the items of another.
func (s Set) with(more Set) Set {
	u := slices.Concat(s, more)
	slices.Sort(u)
	return slices.Compact(u)
}

// without returns the set less the items of another.
func (s Set) without(less Set) Set {
	return slices.DeleteFunc(slices.Clone(s), func(i int) bool { return slices.Contains(less, i) })
}

// in reports whether all items of the set are in another.
func (s Set) in(other Set) bool { return len(other.without(s)) == len(other)-len(s) }

// String lists the items from 1, as people count, with ranges: "1-3 7".
func (s Set) String() string {
	if len(s) == 0 {
		return "none"
	}
	var list []string
	for i := 0; i < len(s); {
		j := i
		for j+1 < len(s) && s[j+1] == s[j]+1 {
			j++
		}
		if j == i {
			list = append(list, fmt.Sprint(s[i]+1))
		} else {
			list = append(list, fmt.Sprintf("%d-%d", s[i]+1, s[j]+1))
		}
		i = j + 1
	}
	return strings.Join(list, " ")
}

// World says what configurations do.
type World interface {
	// Ask is about one configuration. If fresh, only seeds count that no question without fresh uses. An error ends the
	// search.
	Ask(ctx context.Context, of Set, fresh bool) (Tally, error)
}

// Tally is what the seeds of a configuration did.
type Tally struct {
	Shows int `json:"shows"`
	Not   int `json:"does_not_show"`
	// Void seeds have no valid run.
	Void int `json:"void,omitempty"`
	// Lead is by how many seeds one answer has to be ahead of the other.
	Lead int `json:"-"`
}

// Outcome is the answer that leads.
func (t Tally) Outcome() Outcome {
	switch {
	case t.Lead > 0 && t.Shows-t.Not >= t.Lead:
		return Shows
	case t.Lead > 0 && t.Not-t.Shows >= t.Lead:
		return Not
	}
	return Unresolved
}

// Missing is how many further seeds it takes at the least until one answer leads.
func (t Tally) Missing() int { return max(0, t.Lead-max(t.Shows-t.Not, t.Not-t.Shows)) }

// Hopeless reports whether more seeds are in vain: as many as the lead have no valid run, and none has.
func (t Tally) Hopeless() bool { return t.Void >= t.Lead && t.Shows+t.Not == 0 }

// String is such as "5 of 5 seeds".
func (t Tally) String() string {
	text := fmt.Sprintf("%d of %d seeds", t.Shows, t.Shows+t.Not)
	if t.Void > 0 {
		text += fmt.Sprintf(" (%d more without a valid run)", t.Void)
	}
	return text
}

// turned is the tally of the opposite question.
func (t Tally) turned() Tally {
	t.Shows, t.Not = t.Not, t.Shows
	return t
}

// inverse asks the opposite question about another configuration: which items, taken back, make an effect vanish, or
// which hide it.
type inverse struct {
	World
	of func(Set) Set
}

// Ask asks about the other configuration, and turns the answer round.
func (w inverse) Ask(ctx context.Context, of Set, fresh bool) (Tally, error) {
	t, err := w.World.Ask(ctx, w.of(of), fresh)
	return t.turned(), err
}
