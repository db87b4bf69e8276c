package yamldoc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// recipe is a file format of the tests' own: what package scenario does not use of this package is tested only here.
type recipe struct {
	Name  string        `yaml:"name"`
	Time  unit.Duration `yaml:"time,omitempty" default:"20m" min:"1m" max:"2h"`
	Heat  string        `yaml:"heat,omitempty" enum:"low,high"`
	Steps []step2       `yaml:"steps,omitempty" most:"3"`
}

type step2 struct {
	Do   string `yaml:"do"`
	Stir bool   `yaml:"stir,omitempty"`
}

func (step2) Names(word func(string, int) string) []string { return []string{word("do", -1)} }

func (step2) Shorthands() []string { return []string{"stir"} }

var format = Format{Noun: "recipe", Needs: "a recipe has a name at least"}

func readRecipe(text string, set ...string) (*recipe, *Document, error) {
	r := new(recipe)
	d, whole := Read(format, "soup.yaml", []byte(text), set, r)
	if whole {
		d.Bounds(r)
	}
	return r, d, d.Err()
}

func TestRead(t *testing.T) {
	r, d, err := readRecipe("name: soup\nsteps:\n  - {do: cut}\n  - {do: boil, stir: true}\n", "steps.cut.do=chop",
		"time=30m")
	require.NoError(t, err)
	require.Equal(t, &recipe{Name: "soup", Time: 30 * 60e9, Steps: []step2{{Do: "chop"}, {Do: "boil", Stir: true}}}, r)
	require.True(t, d.Written("steps[1].stir"))
	require.False(t, d.Written("heat"))
	require.True(t, d.Sound("steps"))
}

// The file's own noun is in the messages, each whole.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "soup.yaml:1:1: empty\n    1 | \n      | ^\n   hint: a recipe has a name at least"},
		{"- 1\n", "soup.yaml:1:1: a recipe is a mapping, not a list\n    1 | - 1\n      | ^\n   hint: keys: name, time, heat, steps"},
		{"name: soup\ntime: 3h\n", "soup.yaml:2:7: time is 1m to 2h, not 3h\n    2 | time: 3h\n      |       ^^"},
		{"name: soup\nheat: hihg\n", "soup.yaml:2:7: heat is low or high, not hihg\n    2 | heat: hihg\n" +
			"      |       ^^^^\n   hint: did you mean \"high\"?"},
		{"name: &a soup\n", "soup.yaml:1:7: anchors such as &a are not allowed in a recipe\n    1 | name: &a soup\n" +
			"      |       ^\n   hint: write the value out where it is used"},
		{"name: soup\n---\nname: stew\n", "soup.yaml:2:1: a second document\n    2 | ---\n      | ^\n   hint: one file holds one recipe"},
		{"name: soup\nsteps: [{do: a}, {do: b}, {do: c}, {do: d}]\n", "soup.yaml:2:8: steps has 4 items, " +
			"and 3 is the most\n    2 | steps: [{do: a}, {do: b}, {do: c}, {do: d}]\n      |        ^"},
	} {
		_, _, err := readRecipe(c.text)
		require.Equal(t, problem.Usage, problem.KindOf(err))
		require.EqualError(t, err, c.want)
	}
}

func TestOneMistakeIsToldOnce(t *testing.T) {
	_, d, _ := readRecipe("name: soup\ntime: 3h\n")
	require.False(t, d.Sound("time"))
	d.Fail("time", "too long for soup", "")
	require.NotContains(t, d.Err().Error(), "too long for soup")
}

func TestBareHasNoPositions(t *testing.T) {
	d := Bare(Format{Noun: "stored recipe"})
	d.Fail("steps[0].do", "burnt", "turn the heat down")
	require.EqualError(t, d.Err(), "stored recipe: steps[0].do: burnt\n   hint: turn the heat down")
}
