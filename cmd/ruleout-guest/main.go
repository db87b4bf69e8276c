// Command ruleout-guest is what acts in a run: the first process of a virtual machine, the processes on its nodes, and
// the maker of runs on the host's own kernel. The command ruleout starts it; a user does not.
package main

import "github.com/ruleout/ruleout/harness/machine/inside"

func main() { inside.Main() }
