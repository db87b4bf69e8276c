package compare

import (
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// Settings lists what differs between two mappings, by name; what one of them lacks is empty.
func Settings(a, b map[string]string) []Setting {
	list := []Setting{}
	for _, name := range slices.Sorted(maps.Keys(merge(a, b))) {
		if a[name] != b[name] {
			list = append(list, Setting{name, a[name], b[name]})
		}
	}
	return list
}

// Images names the images that runs were made with, as settings: image NAME, and the hash of what is in it. Where a
// sweep has several of one name, all of them are there. The keys are those of [archive.Software]: a name, a blank, and
// what the image is made of.
func Images(of archive.Software) map[string]string {
	m := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(of.Images)) {
		name, _, _ := strings.Cut(key, " ")
		name = "image " + name
		hash := result.Short(of.Images[key])
		switch list := m[name]; {
		case list == "":
			m[name] = hash
		case !strings.Contains(list, hash):
			m[name] = list + ", " + hash
		}
	}
	return m
}

func merge(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	if m == nil {
		m = map[string]string{}
	}
	maps.Copy(m, b)
	return m
}

// Kernels lists how two kernels differ: release, package, what their netem does (see package truth; a kernel that was
// not asked yet has nothing there), and [Configurations].
func Kernels(a, b *kernel.Kernel) ([]Setting, error) {
	options, err := Configurations(a, b)
	if err != nil {
		return nil, err
	}
	return append(Settings(identity(a), identity(b)), options...), nil
}

// Configurations lists the options that two kernels were not built alike with; those that [Touching] is true of come
// first. An option that is not set, or not known, is "n".
func Configurations(a, b *kernel.Kernel) ([]Setting, error) {
	x, err := options(a)
	if err != nil {
		return nil, err
	}
	y, err := options(b)
	if err != nil {
		return nil, err
	}
	changed := Settings(x, y)
	for i := range changed {
		for _, v := range []*string{&changed[i].A, &changed[i].B} {
			if *v == "" {
				*v = "n"
			}
		}
	}
	weight := map[bool]int{true: 0, false: 1}
	slices.SortStableFunc(changed, func(a, b Setting) int { return weight[Touching(a.Name)] - weight[Touching(b.Name)] })
	return changed, nil
}

// identity is what a kernel is called and what its faults are.
func identity(k *kernel.Kernel) map[string]string {
	m := map[string]string{"kernel": k.Release, "package": k.Package}
	if r, err := truth.Load(k.Dir); err == nil {
		m["netem"] = result.Short(r.Fingerprint)
		for _, a := range r.Answers {
			m["netem "+a.Name] = a.Answer
		}
	}
	return m
}

func options(k *kernel.Kernel) (map[string]string, error) {
	c, err := k.Config()
	if err != nil {
		return nil, err
	}
	m := make(map[string]string, len(c))
	for name, value := range c {
		m["CONFIG_"+name] = value
	}
	return m, nil
}

// touching are parts of the names of options that touch what runs measure.
var touching = []string{"_TCP", "_NET_", "_INET", "_IP_", "_IPV6", "_NF_", "_NFT_", "_NETFILTER", "_MPTCP", "_SCHED",
	"_HZ", "_PREEMPT", "_RCU", "_NO_HZ", "_BPF", "_CGROUP", "_MEMCG", "_PSI", "_ACCOUNTING", "_MITIGATION", "_RETPOLINE"}

// Touching tells whether an option of a kernel's configuration, such as CONFIG_HZ_250, touches what runs measure.
func Touching(option string) bool {
	return slices.ContainsFunc(touching, func(part string) bool { return strings.Contains(option, part) })
}
