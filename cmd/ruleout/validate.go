package main

import (
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

type validateCmd struct {
	Files  []string `arg:"" name:"file" help:"Scenarios, campaigns and profiles." placeholder:"FILE" complete:"yaml"`
	Set    []string `help:"Change a value of every file before it is checked; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*validateCmd) Help() string {
	return `Every mistake is shown where it is, with the line, what was expected and the nearest valid name. The hash is that of the scenario's meaning: order of keys, comments and the spelling of units do not change it.

A file with set, sysctls or kernel and without nodes is a profile, for ruleout diff. A file that has hypotheses is a campaign. It is expanded, so that a mistake in a setting which shows only together with another one is found; ruleout plan says what it comes to.

Exit status: 0 all files are good, 2 one has a mistake or cannot be read.

Examples:

  ruleout validate scenarios/*.yaml scenarios/incident/*.yaml
  ruleout validate my.yaml --set duration=5s`
}

// checked is a file and what it was found to be.
type checked struct {
	File string `json:"file"`
	Name string `json:"name"`
	// Hash of a scenario; Campaign says what a campaign comes to.
	Hash     string         `json:"hash,omitempty"`
	Campaign *campaign.Size `json:"campaign,omitempty"`
	// Profile says that it is one.
	Profile bool `json:"profile,omitempty"`
}

// check reads a file of either kind.
func (c *validateCmd) check(file string) (checked, error) {
	text, err := yamldoc.Open(yamldoc.Format{Noun: "scenario or campaign"}, file)
	if err != nil {
		return checked{}, err
	}
	if campaign.Is(text) {
		p, _, err := loadCampaign(file, c.Set)
		if err != nil {
			return checked{}, err
		}
		size := p.Size()
		return checked{File: file, Name: p.Campaign.Name, Campaign: &size}, nil
	}
	if compare.IsProfile(text) {
		p, err := compare.LoadProfile(file)
		if err != nil {
			return checked{}, err
		}
		return checked{File: file, Name: p.Name, Profile: true}, nil
	}
	s, err := loadScenario(file, c.Set)
	if err != nil {
		return checked{}, err
	}
	return checked{File: file, Name: s.Name, Hash: s.Hash()}, nil
}

// Run carries the command out. All files are checked, whatever is wrong with the first.
func (c *validateCmd) Run(u *ui) error {
	good := []checked{}
	bad := 0
	for _, file := range c.Files {
		one, err := c.check(file)
		if err != nil {
			bad++
			u.tell(err)
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

type schemaCmd struct {
	Of string `arg:"" optional:"" help:"scenario (the default), campaign or profile." enum:"scenario,campaign,profile" default:"scenario" placeholder:"KIND"`
}

func (*schemaCmd) Help() string {
	return `Editors that know YAML language servers complete and check scenario, campaign and profile files with it.

Examples:

  ruleout schema > scenario.schema.json
  ruleout schema campaign > campaign.schema.json
  ruleout schema profile > profile.schema.json`
}

// Run carries the command out.
func (c *schemaCmd) Run(u *ui) error {
	of := scenario.Schema
	switch c.Of {
	case "campaign":
		of = campaign.Schema
	case "profile":
		of = compare.Schema
	}
	schema, err := of()
	if err != nil {
		return err
	}
	u.printf("%s\n", schema)
	return nil
}
