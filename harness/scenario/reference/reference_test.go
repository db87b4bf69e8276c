package reference

import (
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// Inn is a [House] where people stay. For readers of the code: it is made up.
type Inn struct {
	// Version of the format, which is 1.
	Version int `yaml:"version" min:"1" max:"9"`
	// Name on the sign, a|b.
	Name string `yaml:"name"`
	// Stay is how long one may.
	Stay *unit.Duration `yaml:"stay,omitempty" default:"24h" min:"1h" max:"72h" off:"forever"`
	// Board that is offered.
	Board string `yaml:"board,omitempty" enum:"full,half" default:"half"`
	// Rooms by their numbers.
	Rooms map[string]*Room `yaml:"rooms,omitempty" most:"3"`
	// Open in winter.
	Open bool `yaml:"open,omitempty"`
	// Guests by name.
	Guests []Guest `yaml:"guests,omitempty" most:"5"`
}

// Room of an inn.
type Room struct {
	// Beds in it.
	Beds int    `yaml:"beds,omitempty" default:"2" min:"1" max:"4"`
	View string `yaml:"view,omitempty"`
}

// Guest is spelt in a way of its own.
type Guest string

func inn() *Format {
	return &Format{
		Noun:     "inn",
		Sections: []Section{SectionOf[Inn]("the whole file"), SectionOf[Room]("rooms.NAME")},
		Words:    map[reflect.Type]string{reflect.TypeFor[[]Guest](): "list of guests"},
		Schemas:  map[reflect.Type]*jsonschema.Schema{reflect.TypeFor[Guest](): {Type: "string", Pattern: "^[A-Z]"}},
		Until:    []string{" For readers"},
	}
}

func TestTables(t *testing.T) {
	made, err := inn().Tables()
	require.NoError(t, err)
	require.Equal(t, `## the whole file

Inn is a House where people stay.

| key | value | default | range | meaning |
|---|---|---|---|---|
| `+"`version`"+` | whole number | required | 1 to 9 | Version of the format, which is 1. |
| `+"`name`"+` | word | required |  | Name on the sign, a\|b. |
| `+"`stay`"+` | duration | 24h | 1h to 72h, or forever | Stay is how long one may. |
| `+"`board`"+` | word | half | full, half | Board that is offered. |
| `+"`rooms`"+` | mapping |  | 3 items at most | Rooms by their numbers. |
| `+"`open`"+` | true or false | false |  | Open in winter. |
| `+"`guests`"+` | list of guests |  | 5 items at most | Guests by name. |

## rooms.NAME

Room of an inn.

| key | value | default | range | meaning |
|---|---|---|---|---|
| `+"`beds`"+` | whole number | 2 | 1 to 4 | Beds in it. |
| `+"`view`"+` | word |  |  |  |
`, made)
}

func TestLeft(t *testing.T) {
	f := inn()
	require.Empty(t, f.Left())
	f.Sections = f.Sections[:1]
	require.Equal(t, []string{"the whole file.rooms"}, f.Left(), "no section is about a room")
}

func TestUndescribed(t *testing.T) {
	list, err := inn().Undescribed()
	require.NoError(t, err)
	require.Equal(t, []string{"Room.view"}, list)
}

func TestSchema(t *testing.T) {
	made, err := inn().Schema(func(s *jsonschema.Schema) {
		name, _ := s.Properties.Get("name")
		name.Pattern = "^The "
	})
	require.NoError(t, err)
	v, err := NewValidator(made)
	require.NoError(t, err)
	const good = "version: 1\nname: The Swan\n"
	for _, more := range []string{"", "stay: 48h", "stay: forever", "board: full", "rooms: {a: {beds: 1}, b: }",
		"open: true", "guests: [Ann, Bo]"} {
		require.NoError(t, v.YAML([]byte(good+more+"\n")), more)
	}
	for what, text := range map[string]string{
		"a missing key":          "version: 1",
		"a key twice":            good + "name: The Swan",
		"no YAML":                good + "rooms: {",
		"an unknown key":         good + "bar: true",
		"out of a range":         "version: 10\nname: The Swan",
		"what adjust asks for":   "version: 1\nname: Swan",
		"a quantity without":     good + "stay: 48",
		"another word for off":   good + "stay: never",
		"a word out of a list":   good + "board: none",
		"too many of a mapping":  good + "rooms: {a: , b: , c: , d: }",
		"too many of a list":     good + "guests: [A, B, C, D, E, F]",
		"a type's own schema":    good + "guests: [ann]",
		"out of a range further": good + "rooms: {a: {beds: 5}}",
	} {
		require.Error(t, v.YAML([]byte(text+"\n")), what)
	}
}

func TestNoSchema(t *testing.T) {
	for what, text := range map[string]string{"no JSON": "{", "no schema": `{"type": 7}`} {
		_, err := NewValidator([]byte(text))
		require.Error(t, err, what)
	}
}
