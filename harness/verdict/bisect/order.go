package bisect

import (
	"context"
	"fmt"
)

// Order is what was found in a list in which everything after the first that shows the effect shows it too, such as
// kernels by their age.
type Order struct {
	// Not is the last that does not show the effect, and Shows the first that does, by number from 0. They are
	// neighbours, unless all between them is unresolved.
	Not   int `json:"not"`
	Shows int `json:"shows"`
	// First and Last are the ends of the list; unless the one does not show the effect and the other does, there is
	// nothing to find.
	First Tally `json:"first"`
	Last  Tally `json:"last"`
	// Before and After are about the two on fresh seeds.
	Before Tally `json:"before"`
	After  Tally `json:"after"`
	Asked  int   `json:"asked"`
}

// Found reports whether two neighbours differ, also on fresh seeds.
func (o *Order) Found() bool { return o.Before.Outcome() == Not && o.After.Outcome() == Shows }

// Sequence says what each of a list does. An error ends the search.
type Sequence func(ctx context.Context, at int, fresh bool) (Tally, error)

// First looks for the first of n that shows the effect, of which the last one does and the first one does not. tell is
// called with each answer and may be nil.
func First(ctx context.Context, n int, of Sequence, tell func(Answer)) (*Order, error) {
	o := &Order{Shows: n - 1}
	ask := func(at int, fresh bool) (Tally, error) {
		t, err := of(ctx, at, fresh)
		if err != nil {
			return t, fmt.Errorf("number %d: %w", at+1, err)
		}
		o.Asked++
		if tell != nil {
			tell(Answer{Set{at}, fresh, t})
		}
		return t, nil
	}
	var err error
	if o.First, err = ask(0, false); err != nil {
		return o, err
	}
	if o.Last, err = ask(n-1, false); err != nil || o.First.Outcome() != Not || o.Last.Outcome() != Shows {
		return o, err
	}
	known := map[int]Outcome{} // so that what is unresolved is asked once
	o.Not, o.Shows, err = narrow(0, n-1, func(at int) (Outcome, error) {
		if before, ok := known[at]; ok {
			return before, nil
		}
		t, err := ask(at, false)
		known[at] = t.Outcome()
		return t.Outcome(), err
	})
	if err != nil {
		return o, err
	}
	if o.Before, err = ask(o.Not, true); err != nil {
		return o, err
	}
	o.After, err = ask(o.Shows, true)
	return o, err
}
