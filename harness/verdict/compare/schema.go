package compare

import (
	_ "embed"
	"slices"
)

// As with scenarios, the tests of this package make the schema and fail when it is out of date.
//
//go:generate go test -count=1 -run=^TestGenerated -update .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a profile, for editors and other tools. Whether a scenario has what
// the profile sets is found when the two come together.
func Schema() ([]byte, error) { return slices.Clone(schema), nil }
