package main

import (
	"embed"

	"github.com/alecthomas/kong"

	"github.com/ruleout/ruleout/cmd/ruleout/complete"
)

//go:embed shell/*.sh
var shells embed.FS

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish" placeholder:"SHELL"`
}

func (*completionCmd) Help() string {
	return `The script asks ruleout itself for candidates. It completes kernels and files too, and stays valid after an
update.

Examples:

  ruleout completion bash > ~/.local/share/bash-completion/completions/ruleout
  ruleout completion zsh > ~/.zfunc/_ruleout
  ruleout completion fish > ~/.config/fish/completions/ruleout.fish`
}

// Run carries the command out.
func (c *completionCmd) Run(u *ui) error {
	script, err := shells.ReadFile("shell/" + c.Shell + ".sh")
	if err != nil {
		return err
	}
	u.printf("%s", script)
	return nil
}

// completeCmd is what the scripts call. It prints the candidates for the last word, one a line, with a description
// after a tab.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run carries the command out.
func (c *completeCmd) Run(u *ui, parser *kong.Kong) error { //nolint:unparam // kong calls methods that return an error
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, line := range complete.Words(parser.Model.Node, words) {
		u.printf("%s\n", line)
	}
	return nil
}
