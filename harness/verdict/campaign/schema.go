package campaign

import (
	_ "embed"
	"slices"
)

// As with scenarios, the tests of this package make the schema and fail when it is out of date.
//
//go:generate go test -count=1 -run=^TestGenerated -update .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a campaign file, for editors and other tools. It knows keys, types,
// units and most bounds. What spans several values, and whatever a setting does to the scenario, only [Parse] finds.
func Schema() ([]byte, error) { return slices.Clone(schema), nil }
