package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/ruleout/ruleout/harness/plan"
	"github.com/ruleout/ruleout/harness/report"
)

type planCmd struct {
	Scenario string   `arg:"" help:"Scenario file." placeholder:"SCENARIO" complete:"yaml"`
	Seed     uint64   `help:"Seed of everything that is random in the run (default ${default})." default:"1" placeholder:"N"`
	Set      []string `help:"Change a value of the scenario; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Format   string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*planCmd) Help() string {
	return `Nothing is run. The plan shows the network, every request that the seed makes the load send, phases, faults with the times at which they act, the steps of ramps, a picture of all that over the run's own time, and an estimate of what the run will cost.

The picture is as wide as the terminal, 80 columns in a pipe, and is drawn with block characters where the locale has UTF-8.

Exit status: 0 the scenario is good, 2 a mistake in the command line or the file.

Examples:

  ruleout plan scenarios/dup-ack.yaml
  ruleout plan scenarios/dup-ack.yaml --seed 2 --set 'faults.dup-acks.for=2s'
  ruleout plan scenarios/backlog.yaml --format json | jq .estimate`
}

// Run carries the command out.
func (c *planCmd) Run(u *ui) error {
	s, err := loadScenario(c.Scenario, c.Set)
	if err != nil {
		return err
	}
	p := plan.New(s, c.Seed)
	if c.Format == formatJSON {
		return u.json(p)
	}
	if err := report.Plan(u.out, p, report.PlanOptions{Color: color(u.out), ASCII: !unicode(), Width: width(u)}); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// width of the terminal; 80 where there is none. COLUMNS goes first, as with other programs.
func width(u *ui) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := u.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// unicode says whether the locale has UTF-8, by the variables and in the order of setlocale(3).
func unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
