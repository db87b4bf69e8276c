package kernel

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// stocked is a store of small kernels, given as release and package version.
func stocked(t testing.TB, kernels ...[2]string) *Store {
	s := newStore(t)
	for _, k := range kernels {
		p := pkg{name: "linux-image-" + k[0], version: k[1]}
		for _, e := range kernelEntries() {
			e.Name = strings.ReplaceAll(e.Name, testRelease, k[0])
			if strings.HasPrefix(e.Name, "./boot/vmlinuz") {
				e.Data = bzImage(k[0], payload(deb.Plain, vmlinux(10+len(k[0])+len(k[1]))), nil)
			}
			p.entries = append(p.entries, e)
		}
		_, err := s.Add(context.Background(), p.write(t))
		require.NoError(t, err)
	}
	return s
}

func TestListIsSortedByVersion(t *testing.T) {
	s := stocked(t,
		[2]string{"6.12.117+deb12-cloud-amd64", "6.12.117-1~deb12u1"},
		[2]string{"6.1.0-56-amd64", "6.1.192-2"},
		[2]string{"5.10.0-32-cloud-amd64", "5.10.223-1"},
		[2]string{"6.1.0-56-cloud-amd64", "6.1.192-2"},
		[2]string{"6.1.0-9-cloud-amd64", "6.1.27-1"})
	kernels, err := s.List()
	require.NoError(t, err)
	var names []string
	for _, k := range kernels {
		names = append(names, k.Name)
	}
	require.Equal(t, []string{"5.10.0-32-cloud-amd64", "6.1.0-9-cloud-amd64", "6.1.0-56-amd64", "6.1.0-56-cloud-amd64",
		"6.12.117+deb12-cloud-amd64"}, names)
}

