package main

import (
	"fmt"
	"runtime"

	"github.com/ruleout/ruleout/harness/machine"
)

type versionCmd struct {
	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*versionCmd) Help() string {
	return `Examples:

  ruleout version
  ruleout version --format json | jq -r .version`
}

// versionInfo is the JSON form of the version.
type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Run carries the command out.
func (*versionCmd) Run(u *ui) error {
	v := versionInfo{Version: machine.Version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	return u.result(v, fmt.Sprintf("ruleout %s (%s %s/%s)\n", v.Version, v.Go, v.OS, v.Arch))
}
