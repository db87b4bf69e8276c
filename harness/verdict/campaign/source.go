package campaign

import (
	"slices"

	"github.com/ruleout/ruleout/harness/record/archive"
)

// Source is what the plan was made from, as an archive keeps it for [FromSource].
func (p *Plan) Source() archive.Source { return p.source }

// FromSource returns the plan of the campaign that an archive is of. set are further arguments PATH=VALUE.
func FromSource(from archive.Source, set ...string) (*Plan, error) {
	return Parse(from.File, []byte(from.Text), slices.Concat(from.Set, set), func(string) (string, []byte, error) {
		return from.ScenarioFile, []byte(from.ScenarioText), nil
	})
}
