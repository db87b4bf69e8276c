// Package input tells what a file or a directory is that was given to a command. The format of a file follows from its
// content, never from its name.
package input

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/compare"
	"github.com/ruleout/ruleout/harness/verdict/nightly"
)

// Kind of a file or a directory. The zero value is unknown.
type Kind string

// Kinds of files, and of directories with the results of many runs.
const (
	Scenario Kind = "scenario"
	Campaign Kind = "campaign"
	Profile  Kind = "profile"
	Record   Kind = "record"
	Sweep    Kind = "sweep"
	Night    Kind = "night"
	Diff     Kind = "diff"
)

// kinds has the name of each kind in a sentence, and the command that takes it, with %s for the path.
var kinds = map[Kind]struct{ name, command string }{
	Scenario: {"a scenario", "ruleout run %s"},
	Campaign: {"a campaign", "ruleout sweep %s"},
	Profile:  {"a profile", "ruleout diff %s OTHER SCENARIO"},
	Record:   {"the record of a run", "ruleout report %s"},
	Sweep:    {"the directory of a sweep", "ruleout verdict %s"},
	Night:    {"the directory of a night", "ruleout nightly judge %s"},
	Diff:     {"the directory of a diff", "ruleout results query %s"},
}

// nodesKey is the key at the beginning of a line, where only a key of the whole file can be.
var nodesKey = regexp.MustCompile(`(?m)^["']?nodes["']?[ \t]*:`)

// Of returns the kind of the file or directory at path, also if a scenario, campaign or profile has mistakes. It is
// unknown where nothing can be read, and for other files.
func Of(path string) Kind {
	if r, err := archive.Read(path); err == nil {
		defer func() { _ = r.Close() }() // it was only read
		_, err := nightly.PlanOf(r.Identity)
		switch {
		case err == nil:
			return Night
		case r.Identity.Source.Text == "":
			return Diff
		}
		return Sweep
	}
	if _, err := result.Read(path); err == nil {
		return Record
	}
	text, err := yamldoc.Open(yamldoc.Format{}, path)
	switch {
	case err != nil:
		return ""
	case campaign.Is(text):
		return Campaign
	case compare.IsProfile(text):
		return Profile
	case nodesKey.Match(text):
		return Scenario
	}
	return ""
}

// Other returns an error that names what is at path and the command that takes it, if that is known and is none of the
// kinds that this command takes. Otherwise it returns nil. quoted is the path as a shell reads it.
func Other(path, quoted, command string, takes ...Kind) error {
	kind := Of(path)
	if kind == "" || slices.Contains(takes, kind) {
		return nil
	}
	var names []string
	for _, k := range takes {
		names = append(names, kinds[k].name)
	}
	k := kinds[kind]
	return problem.Wrap(problem.Usage, fmt.Errorf("%s is %s: use "+k.command, path, k.name, quoted),
		fmt.Sprintf("%s takes %s", command, strings.Join(names, " or ")))
}
