package mutant

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Mutant is one change in one file.
type Mutant struct {
	// File is relative to the root of the module.
	File string
	Line int
	// Func is the function that is changed, TYPE.METHOD for a method, or empty for a declaration outside of functions.
	Func     string
	Operator Operator
	// From and To are the expression or statement before and after, in one line and shortened.
	From, To string
	// Nth tells mutants apart that are otherwise the same, from 1.
	Nth int

	edits []edit
	body  body
}

// body is that of a function, from its brace to after the other; void says that it has no result. Without an end it
// cannot be there twice.
type body struct {
	from, to int
	void     bool
}

// Operator is a kind of change.
type Operator string

// Operators.
const (
	Boundary   Operator = "boundary"   // a < b becomes a <= b
	Negation   Operator = "negation"   // a < b becomes a >= b, !a becomes a
	Arithmetic Operator = "arithmetic" // a + b becomes a - b, a++ becomes a--, min becomes max
	Logic      Operator = "logic"      // a && b becomes a || b
	Bits       Operator = "bits"       // a & b becomes a | b
	Constant   Operator = "constant"   // 5 becomes 6, 0.5 becomes 1, true becomes false
	Dropped    Operator = "dropped"    // f(a) is not called, or gives a back
	Swapped    Operator = "swapped"    // f(a, b) becomes f(b, a)
)

// edit replaces bytes of the file.
type edit struct {
	from, to int
	text     string
}

// Key names a mutant for as long as the lines that it changes stay as they are, wherever in the function they stand.
func (m *Mutant) Key() string {
	of := m.Func
	if of == "" {
		of = "-"
	}
	key := fmt.Sprintf("%s %s %s: %s → %s", m.File, of, m.Operator, m.From, m.To)
	if m.Nth > 1 {
		key += fmt.Sprintf(" (%d)", m.Nth)
	}
	return key
}

// apply returns the source with the change.
func (m *Mutant) apply(source []byte) []byte {
	edits := slices.Clone(m.edits)
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) })
	out := slices.Clone(source)
	for _, e := range edits {
		out = slices.Replace(out, e.from, e.to, []byte(e.text)...)
	}
	return out
}

// Choose draws most of the mutants, or returns all of them if there are no more, in an order that follows from their
// keys and the seed. The same mutants are drawn whatever else the package has.
func Choose(list []Mutant, seed uint64, most int) []Mutant {
	type ticket struct {
		number [sha256.Size]byte
		of     int
	}
	tickets := make([]ticket, len(list))
	for i := range list {
		key := strings.TrimPrefix(list[i].Key(), path.Dir(list[i].File)+"/") // a folder that moves draws no others
		tickets[i] = ticket{sha256.Sum256(binary.BigEndian.AppendUint64([]byte(key+"\x00"), seed)), i}
	}
	slices.SortFunc(tickets, func(a, b ticket) int { return slices.Compare(a.number[:], b.number[:]) })
	if most > 0 && len(tickets) > most {
		tickets = tickets[:most]
	}
	drawn := make([]Mutant, len(tickets))
	for i, t := range tickets {
		drawn[i] = list[t.of]
	}
	return drawn
}

// longest text of an expression in a key, in runes.
const longest = 90

// oneLine is a piece of source as keys have it.
func oneLine(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > longest {
		runes = append(runes[:longest-1], '…')
	}
	return string(runes)
}
