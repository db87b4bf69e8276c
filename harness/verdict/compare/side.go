package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Side is one of the two sets of runs.
type Side struct {
	Name string
	// Kernels are the releases of kernels by the names that were asked for; an empty name is the default one.
	Kernels map[string]string
	// Names of scenarios by their hashes, by which runs are paired. A scenario without one is paired by its hash.
	Names map[string]string
	Runs  []archive.Entry
}

// Stored returns an archive's runs as a side.
func Stored(name string, r *archive.Reader) (Side, error) {
	s := Side{Name: name, Kernels: r.Identity.Kernels}
	err := r.Entries(func(e *archive.Entry) error { s.Runs = append(s.Runs, e.Clone()); return nil })
	return s, err
}

// place is where the runs of one seed each are.
type place struct{ scenario, kernel string }

// places sorts a side's runs. Two of one scenario, kernel and seed are an error of kind [problem.Usage]: either could
// be the wrong one.
func (s *Side) places() (map[place]map[uint64]*archive.Entry, error) {
	m := map[place]map[uint64]*archive.Entry{}
	for i := range s.Runs {
		r := &s.Runs[i]
		at := place{cmp.Or(s.Names[r.Scenario], r.Scenario), r.Kernel}
		if m[at] == nil {
			m[at] = map[uint64]*archive.Entry{}
		}
		if other := m[at][r.Seed]; other != nil && other.Failure == "" && r.Failure == "" { // a run may fail twice
			return nil, problem.Wrap(problem.Usage,
				fmt.Errorf("%s has two runs of scenario %s on kernel %s with seed %d: %s and %s",
					s.Name, result.Short(at.scenario), r.Kernel, r.Seed, result.Short(other.Run), result.Short(r.Run)),
				"they come from two builds, machines or versions of QEMU: compare archives that were made with one each")
		}
		m[at][r.Seed] = r
	}
	return m, nil
}

// names of a release on this side; that of the default kernel is no name.
func (s *Side) names(release string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Kernels)) {
		if s.Kernels[name] == release && name != "" {
			list = append(list, name)
		}
	}
	return list
}

// releases that a side has runs of.
func (s *Side) releases() []string {
	found := map[string]bool{}
	for i := range s.Runs {
		found[s.Runs[i].Kernel] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// KernelPair is two kernels whose runs are compared.
type KernelPair struct {
	// Name that both sides call them by; empty when there is none.
	Name string `json:"name"`
	// A and B are their releases.
	A string `json:"a"`
	B string `json:"b"`
}

// String names the pair: "6.1", or "6.1.0 against 6.12.3" where they differ.
func (k KernelPair) String() string {
	switch {
	case k.A != k.B && k.Name != "":
		return fmt.Sprintf("%s (%s against %s)", k.Name, k.A, k.B)
	case k.A != k.B:
		return k.A + " against " + k.B
	}
	return cmp.Or(k.Name, k.A)
}

// pairKernels says which kernel of A is compared with which of B: those that are called the same, so that a kernel is
// compared with its own update; then those of one release; and where A and B have one kernel each, these two, since
// then they are what is compared. Kernels without a partner are left out. It is an error of kind [problem.Usage] when
// that leaves nothing, and several could be meant.
func pairKernels(a, b *Side) ([]KernelPair, error) {
	left, right := a.releases(), b.releases()
	if len(left) == 0 || len(right) == 0 {
		return nil, nil
	}
	if len(left) == 1 && len(right) == 1 {
		return []KernelPair{{common(a.names(left[0]), b.names(right[0])), left[0], right[0]}}, nil
	}
	var pairs []KernelPair
	match := func(fits func(x, y string) (name string, ok bool)) {
		left = slices.DeleteFunc(left, func(x string) bool {
			for i, y := range right {
				if name, ok := fits(x, y); ok {
					pairs = append(pairs, KernelPair{name, x, y})
					right = slices.Delete(right, i, i+1)
					return true
				}
			}
			return false
		})
	}
	named := func(x, y string) (string, bool) { name := common(a.names(x), b.names(y)); return name, name != "" }
	match(func(x, y string) (string, bool) { name, ok := named(x, y); return name, ok && x == y })
	match(named)
	match(func(x, y string) (string, bool) { return "", x == y })
	if len(pairs) == 0 {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s has runs on %s, %s on %s: the pairs of kernels are ambiguous",
			a.Name, strings.Join(left, ", "), b.Name, strings.Join(right, ", ")),
			"kernels pair by their name in both sweeps, or if each sweep has one: sweep each kernel into its own directory")
	}
	slices.SortFunc(pairs, func(x, y KernelPair) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.A, y.A)) })
	return pairs, nil
}

// common is the first name in both lists; empty when there is none.
func common(a, b []string) string {
	for _, name := range a {
		if slices.Contains(b, name) {
			return name
		}
	}
	return ""
}
