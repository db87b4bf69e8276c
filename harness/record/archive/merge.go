package archive

import (
	"errors"
	"path/filepath"
)

// Merged is what came of a merge.
type Merged struct {
	// Added is how many records were new, Failed how many runs without a record.
	Added, Failed int
	// Damages are what is wrong with the archive that was merged. What is damaged is left out.
	Damages []Damage
	// Conflicts are the runs that both have, with two digests, and those that the other has twice. The record that was
	// there first is kept.
	Conflicts []*Conflict
}

// Err is an error of kind [problem.Invalid] if there are conflicts.
func (m *Merged) Err() error { return alarmOf(m.Conflicts) }

// Tell calls note with all that is wrong, as text for a person.
func (m *Merged) Tell(note func(text string)) { tell(m.Damages, m.Conflicts, note) }

// Merge adds to a the runs of another archive of the same campaign, each once. The software of both has to be the same;
// the kernels of the other are taken over.
func (a *Archive) Merge(dir string) (m Merged, err error) {
	from, err := Read(dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	m.Damages, m.Conflicts = from.Damages, from.Conflicts
	path := filepath.Join(a.dir, identityFile)
	into, err := identityOf(a.dir)
	if err != nil {
		return m, err
	}
	id, err := into.with(from.Identity, dir)
	if err != nil {
		return m, err
	}
	if id.Source = into.Source; len(id.Kernels) > len(into.Kernels) ||
		len(id.Software.Kernels) > len(into.Software.Kernels) || len(id.Software.Images) > len(into.Software.Images) {
		if err := id.write(path); err != nil {
			return m, err
		}
	}
	err = from.Entries(func(e *Entry) error {
		before := a.count()
		var err error
		if e.Failure != "" {
			_, err = a.Fail(Failed{Failure: e.Failure, Scenario: e.Scenario, Kernel: e.Kernel, Seed: e.Seed, Because: e.Because})
		} else if !a.same(e) {
			r, e := from.Record(e)
			if e != nil {
				return e
			}
			_, err = a.Append(r)
		}
		if c := (*Conflict)(nil); errors.As(err, &c) {
			m.Conflicts = append(m.Conflicts, c)
			return nil
		}
		if err == nil && a.count() > before {
			if e.Failure != "" {
				m.Failed++
			} else {
				m.Added++
			}
		}
		return err
	})
	return m, err
}

// same reports whether a run is there with the same digest.
func (a *Archive) same(e *Entry) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	digest, there := a.runs.digests[shorten(e.Run)]
	return there && digest == shorten(e.Digest)
}

// count is how many runs there are, failed ones too.
func (a *Archive) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.runs.digests)
}
