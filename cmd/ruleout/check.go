package main

import (
	"cmp"

	"github.com/alecthomas/kong"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/compare"
	"github.com/ruleout/ruleout/harness/verdict/input"
)

type checkCmd struct {
	Files  []string `arg:"" name:"file" help:"Scenario, campaign and profile files." placeholder:"FILE" complete:"yaml" takes:"scenario,campaign,profile"`
	Set    []string `help:"Change a value of every file before it is checked; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*checkCmd) Help() string {
	return `Every mistake is shown with its file and line, what was expected, and the nearest valid name. The hash is that
of the scenario's meaning. The order of keys, comments and the spelling of units do not change it.

A file with hypotheses is a campaign. A file with set, sysctls or kernel and without nodes is a profile, for ruleout
diff. A campaign is expanded, so that a mistake is found which shows only in a combination of settings. ruleout plan
shows how many runs it takes.

Exit status: 0 all files are good, 2 a file has a mistake or cannot be read.

Examples:

  ruleout check scenarios/*.yaml scenarios/incident/*.yaml
  ruleout check my.yaml --set duration=5s`
}

// checked is a file and what is in it.
type checked struct {
	File string `json:"file"`
	Name string `json:"name"`
	// Hash of a scenario; Campaign is how large a campaign is.
	Hash     string         `json:"hash,omitempty"`
	Campaign *campaign.Size `json:"campaign,omitempty"`
	// Profile is whether it is one.
	Profile bool `json:"profile,omitempty"`
}

// check reads a file of any kind.
func (c *checkCmd) check(file string) (checked, error) {
	switch input.Of(file) {
	case input.Campaign:
		p, err := campaign.Load(file, c.Set)
		if err != nil {
			return checked{}, err
		}
		size := p.Size()
		return checked{File: file, Name: p.Campaign.Name, Campaign: &size}, nil
	case input.Profile:
		p, err := compare.LoadProfile(file)
		if err != nil {
			return checked{}, err
		}
		return checked{File: file, Name: p.Name, Profile: true}, nil
	}
	s, err := expect.Load(file, c.Set)
	if err != nil {
		return checked{}, err
	}
	return checked{File: file, Name: s.Name, Hash: s.Hash()}, nil
}

// Run carries the command out. All files are checked, whatever is wrong with the first.
func (c *checkCmd) Run(u *ui, selected *kong.Context) error {
	good := []checked{}
	bad := 0
	for _, file := range c.Files {
		one, err := c.check(file)
		if err != nil {
			bad++
			u.tell(cmp.Or(takes(selected.Selected().Positional[0], selected.Selected(), file), err))
			continue
		}
		good = append(good, one)
	}
	if c.Format == formatJSON {
		if err := u.json(good); err != nil {
			return err
		}
	} else {
		for _, g := range good {
			what := g.Hash
			switch {
			case g.Campaign != nil:
				what = "is a campaign: " + g.Campaign.String()
			case g.Profile:
				what = "is a profile"
			}
			u.printf("%s: ok, %s %s\n", g.File, g.Name, what)
		}
	}
	if bad > 0 {
		return status(problem.Usage)
	}
	return nil
}
