package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// Identity says what an archive is of, so that records of another campaign, build or kernel do not get in, and so that
// it can be judged by itself.
type Identity struct {
	// Format of the archive's files: see [format].
	Format int `json:"format"`
	// Campaign is its name.
	Campaign string `json:"campaign"`
	// Tool is "sha256:…" of the guest program that makes the runs. Runs of two are not to be compared. Early archives
	// have version and hash of the whole build.
	Tool string `json:"tool"`
	// Kernels are the releases for the names that the campaign uses; an empty name is the default one.
	Kernels map[string]string `json:"kernels"`
	// Software is what the runs are made with, to the byte. A zero value says nothing about it.
	Software Software `json:"software,omitzero"`
	// Source is the campaign's file and that of its scenario, as they were when the last sweep began.
	Source Source `json:"source"`
}

// Software is "sha256:…" of each program that acts in a run. Equal releases do not do: a security update of QEMU keeps
// its version, and moves every latency.
type Software struct {
	// QEMU is the emulator's program, Guest what runs in the guest besides the kernel.
	QEMU  string `json:"qemu"`
	Guest string `json:"guest"`
	// Kernels are image, configuration and modules, by the names that the campaign uses.
	Kernels map[string]string `json:"kernels"`
	// Images are the file systems of the nodes' programs, by what they are made of: a file of the user's may change.
	Images map[string]string `json:"images,omitempty"`
}

// Source is the text of a campaign.
type Source struct {
	File         string   `json:"file"`
	Text         string   `json:"text"`
	Set          []string `json:"set,omitempty"`
	ScenarioFile string   `json:"scenario_file"`
	ScenarioText string   `json:"scenario_text"`
}

// format of the files that this package writes. Format 1 has no failed runs and no software: it is read as it is. When
// it is opened for writing it becomes format 2, and takes the software of the process that opens it; pairs of old and
// new runs that were made with different software are lost then, see [Entry.Made].
const format = 2

// mostIdentity bounds the file, in bytes. A campaign and a scenario have at most 256 KiB each, and JSON may
// take six bytes for one.
const mostIdentity = 8 << 20

// identify checks what the archive is of, or writes it.
func identify(dir string, id Identity) error {
	path := filepath.Join(dir, identityFile)
	// A process that was killed while it wrote leaves its half behind; the process that has the lock may take it away.
	if err := errors.Join(atomicfile.Clean(dir), ignoreMissing(os.Remove(path+".tmp"))); err != nil {
		return machine(fmt.Errorf("open archive: %w", err))
	}
	have, err := readIdentity(path)
	if errors.Is(err, fs.ErrNotExist) {
		return id.write(path)
	}
	if err != nil {
		return err
	}
	merged, err := have.with(id, dir)
	if err != nil || reflect.DeepEqual(have, merged) {
		return err
	}
	return merged.write(path)
}

// with returns the identity of an archive to which records of another origin are to be added, or why they do not go
// together.
func (have Identity) with(id Identity, dir string) (Identity, error) {
	refuse := func(format string, args ...any) (Identity, error) {
		return have, problem.Wrap(problem.Usage, fmt.Errorf("archive "+dir+" "+format, args...),
			"such runs must not be compared: give another place with --out DIR")
	}
	switch {
	case have.Campaign != id.Campaign:
		return refuse("belongs to the campaign %s, not to %s", have.Campaign, id.Campaign)
	case have.Tool != id.Tool:
		return refuse("has runs of another guest program (%.19s, now %.19s)", have.Tool, id.Tool)
	}
	kernels, name := merge(have.Kernels, id.Kernels)
	if name != nil {
		return refuse("has runs on kernel %s, and %q is %s now", have.Kernels[*name], *name, id.Kernels[*name])
	}
	old, now := have.Software, id.Software
	for _, part := range []struct{ what, old, now string }{{"another QEMU", old.QEMU, now.QEMU},
		{"another program in the guest", old.Guest, now.Guest}} {
		if part.old != "" && part.now != "" && part.old != part.now {
			return refuse("has runs that were made with %s (%.19s, now %.19s)", part.what, part.old, part.now)
		}
	}
	builds, name := merge(old.Kernels, now.Kernels)
	if name != nil {
		return refuse("has runs on another build of kernel %q (%.19s, now %.19s)", *name, old.Kernels[*name],
			now.Kernels[*name])
	}
	images, name := merge(old.Images, now.Images)
	if name != nil {
		return refuse("has runs with another image %q (%.19s, now %.19s)", *name, old.Images[*name], now.Images[*name])
	}
	id.Format, id.Kernels = format, kernels
	id.Software = Software{QEMU: orElse(now.QEMU, old.QEMU), Guest: orElse(now.Guest, old.Guest), Kernels: builds,
		Images: images}
	return id, nil
}

func orElse(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// merge joins two maps, or returns a key for which they have different values. What is empty is nil, as it is read
// back.
func merge(have, more map[string]string) (all map[string]string, key *string) {
	for k, v := range have {
		if now, ok := more[k]; ok && now != v {
			return nil, &k
		}
	}
	if len(have)+len(more) == 0 {
		return nil, nil
	}
	all = maps.Clone(have)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all, nil
}

// write puts the identity into a file that appears whole or not at all, also after a power cut.
func (have Identity) write(path string) error {
	b, err := json.MarshalIndent(have, "", " ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if len(b) > mostIdentity {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("write archive: campaign and scenario take %d bytes, at most %d are kept", len(b), mostIdentity), "")
	}
	if err := atomicfile.File(path, append(b, '\n')); err != nil {
		return machine(fmt.Errorf("write archive: %w", err))
	}
	return nil
}

// readIdentity reads the file. One that is empty is missing: earlier builds could leave it so in a power cut. That is
// an error that wraps [fs.ErrNotExist].
func readIdentity(path string) (id Identity, err error) {
	f, err := os.Open(path)
	if err == nil {
		defer func() { _ = f.Close() }() // nothing was written
		if info, e := f.Stat(); e == nil && !info.Mode().IsRegular() {
			return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: not a file", path), "")
		}
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, mostIdentity+1)); err == nil {
			if len(bytes.Trim(b, "\x00 \n")) == 0 {
				return id, fmt.Errorf("read %s: the file is empty: %w", path, fs.ErrNotExist)
			}
			return parseIdentity(path, b)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	return id, machine(fmt.Errorf("open archive: %w", err))
}

// parseIdentity reads one of any format that this package knows.
func parseIdentity(path string, b []byte) (id Identity, err error) {
	const other = "this is not an archive of ruleout, or it is damaged"
	if len(b) > mostIdentity {
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: longer than %d bytes", path, mostIdentity), other)
	}
	err = json.Unmarshal(b, &id)
	switch {
	case id.Format > format: // whatever else is in it
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: it has format %d, this build reads %d", path, id.Format,
			format), "a newer ruleout wrote it: read it with that one")
	case err != nil:
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: %w", path, err), other)
	case id.Format < 1:
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: no format", path), other)
	}
	return id, nil
}

// Is reports whether dir holds an archive.
func Is(dir string) bool {
	_, err := identityOf(dir)
	return err == nil
}

func identityOf(dir string) (id Identity, err error) {
	id, err = readIdentity(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return id, problem.Wrap(problem.Usage, fmt.Errorf("%s is not an archive of a sweep", dir),
			"give the directory that was --out of ruleout sweep")
	}
	return id, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
