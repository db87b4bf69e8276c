package truth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
)

// Schema is raised when questions or trains change: older reports then count for nothing.
const Schema = 1

// Report is what a kernel answered.
type Report struct {
	Schema  int    `json:"schema"`
	Release string `json:"release"` // as uname -r prints it
	// Fingerprint is "sha256:…" of all observations.
	Fingerprint string `json:"fingerprint"`
	// Answers are in the order of [Questions].
	Answers []Answer `json:"answers"`
	// Trains are what became of packets, by model, in a form for people and for the hash.
	Trains []Train `json:"trains"`
}

// Answer is that to one question: yes, no, or unknown.
type Answer struct {
	Name   string `json:"name"`
	Answer string `json:"answer"`
}

// Answers.
const (
	Yes     = "yes"
	No      = "no"
	Unknown = "unknown"
)

// Train is what became of a train of packets.
type Train struct {
	Model string `json:"model"`
	Saw   string `json:"saw"`
}

// Knows returns the answer to a question.
func (r *Report) Knows(name string) string {
	for _, a := range r.Answers {
		if a.Name == name {
			return a.Answer
		}
	}
	return Unknown
}

// Seal computes the fingerprint.
func (r *Report) Seal() {
	var b strings.Builder
	for _, a := range r.Answers {
		fmt.Fprintf(&b, "%s\t%s\n", a.Name, a.Answer)
	}
	for _, t := range r.Trains {
		fmt.Fprintf(&b, "%s\t%s\n", t.Model, t.Saw)
	}
	sum := sha256.Sum256([]byte(b.String()))
	r.Fingerprint = "sha256:" + hex.EncodeToString(sum[:])
}

// file of a kernel's directory in the store.
const file = "truths.json"

// Load returns the report that is kept in a directory, or an error if there is none of this schema.
func Load(dir string) (*Report, error) {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, file), err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("%s is of schema %d, not %d", filepath.Join(dir, file), r.Schema, Schema)
	}
	return r, nil
}

// Forget removes the report that is kept in a directory; none is no error.
func Forget(dir string) error {
	if err := os.Remove(filepath.Join(dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the report of a kernel: %w", err)
	}
	return nil
}

// Save keeps a report in a directory.
func Save(dir string, r *Report) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.File(filepath.Join(dir, file), append(b, '\n')); err != nil {
		return fmt.Errorf("keep the report of a kernel: %w", err)
	}
	return nil
}
