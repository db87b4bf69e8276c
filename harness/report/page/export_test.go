package page

import (
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Network returns the pictures of a network as HTML, of a scenario that need not be valid.
func Network(s *scenario.Scenario) (string, error) {
	var b strings.Builder
	err := pages.ExecuteTemplate(&b, "network", newNetwork(s))
	return b.String(), err
}
