package validate

import (
	"fmt"
	"os"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Break returns the cases that a file names, each changed so that what its source says cannot come true any more. A
// case that agrees all the same would agree with anything.
//
// The file has a line for each: the name of a case, a colon, and a change as --set takes it, such as
//
//	accept-queue: nodes.web.service.php.backlog=9
//
// Lines that are empty or begin with # say nothing.
func Break(path string, cases []Case) ([]Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, err, "")
	}
	byName := map[string]Case{}
	for _, c := range cases {
		byName[c.Scenario.Name] = c
	}
	var broken []Case
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, change, found := strings.Cut(line, ": ")
		c, known := byName[name]
		if !found || !known {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s:%d: no case and change in %q", path, i+1, line),
				"a line is NAME: PATH=VALUE, with the name of a case")
		}
		if c.Scenario, err = c.With([]string{change}); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		c.Change = change
		delete(byName, name)
		broken = append(broken, c)
	}
	for _, c := range cases {
		if _, missing := byName[c.Scenario.Name]; missing {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: nothing breaks the case %s", path, c.Scenario.Name),
				"each case needs a line that makes it fail")
		}
	}
	return broken, nil
}
