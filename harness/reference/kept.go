package reference

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ruleout/ruleout/harness/document"
)

// ErrOutOfDate is that a generated file is not what it should be.
var ErrOutOfDate = errors.New("out of date: run go generate")

// Keep compares a generated file with what it should hold, or writes it.
func Keep(path string, want []byte, write bool) error {
	if write {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, want, 0o644)
	}
	have, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(want, have) {
		err = fmt.Errorf("%s is %w", path, ErrOutOfDate)
	}
	return err
}

// Validator says of YAML files whether a schema accepts them.
type Validator struct{ schema *jsonschema.Schema }

// NewValidator compiles a schema.
func NewValidator(schema []byte) (*Validator, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return &Validator{s}, nil
}

// YAML returns why the schema refuses a file, or nil.
func (v *Validator) YAML(data []byte) error {
	text, err := document.JSON(data)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return v.schema.Validate(value)
}
