package main

import (
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/ruleout/ruleout/cmd/ruleout/manual"
	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
)

// manualCmd is what make dist calls. The model of the command line is in this program, so only it can write the pages;
// they are not kept in the repository, since docs/reference/command shows there what changed.
type manualCmd struct {
	Dir    string `arg:"" help:"Directory to write the pages into." placeholder:"DIR" type:"path" complete:"dir"`
	Date   string `help:"Date of the pages." placeholder:"DATE"`
	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*manualCmd) Help() string {
	return `Writes a manual page for each command, and prints their files.

Examples:

  ruleout manual ~/.local/share/man/man1 && man ruleout`
}

// Run carries the command out.
func (c *manualCmd) Run(u *ui, parser *kong.Kong) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return problem.Wrap(problem.Machine, err, "give another directory")
	}
	written := []string{}
	edition := manual.Edition{Command: parser.Model.Name, Version: machine.Version, Date: c.Date}
	for _, p := range manual.Pages(parser.Model.Node, edition) {
		path := filepath.Join(c.Dir, p.Name)
		if err := atomicfile.File(path, []byte(p.Text)); err != nil {
			return problem.Wrap(problem.Machine, err, "give another directory")
		}
		written = append(written, path)
	}
	return u.list(written)
}
