package main

import (
	"errors"

	"github.com/ruleout/ruleout/harness/document"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

type validateCmd struct {
	Files  []string `arg:"" name:"file" help:"Scenario files." placeholder:"FILE" complete:"yaml"`
	Set    []string `help:"Change a value of every file before it is checked; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*validateCmd) Help() string {
	return `Every mistake is shown where it is, with the line, what was expected and the nearest valid name. The hash is that of the scenario's meaning: order of keys, comments and the spelling of units do not change it.

Exit status: 0 all files are good, 2 one has a mistake or cannot be read.

Examples:

  ruleout validate scenarios/*.yaml
  ruleout validate my.yaml --set duration=5s`
}

// checked is a file and what it was found to be.
type checked struct {
	File string `json:"file"`
	Name string `json:"name"`
	Hash string `json:"hash"`
}

// Run carries the command out. All files are checked, whatever is wrong with the first.
func (c *validateCmd) Run(u *ui) error {
	good := []checked{}
	bad := 0
	for _, file := range c.Files {
		s, err := loadScenario(file, c.Set)
		if err != nil {
			bad++
			var list *document.Errors
			if errors.As(err, &list) {
				u.mistakes(list, int(problem.Usage))
			} else {
				u.error(err.Error(), problem.HintOf(err), int(problem.KindOf(err)), nil)
			}
			continue
		}
		good = append(good, checked{File: file, Name: s.Name, Hash: s.Hash()})
	}
	if c.Format == formatJSON {
		if err := u.json(good); err != nil {
			return err
		}
	} else {
		for _, g := range good {
			u.printf("%s: ok, %s %s\n", g.File, g.Name, g.Hash)
		}
	}
	if bad > 0 {
		return status(problem.Usage)
	}
	return nil
}

type schemaCmd struct{}

func (*schemaCmd) Help() string {
	return `Editors that know YAML language servers complete and check scenario files with it.

Examples:

  ruleout schema > scenario.schema.json`
}

// Run carries the command out.
func (*schemaCmd) Run(u *ui) error {
	schema, err := scenario.Schema()
	if err != nil {
		return err
	}
	u.printf("%s\n", schema)
	return nil
}
