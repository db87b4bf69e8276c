package scenario

import (
	_ "embed"
	"slices"
)

// The schema is made from the types, their tags and their comments by the tests of this
// package, which also fail when it is out of date: the comments are not there at run time.
//
//go:generate go test -count=1 -run=^TestGenerated -update .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a scenario file, for editors and
// other tools. It knows keys, types, units and most bounds; what spans several values,
// such as the name of a node that does not exist, only [Parse] finds. It is a little
// stricter: empty lists are written [] there, where Parse takes nothing for them too.
func Schema() ([]byte, error) { return slices.Clone(schema), nil }