func TestGet(t *testing.T) {
	s := stocked(t,
		[2]string{"5.10.0-32-cloud-amd64", "5.10.223-1"},
		[2]string{"6.1.0-9-cloud-amd64", "6.1.27-1"},
		[2]string{"6.1.0-55-cloud-amd64", "6.1.190-1"},
		[2]string{"6.1.0-56-amd64", "6.1.192-2"},
		[2]string{"6.1.0-56-rt-amd64", "6.1.192-2"},
		[2]string{"6.1.0-57-cloud-amd64", "6.1.193-1"},
		[2]string{"6.1.0-57-cloud-amd64", "6.1.193-2"},
		[2]string{"6.12.117+deb12-rt-amd64", "6.12.117-1~deb12u1"},
		[2]string{"6.8.0-45-generic", "6.8.0-45.45"})
	rt, err := s.Get("6.1.0-56-rt-amd64")
	require.NoError(t, err)
	for name, want := range map[string]string{
		"6.1.0-55-cloud-amd64":           "6.1.0-55-cloud-amd64",
		"6.1.0-57-cloud-amd64_6.1.193-1": "6.1.0-57-cloud-amd64_6.1.193-1",
		"6.1.0-57-cloud-amd64":           "6.1.0-57-cloud-amd64_6.1.193-2",
		"6.1":                            "6.1.0-57-cloud-amd64_6.1.193-2",
		"6":                              "6.1.0-57-cloud-amd64_6.1.193-2",
		"6.1.0-9":                        "6.1.0-9-cloud-amd64",
		"6.1.0-56":                       "6.1.0-56-amd64",
		"6.1-rt":                         "6.1.0-56-rt-amd64",
		"6.1-generic":                    "6.1.0-56-amd64",
		"6.12":                           "6.12.117+deb12-rt-amd64",
		"6.8":                            "6.8.0-45-generic",
		"5.10-cloud":                     "5.10.0-32-cloud-amd64",
		rt.Hash:                          "6.1.0-56-rt-amd64",
		rt.Hash[:20]:                     "6.1.0-56-rt-amd64",
	} {
		t.Run(name, func(t *testing.T) {
			k, err := s.Get(name)
			require.NoError(t, err)
			require.Equal(t, want, k.Name)
		})
	}
	for name, says := range map[string][2]string{
		"6.18":                {"6.12.117+deb12-rt-amd64", "ruleout kernel pull 6.18"},
		"6.1.0-5":             {"6.1.0-55-cloud-amd64", "ruleout kernel pull 6.1.0-5"},
		"6.1.0-55-clodu-amd6": {"did you mean 6.1.0-55-cloud-amd64?", "ruleout kernel pull"},
		"5.10-rt":             {"not in the store", "ruleout kernel pull 5.10-rt"},
		"":                    {"not in the store", "ruleout kernel list"},
		"../../etc":           {"not in the store", "ruleout kernel list"},
		"sha256:":             {"not in the store", "ruleout kernel list"},
	} {
		t.Run("no "+name, func(t *testing.T) {
			_, err := s.Get(name)
			require.ErrorContains(t, err, says[0])
			require.Contains(t, problem.HintOf(err), says[1])
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
}

func TestEmptyStore(t *testing.T) {
	s := newStore(t)
	kernels, err := s.List()
	require.NoError(t, err)
	require.Empty(t, kernels)
	_, err = s.Get("6.1")
	require.ErrorContains(t, err, "empty")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	_, err = s.Default()
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "ruleout kernel pull")
	removed, err := s.GC()
	require.NoError(t, err)
	require.Empty(t, removed)
	require.NoDirExists(t, s.Dir(), "reading has made something")
}

func TestDefault(t *testing.T) {
	old, new := [2]string{"5.10.0-32-cloud-amd64", "5.10.223-1"},
		[2]string{"6.12.117+deb12-cloud-amd64", "6.12.117-1~deb12u1"}
	for _, c := range []struct {
		name    string
		kernels [][2]string
		pulled  string
		want    string
	}{
		{"the newest cloud kernel if there is nothing else to go by", [][2]string{old, new, {"7.0.1-amd64", "7.0.1-1"}}, "", new[0]},
		{"6.1 before newer ones", [][2]string{old, {"6.1.0-55-cloud-amd64", "6.1.190-1"},
			{"6.1.0-56-cloud-amd64", "6.1.192-2"}, new}, "", "6.1.0-56-cloud-amd64"},
		{"what was pulled as the distribution's", [][2]string{old, {"6.1.0-56-cloud-amd64", "6.1.192-2"}, new}, new[0], new[0]},
		{"not what was pulled and removed", [][2]string{old, {"6.1.0-56-cloud-amd64", "6.1.192-2"}}, new[0], "6.1.0-56-cloud-amd64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := stocked(t, c.kernels...)
			if c.pulled != "" {
				require.NoError(t, s.setDefault(c.pulled))
			}
			k, err := s.Default()
			require.NoError(t, err)
			require.Equal(t, c.want, k.Name)
		})
	}
}

func TestRemove(t *testing.T) {
	s := stocked(t, [2]string{"5.10.0-32-cloud-amd64", "5.10.223-1"}, [2]string{"6.1.0-56-cloud-amd64", "6.1.192-2"})
	require.NoError(t, s.Remove("5.10"))
	kernels, err := s.List()
	require.NoError(t, err)
	require.Len(t, kernels, 1)
	require.Equal(t, problem.Usage, problem.KindOf(s.Remove("5.10")))
	removed, err := s.GC()
	require.NoError(t, err)
	require.Empty(t, removed)
}

func TestCacheDir(t *testing.T) {
	t.Setenv("HOME", "/home/someone")
	for env, want := range map[string]string{"/var/cache/me": "/var/cache/me/ruleout", "": "/home/someone/.cache/ruleout",
		"relative": "/home/someone/.cache/ruleout"} {
		t.Setenv("XDG_CACHE_HOME", env)
		dir, err := CacheDir()
		require.NoError(t, err)
		require.Equal(t, want, dir)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	_, err := CacheDir()
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
}

func TestConfigHashIsOfTheOptions(t *testing.T) {
	a := parseConfig([]byte("# Linux 6.1.1\nCONFIG_A=y\n# CONFIG_C is not set\nCONFIG_B=\"x=y\"\n"))
	b := parseConfig([]byte("#\n# Linux 6.1.2\n#\n\nCONFIG_B=\"x=y\"\nCONFIG_A=y\nCONFIG_C=n\n"))
	require.Equal(t, Config{"A": "y", "B": `"x=y"`}, a)
	require.Equal(t, a.hash(), b.hash())
	require.NotEqual(t, a.hash(), parseConfig([]byte("CONFIG_A=m\nCONFIG_B=\"x=y\"\n")).hash())
}

func TestModuleOrderErrors(t *testing.T) {
	k, err := newStore(t).Add(context.Background(), pkg{entries: kernelEntries(
		file(modulePath("a.ko"), ko("b")), file(modulePath("b.ko"), ko("a")), file(modulePath("c.ko"), ko("lost")),
	)}.write(t))
	require.NoError(t, err)
	order, err := k.ModuleOrder("a")
	require.NoError(t, err, "a cycle ends")
	require.Equal(t, []string{"kernel/b.ko", "kernel/a.ko"}, order)

	_, err = k.ModuleOrder("c")
	require.ErrorContains(t, err, "module c needs module lost")
	_, err = k.ModuleOrder("vteh")
	require.ErrorContains(t, err, "did you mean veth?")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.True(t, k.HasModule("crc_t10dif"))
	require.False(t, k.HasModule("vteh"))
	for _, path := range []string{"../../../../etc/passwd", "kernel/net/ipv6/ipv6.ko", "a", "kernel/x/a.ko"} {
		_, err = k.ReadModule(path)
		require.ErrorContains(t, err, "no module file", path)
	}
}

func TestDamagedKernelSaysWhatToDo(t *testing.T) {
	k, err := newStore(t).Add(context.Background(), pkg{entries: kernelEntries()}.write(t))
	require.NoError(t, err)
	module := filepath.Join(k.Dir, "modules/kernel/drivers/net/veth.ko.zst")
	data, err := os.ReadFile(module)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(module, data[:len(data)-3], 0o644))
	_, err = k.ReadModule("kernel/drivers/net/veth.ko")
	require.ErrorContains(t, err, "damaged")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), k.Dir)

	require.NoError(t, os.Remove(k.ConfigFile()))
	_, err = k.Config()
	require.True(t, errors.Is(err, os.ErrNotExist), err)
	require.False(t, k.HasConfig("VETH"))
}

func TestLacks(t *testing.T) {
	k, err := newStore(t).Add(context.Background(), pkg{entries: kernelEntries()}.write(t))
	require.NoError(t, err)
	lacks, err := k.Lacks()
	require.NoError(t, err)
	require.Contains(t, lacks, Feature{"netem", "NET_SCH_NETEM", true})
	require.Contains(t, lacks, Feature{"pressure", "PSI", false})
	require.NotContains(t, lacks, Feature{"veth", "VETH", true})
}
