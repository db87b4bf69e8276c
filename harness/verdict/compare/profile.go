package compare

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Profile is a file of settings, one side of a comparison: what is different there from the scenarios as they are.
type Profile struct {
	// Version of the file format, which is 1.
	Version int `yaml:"version"`
	// Name of the profile in tables.
	Name string `yaml:"name"`
	// Kernel in the store. Without it, the default one.
	Kernel string `yaml:"kernel,omitempty"`
	// Set has settings of the scenarios, PATH: VALUE as after --set.
	Set map[string]string `yaml:"set,omitempty" most:"1000"`
	// Sysctls are set on every node that is not a router, NAME: VALUE.
	Sysctls map[string]string `yaml:"sysctls,omitempty" most:"1000"`
}

var profileFormat = yamldoc.Format{Noun: "profile", Needs: "a profile needs at least: version, name"}

// LoadProfile reads a profile.
func LoadProfile(path string) (*Profile, error) {
	data, err := yamldoc.Open(profileFormat, path)
	if err != nil {
		return nil, err
	}
	p := new(Profile)
	d, whole := yamldoc.Read(profileFormat, path, data, nil, p)
	if whole {
		d.Bounds(p)
		if p.Version != 1 {
			d.Fail("version", fmt.Sprintf("version %d of the format is unknown", p.Version), "this ruleout reads version 1")
		}
		for _, name := range slices.Sorted(maps.Keys(p.Sysctls)) {
			switch inKey, msg, hint := scenario.CheckSysctl(name, p.Sysctls[name], p.Kernel, false); {
			case inKey:
				d.FailKey("sysctls."+name, msg, hint)
			case msg != "":
				d.Fail("sysctls."+name, msg, hint)
			}
		}
	}
	return p, d.Err()
}

// profileKey is a key at the beginning of a line that only a profile has there, unless it is a campaign.
var (
	profileKey = regexp.MustCompile(`(?m)^["']?(set|sysctls|kernel)["']?[ \t]*:`)
	otherKey   = regexp.MustCompile(`(?m)^["']?(nodes|links|scenario|hypotheses)["']?[ \t]*:`)
)

// IsProfile tells a profile from other files of ruleout by its keys, also if there is a mistake in it.
func IsProfile(data []byte) bool { return profileKey.Match(data) && !otherKey.Match(data) }

// Settings returns the --set arguments of the profile for a scenario with these nodes, in order.
func (p *Profile) Settings(nodes []string) []string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(p.Set)) {
		list = append(list, path+"="+p.Set[path])
	}
	for _, node := range nodes {
		for _, name := range slices.Sorted(maps.Keys(p.Sysctls)) {
			list = append(list, fmt.Sprintf("nodes.%s.sysctls.%s=%s", node, name, p.Sysctls[name]))
		}
	}
	return list
}

// all returns everything that the profile sets, by name, for the list of differences.
func (p *Profile) all() map[string]string {
	m := maps.Clone(p.Set)
	if m == nil {
		m = map[string]string{}
	}
	for name, v := range p.Sysctls {
		m["sysctl "+name] = v
	}
	return m
}

// Profiles lists how two profiles differ in what they set.
func Profiles(a, b *Profile) []Setting { return Settings(a.all(), b.all()) }
