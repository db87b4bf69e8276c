package main

import (
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

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
