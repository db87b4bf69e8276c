package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// Schema is the version of the record's layout that this package writes.
const Schema = 1

// Decode reads a record of any schema that this build knows, which is one so far. Within a schema fields only come to
// a record, and are left out where they have no value, so that what an earlier build wrote is read as it is and has
// its digest still. The error for another schema is of kind [problem.Usage] and has a hint; others are those of
// package json. A record that is larger than [CheckSize] allows, or whose scenario has a name that is none, was not
// written by this program.
func Decode(b []byte) (*Record, error) {
	if err := CheckSize(b); err != nil {
		return nil, err
	}
	r := new(Record)
	err := json.Unmarshal(b, r)
	// A later layout may have other types, about which nothing has to be said then.
	if typ := new(json.UnmarshalTypeError); r.Schema != Schema && (err == nil || errors.As(err, &typ)) {
		switch {
		case r.Schema > Schema:
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("record has schema %d, this build reads %d", r.Schema, Schema),
				"a newer ruleout wrote it: read it with that one")
		case err == nil:
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("record has schema %d, and the first is 1", r.Schema),
				"this is something else than a record of ruleout")
		}
	}
	if err != nil {
		return nil, err
	}
	if !IsName(r.Scenario.Name) {
		return nil, fmt.Errorf("%.70q is not a scenario's name", r.Scenario.Name)
	}
	return r, nil
}

// Bounds of a record. A run of an hour with 100 timelines at 100 ms takes some 20 MiB; the others are a thousand times
// what the largest scenario has.
const (
	// MostBytes of a record as JSON.
	MostBytes             = 32 << 20
	mostObjects, mostKeys = 100_000, 500_000
)

// CheckSize reports whether a record as JSON is small enough to be decoded in some hundred megabytes. What decoding
// takes goes by the number of objects and of keys, of which a hostile record has one in three bytes.
func CheckSize(b []byte) error {
	switch objects, keys := bytes.Count(b, []byte{'{'}), bytes.Count(b, []byte{':'}); {
	case len(b) > MostBytes:
		return fmt.Errorf("the record has %d bytes, and at most %d are read", len(b), MostBytes)
	case objects > mostObjects:
		return fmt.Errorf("the record has %d objects, and at most %d are read", objects, mostObjects)
	case keys > mostKeys:
		return fmt.Errorf("the record has %d values, and at most %d are read", keys, mostKeys)
	}
	return nil
}

// name of a scenario, as package scenario allows it. Files are named after it.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// IsName reports whether a scenario can have this name. The empty one is that of a record that names none.
func IsName(s string) bool { return s == "" || name.MatchString(s) }

// FileName is the name under which [Save] keeps a record: scenario, seed and the
// digest's first digits, so that a run that repeats lands on the same file.
func FileName(r *Record) string {
	return BaseName(fmt.Sprintf("%s-%d-%s.json", r.Scenario.Name, r.Seed, Short(r.Digest)))
}

// BaseName makes of any text the name of a file that stays in its directory: what is not a letter, a digit or one of
// ".-_+" becomes a dash, and so does a dot at the front.
func BaseName(text string) string {
	b := []byte(text)
	for i, c := range b {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-_+.", rune(c)) || c == '.' && i == 0 {
			b[i] = '-'
		}
	}
	return string(b[:min(len(b), mostBase)])
}

// mostBase is how long the name of a file may be, on all file systems in use.
const mostBase = 255

// CheckDir makes dir if it is missing and makes sure that a file can be written
// there, so that a run whose record could not be kept is not begun.
func CheckDir(dir string) error {
	hint := "give another place with --out DIR"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return problem.Wrap(problem.Machine, fmt.Errorf("make results directory: %w", err), hint)
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return problem.Wrap(problem.Machine, fmt.Errorf("write to results directory: %w", err), hint)
	}
	// A byte is written because a full disk still lets empty files be made.
	_, err = f.Write([]byte{'\n'})
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return problem.Wrap(problem.Machine, fmt.Errorf("write to results directory: %w", err), hint)
	}
	return nil
}

// Save writes the record into dir and returns the file's path. The file appears
// whole or not at all.
func Save(dir string, r *Record) (string, error) {
	b, err := Encode(r)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, FileName(r))
	if err := atomicfile.File(path, b); err != nil {
		return "", problem.Wrap(problem.Machine, fmt.Errorf("save record: %w", err), "give another place with --out DIR")
	}
	return path, nil
}

// Encode returns the record as one indented JSON document with a final newline.
func Encode(r *Record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Read reads a record that [Save] wrote, and checks that its digest fits its contents.
func Read(path string) (*Record, error) {
	usage := func(err error, hint string) error { return problem.Wrap(problem.Usage, err, hint) }
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usage(fmt.Errorf("read record: %w", err),
				"records are kept in results/runs, or in the directory of --out")
		}
		return nil, usage(fmt.Errorf("read record: %w", err), "")
	}
	if info.IsDir() || info.Size() > MostBytes {
		return nil, usage(fmt.Errorf("read record %s: not a record file", path), "")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usage(fmt.Errorf("read record: %w", err), "")
	}
	r, err := Decode(b)
	switch {
	case problem.HintOf(err) != "":
		return nil, usage(fmt.Errorf("%s: %w", path, err), problem.HintOf(err))
	case err != nil:
		return nil, usage(fmt.Errorf("%s: %w", position(path, b, err), err),
			"this is not a whole record of ruleout; was it cut off?")
	}
	digest, err := r.ComputeDigest()
	if err != nil {
		return nil, err
	}
	if digest != r.Digest {
		return nil, usage(fmt.Errorf("%s: the record's contents do not fit its digest %s", path, Short(r.Digest)),
			"the file was changed after the run")
	}
	return r, nil
}

// position turns the offset in a JSON error into file:line:column.
func position(path string, b []byte, err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &typ):
		offset = typ.Offset
	}
	if offset < 1 || offset > int64(len(b)) {
		return path
	}
	before := b[:offset-1] // both count the offending byte as read
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("%s:%d:%d", path, line, column)
}
