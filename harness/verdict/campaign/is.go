package campaign

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// hypothesesKey is the key at the beginning of a line, where only a key of the whole file can be.
var hypothesesKey = regexp.MustCompile(`(?m)^["']?hypotheses["']?[ \t]*:`)

// Is tells a campaign from a scenario by what is in it: a campaign has hypotheses. A file with a mistake in it
// is still what it was meant to be.
func Is(data []byte) bool {
	if text, err := yamldoc.JSON(data); err == nil {
		var keys map[string]json.RawMessage
		if json.Unmarshal(text, &keys) == nil {
			_, ok := keys["hypotheses"]
			return ok
		}
	}
	return hypothesesKey.Match(bytes.TrimPrefix(data, []byte("\ufeff")))
}
