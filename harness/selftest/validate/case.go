package validate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// Case is a scenario that reproduces a published result.
type Case struct {
	expect.File
	Scenario *scenario.Scenario
	// Differs is what the file's comment says of kernels that do otherwise than the source: its paragraph that
	// begins with "Where kernels differ".
	Differs string
	// Change is what was changed so that the case must fail, see [Break].
	Change string
}

// Load reads cases: files, and the scenarios in directories, in the order of their names.
func Load(paths []string) ([]Case, error) {
	var cases []Case
	names := map[string]string{}
	for _, path := range paths {
		files, err := files(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			f, err := expect.Open(file)
			if err != nil {
				return nil, err
			}
			s, err := f.With(nil)
			if err != nil {
				return nil, err
			}
			switch {
			case s.Source == "":
				return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: no source", file),
					"the key source says where the expected numbers come from")
			case len(s.Expect) == 0:
				return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: nothing is expected", file),
					"the key expect holds the numbers of the source")
			case names[s.Name] != "":
				return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: a second case called %s", file, s.Name),
					names[s.Name]+" is the first")
			}
			names[s.Name] = file
			cases = append(cases, Case{File: f, Scenario: s, Differs: differs(f.Text)})
		}
	}
	return cases, nil
}

// Only returns the cases with these names, or all of them if there are none.
func Only(cases []Case, names []string) ([]Case, error) {
	if len(names) == 0 {
		return cases, nil
	}
	var some []Case
	for _, name := range names {
		i := slices.IndexFunc(cases, func(c Case) bool { return c.Scenario.Name == name })
		if i < 0 {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("no case is called %s", name),
				"a case has the name of its file, without .yaml")
		}
		some = append(some, cases[i])
	}
	return some, nil
}

// differs finds the paragraph about kernels in the comment of a file.
func differs(text []byte) string {
	var words []string
	for line := range strings.Lines(string(text)) {
		said, comment := strings.CutPrefix(strings.TrimSpace(line), "#")
		said = strings.TrimSpace(said)
		switch {
		case comment && (len(words) > 0 || strings.HasPrefix(said, "Where kernels differ")) && said != "":
			words = append(words, said)
		case len(words) > 0:
			return strings.Join(words, " ")
		}
	}
	return ""
}

// files lists the scenarios in a directory, or a file itself.
func files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, err, "")
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	list, err := filepath.Glob(filepath.Join(path, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	if len(list) == 0 {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: no scenarios", path), "their names end in .yaml")
	}
	slices.Sort(list)
	return list, nil
}
