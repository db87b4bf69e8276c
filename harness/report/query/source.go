package query

import (
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Archive is what is asked: an [archive.Reader] or an [archive.Archive].
type Archive interface {
	Entries(f func(e *archive.Entry) error) error
}

// Source is an archive that can be asked.
type Source struct {
	// Vocabulary has all names.
	Vocabulary expect.Vocabulary
	// Metrics and counters that any run has a value of, in order.
	Metrics []string

	archive Archive
	origins map[place]origin
}

// place is where an arm has its records.
type place struct{ hash, release string }

// origin is what a campaign says of the runs of an arm.
type origin struct {
	set     string
	factors map[string][]string // levels by factor; several where contexts come to the same scenario
}

// OfReader looks through an archive, with the plan of its campaign if it is of one.
func OfReader(r *archive.Reader) (_ *Source, err error) {
	var plan *campaign.Plan
	if campaign.Is([]byte(r.Identity.Source.Text)) {
		if plan, err = campaign.FromSource(r.Identity.Source); err != nil {
			return nil, err
		}
	}
	return Open(r, plan, r.Identity.Kernels)
}

// Open looks through an archive. The plan, of the campaign whose runs they are, may be nil; kernels are the releases
// for its names.
func Open(a Archive, p *campaign.Plan, kernels map[string]string) (*Source, error) {
	s := &Source{archive: a, origins: map[place]origin{}}
	nodes, faults, releases, names := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	err := a.Entries(func(e *archive.Entry) error {
		releases[e.Kernel] = true
		for _, v := range e.Values {
			if names[v.Name] {
				continue
			}
			names[strings.Clone(v.Name)] = true
			if of, ok := strings.CutPrefix(v.Name, "fault."); ok {
				name, _, _ := strings.Cut(of, ".")
				faults[name] = true
			} else if node, ok := metric.NodeOf(v.Name); ok {
				nodes[node] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Vocabulary.Nodes, s.Vocabulary.Faults = slices.Sorted(maps.Keys(nodes)), slices.Sorted(maps.Keys(faults))
	s.Metrics = slices.Sorted(maps.Keys(names))
	s.Vocabulary.Fields = []expect.Field{
		{Name: "run", Kind: expect.Words, Fits: digits}, {Name: "digest", Kind: expect.Words, Fits: digits},
		{Name: "scenario", Kind: expect.Words, Fits: digits},
		{Name: "kernel", Kind: expect.Words, Fits: version, Values: slices.Sorted(maps.Keys(releases))},
		{Name: "seed", Unit: metric.One},
		{Name: "valid", Kind: expect.Condition}, {Name: "because", Kind: expect.Words},
		{Name: "virtual", Unit: metric.Seconds}, {Name: "wall", Unit: metric.Seconds},
	}
	if p != nil {
		s.campaign(p, kernels)
	}
	return s, nil
}

// digits compares a sum by its first digits.
func digits(sum, written string) bool {
	return written != "" && strings.HasPrefix(strings.TrimPrefix(sum, "sha256:"), strings.TrimPrefix(written, "sha256:"))
}

// version compares a release by its first parts: 6.1 is that of 6.1.0-55-cloud-amd64 and not of 6.12.
func version(release, written string) bool {
	rest, ok := strings.CutPrefix(release, written)
	return ok && written != "" && (rest == "" || strings.ContainsRune(".-+_", rune(rest[0])))
}

// level compares what [origin] has of a factor, of which one is enough.
func level(have, written string) bool { return slices.Contains(strings.Split(have, several), written) }

// several stands between levels.
const several = " | "

// campaign adds what is known of the arms.
func (s *Source) campaign(p *campaign.Plan, kernels map[string]string) {
	levels := map[string][]string{}
	for _, c := range slices.Concat(p.Cases, p.Controls) {
		for _, i := range c.Arms() {
			a := &p.Arms[i]
			at := place{a.Hash, kernels[a.Kernel]}
			o, ok := s.origins[at]
			if !ok {
				o = origin{settings(a.Set), map[string][]string{}}
			}
			for _, l := range c.Context {
				if !slices.Contains(o.factors[l.Factor], l.Value) {
					o.factors[l.Factor] = append(o.factors[l.Factor], l.Value)
				}
				if !slices.Contains(levels[l.Factor], l.Value) {
					levels[l.Factor] = append(levels[l.Factor], l.Value)
				}
			}
			s.origins[at] = o
		}
	}
	s.Vocabulary.Fields = append(s.Vocabulary.Fields, expect.Field{Name: "set", Kind: expect.Words})
	for _, f := range slices.Sorted(maps.Keys(levels)) {
		s.Vocabulary.Fields = append(s.Vocabulary.Fields,
			expect.Field{Name: factor + f, Kind: expect.Words, Fits: level, Values: levels[f]})
	}
}

// factor is before the name of one.
const factor = "factor."

// settings are written as after --set, in order.
func settings(set map[string]string) string {
	list := make([]string, 0, len(set))
	for _, path := range slices.Sorted(maps.Keys(set)) {
		list = append(list, path+"="+set[path])
	}
	return strings.Join(list, " ")
}

// words of a run, by the name of the field.
func (s *Source) words(e *archive.Entry) func(name string) string {
	return func(name string) string {
		switch name {
		case "run":
			return e.Run
		case "digest":
			return e.Digest
		case "scenario":
			return e.Scenario
		case "kernel":
			return e.Kernel
		case "because":
			return e.Because
		case "valid":
			if e.Valid {
				return "true"
			}
			return "false"
		}
		o := s.origins[place{e.Scenario, e.Kernel}]
		if name == "set" {
			return o.set
		}
		return strings.Join(o.factors[strings.TrimPrefix(name, factor)], several)
	}
}

// numbers of a run, by name.
func numbers(e *archive.Entry) func(name string) (float64, bool) {
	return func(name string) (float64, bool) {
		switch name {
		case "seed":
			return float64(e.Seed), true
		case "virtual":
			return e.Virtual, true
		case "wall":
			return e.Wall, true
		case "valid":
			if e.Valid {
				return 1, true
			}
			return 0, true
		}
		return e.Value(name)
	}
}
