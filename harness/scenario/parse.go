package scenario

import (
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Check looks at a scenario for what this package cannot know, and reports what is
// wrong in the scenario's own terms; it is shown with file, line and column. The
// scenario may have other mistakes, which are reported without the check's help.
type Check func(s *Scenario, report func(problem.Mistake))

// format of the files that this package reads.
var format = yamldoc.Format{Noun: "scenario", Needs: "a scenario needs at least: version, name, duration, nodes"}

// programMemory is the memory of a machine whose nodes run programs, if the scenario does not say: PHP-FPM, nginx and
// MariaDB take 150 MiB of it, and what they write is in memory too.
const programMemory = 512 << 20

// A File is a scenario file, read once: what is made of it with other settings is made of the same text, whatever
// becomes of the file meanwhile.
type File struct {
	Path string
	Text []byte
}

// Open reads the file at path. What is in it is looked at by [File.With].
func Open(path string) (*File, error) {
	text, err := yamldoc.Open(format, path)
	return &File{path, text}, err
}

// With is [Parse] of the file.
func (f *File) With(set []string, checks ...Check) (*Scenario, error) {
	return Parse(f.Path, f.Text, set, checks...)
}

// Load reads the scenario at path; see [Parse].
func Load(path string, set []string, checks ...Check) (*Scenario, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return f.With(set, checks...)
}

// Parse reads a scenario from data, which is from the file of that name, works the --set
// arguments PATH=VALUE in, fills in defaults and validates the whole. The error is of
// kind [problem.Usage] and holds a [*yamldoc.Errors] with everything that is wrong.
func Parse(name string, data []byte, set []string, checks ...Check) (*Scenario, error) {
	s := &Scenario{root: filepath.Dir(name)}
	d, whole := yamldoc.Read(format, name, data, set, s)
	if whole {
		if !d.Written("machine.memory") && s.HasPrograms() {
			s.Machine.Memory = programMemory
		}
		s.applyProfiles(d)
		s.beLike(d)
		s.fill()
		s.readReplays(d)
		s.validate(d, checks)
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Document is the text as a tree, with the --set arguments worked in.
func (f *File) Document(set []string) *yamldoc.Document {
	d, _ := yamldoc.Read(format, f.Path, f.Text, set, new(Scenario))
	return d
}

// Locate finds what a run says of a value of the scenario in the text that the scenario is from, so that it is reported
// like any other mistake, with file and line. Errors without a place in the scenario, see [problem.PlaceOf], stay as
// they are.
func (f *File) Locate(err error, set []string) error {
	place := problem.PlaceOf(err)
	if place == "" {
		return err
	}
	d, whole := yamldoc.Read(format, f.Path, f.Text, set, new(Scenario))
	if !whole {
		return err
	}
	d.FailKey(place, err.Error(), problem.HintOf(err))
	return d.Err()
}
