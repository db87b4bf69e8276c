package yamldoc

import (
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"
)

// JSON returns the values of a YAML document as JSON, as validators of schemas look at them.
func JSON(data []byte) ([]byte, error) {
	var x any
	if err := yaml.Unmarshal(data, &x); err != nil {
		return nil, err
	}
	b, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	return b, nil
}
