package scenario

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Canonical returns the scenario as JSON with sorted keys, defaults filled in and every quantity a number of base
// units: nanoseconds, bits a second, bytes, events a second, shares of 1. Two scenarios that mean the same have the
// same canonical form, but for About, Source and Seeds and where the times of a replay were read, which are in it and
// have no meaning. Keys that came to the format later are left out where they have their default (omitzero), so that
// hashes of earlier records hold.
func (s *Scenario) Canonical() ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	// By way of a map, so that keys are sorted and stay where they are when a field of
	// the Go types moves.
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.UseNumber()
	var tree map[string]any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // expectations are full of < and >
	if err := enc.Encode(tree); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// FromCanonical reads what [Scenario.Canonical] wrote, and validates it like a file, but
// for positions: mistakes name the path of the value.
func FromCanonical(data []byte) (*Scenario, error) {
	const where = "canonical scenario"
	if len(data) > 4*yamldoc.MostBytes {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: larger than %v", where, Size(4*yamldoc.MostBytes)), "")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	s := new(Scenario)
	if err := dec.Decode(s); err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: %w", where, err), "")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: something follows it", where), "")
	}
	complete(reflect.ValueOf(s).Elem())
	s.fill()
	d := yamldoc.Bare(yamldoc.Format{Noun: where})
	s.validate(d, nil)
	if err := d.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// complete sets what is missing and has a default: keys that Canonical leaves out, and pointers that are nil, which
// they are not in what Canonical writes, but a record can have been edited.
func complete(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			complete(v.Elem())
		}
	case reflect.Struct:
		for _, f := range yamldoc.FieldsOf(v.Type()) {
			x := v.Field(f.Index)
			if x.IsZero() && (f.OmitZero || f.Default != "" && x.Kind() == reflect.Pointer) {
				f.SetDefault(x)
			}
			complete(x)
		}
	case reflect.Slice:
		for i := range v.Len() {
			complete(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			x := v.MapIndex(key)
			if x.Kind() == reflect.Pointer && x.IsNil() {
				x = reflect.New(x.Type().Elem())
				v.SetMapIndex(key, x)
			}
			complete(x)
		}
	}
}

// atDefaults reports whether v has the defaults of its fields, and no other values.
func atDefaults[T comparable](v T) bool {
	var defaults T
	new(yamldoc.Field).SetDefault(reflect.ValueOf(&defaults).Elem())
	return v == defaults
}

// Hash returns "sha256:" and the hash of the canonical form without About, Source, Seeds and the files of replays, in
// hex.
func (s *Scenario) Hash() string {
	bare := *s
	bare.About, bare.Source, bare.Seeds = "", "", 0
	bare.Load = withoutFiles(s.Load)
	data, err := bare.Canonical()
	if err != nil {
		panic(err) // the types have no value that JSON cannot express, but NaN, which validation refuses
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
