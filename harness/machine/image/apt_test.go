package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
)

func shop() []pkg {
	return []pkg{
		{name: "shop", more: "Depends: libshop (>= 1), perl, debconf | debconf-2.0\nRecommends: manual\n", entries: []debtest.Entry{owned("./usr/bin/shop", 0o755, 0, 0, "shop")}},
		{name: "libshop", version: "1:2.0-1+b1", entries: []debtest.Entry{owned("./usr/lib/libshop", 0o644, 0, 0, "lib")}},
		{name: "manual"},
		{name: "rival", more: "Conflicts: shop\n"},
		{name: "real-mailer", more: "Provides: mailer\n"},
		{name: "other-mailer", more: "Provides: mailer\n"},
		{name: "devices", entries: []debtest.Entry{{Name: "./dev/x", Tar: ch()}}},
	}
}

func names(packages []Package) []string {
	var list []string
	for _, p := range packages {
		list = append(list, p.Name)
	}
	return list
}

func TestPackagesComeWithWhatTheyNeed(t *testing.T) {
	repository(t, shop()...).Update(t)
	s := newStore(t)
	var lines []string
	i, err := s.Ensure(t.Context(),
		"test", Spec{Packages: []string{"shop"}}, nil, func(line string) { lines = append(lines, line) })
	require.NoError(t, err)
	require.Equal(t, []string{"dash", "libc-bin", "libshop", "shop"}, names(i.Packages),
		"perl and debconf are assumed, and what is recommended stays away")
	require.Contains(t, strings.Join(lines, "\n"), "asking apt for shop")
	require.Contains(t, strings.Join(lines, "\n"), "libshop 1:2.0-1+b1")

	// Nothing is asked or fetched again.
	lines = nil
	again, err := s.Ensure(t.Context(),
		"test", Spec{Packages: []string{"shop"}}, nil, func(line string) { lines = append(lines, line) })
	require.NoError(t, err)
	require.Equal(t, i.Path, again.Path)
	require.Empty(t, lines)
	_, err = s.Ensure(t.Context(), "more", Spec{From: &Spec{Packages: []string{"shop"}}, Packages: []string{"libshop"}},
		nil, func(line string) { lines = append(lines, line) })
	require.NoError(t, err)
	require.NotContains(t, strings.Join(lines, "\n"), "fetching")
}

func TestPackagesThatCannotBeHad(t *testing.T) {
	repository(t, shop()...).Update(t)
	for _, c := range []struct {
		name, says, hint string
		packages         []string
	}{
		{"misspelt", "apt has no package shpo; did you mean shop?", "sudo apt-get update", []string{"shpo"}},
		{"nothing like it", "apt has no package zzzzzzzzzz", "sudo apt-get update", []string{"zzzzzzzzzz"}},
		{"another architecture", "package shop is for arm64, and the guest is amd64", "write shop", []string{"shop:arm64"}},
		{"a version", "names a version", "ruleout image lock", []string{"shop=1"}},
		{"an option", "is no name of a package", "nginx", []string{"--allow-unauthenticated"}},
		{"a shell", "is no name of a package", "nginx", []string{"shop; touch x"}},
		{"virtual", "mailer is no package that apt can install by itself", "apt-cache showpkg mailer", []string{"mailer"}},
		{"conflict", "apt cannot have these packages in one image: ", "two images", []string{"shop", "rival"}},
		{"device node", "device node, which no package contains", "", []string{"devices"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			_, err := s.Ensure(t.Context(), "test", Spec{Packages: c.packages}, nil, nil)
			require.ErrorContains(t, err, c.says)
			require.Contains(t, problem.HintOf(err), c.hint)
			require.NotContains(t, err.Error(), "\n")
			if c.hint != "" {
				require.Equal(t, problem.Usage, problem.KindOf(err))
			}
			requireEmpty(t, s)
		})
	}
}

func TestPackagesWithoutListsOrApt(t *testing.T) {
	repository(t, shop()...) // and no update
	s := newStore(t)
	_, err := s.Ensure(t.Context(), "test", Spec{Packages: []string{"shop"}}, nil, nil)
	require.ErrorContains(t, err, "apt has no package lists")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	t.Setenv("PATH", t.TempDir())
	_, err = s.Ensure(t.Context(), "test", Spec{Packages: []string{"shop"}}, nil, nil)
	require.ErrorContains(t, err, "no apt-get on this machine")
	require.Contains(t, problem.HintOf(err), "docker save")
	requireEmpty(t, s)
}

func TestLock(t *testing.T) {
	r := repository(t, shop()...)
	r.Update(t)
	s := newStore(t)
	spec := Spec{Packages: []string{"shop"}}
	lock, err := s.Lock(t.Context(), spec)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "shop.lock")
	require.NoError(t, WriteLock(file, lock))
	read, err := ReadLock(file)
	require.NoError(t, err)
	require.Equal(t, lock, read)
	unlocked, err := s.Ensure(t.Context(), "test", spec, nil, nil)
	require.NoError(t, err)
	locked, err := s.Ensure(t.Context(), "test", spec, lock, nil)
	require.NoError(t, err)
	require.Equal(t, unlocked.Hash, locked.Hash)
	require.Equal(t, lock.Packages, locked.Packages)

	// The distribution has newer packages. The lock still gives the same image from what is in the store.
	newer := shop()
	newer[1].version = "1:3.0-1"
	newer[1].entries = []debtest.Entry{owned("./usr/lib/libshop", 0o644, 0, 0, "newer")}
	list := filepath.Join(r.Root, "Packages")
	require.NoError(t, os.WriteFile(list, r.Index(t, served(newer...)...), 0o644))
	// apt asks for what is newer, by the second.
	require.NoError(t, os.Chtimes(list, time.Now(), time.Now().Add(time.Hour)))
	r.Update(t)
	require.NoError(t, s.Remove(locked.Hash))
	again, err := s.Ensure(t.Context(), "test", spec, lock, nil)
	require.NoError(t, err)
	require.Equal(t, locked.Hash, again.Hash)
	other, err := s.Ensure(t.Context(), "test", spec, nil, nil)
	require.NoError(t, err)
	require.NotEqual(t, locked.Hash, other.Hash)

	// Elsewhere the version is gone.
	elsewhere := newStore(t)
	_, err = elsewhere.Ensure(t.Context(), "test", spec, lock, nil)
	require.Equal(t, problem.Machine, problem.KindOf(err), "%v", err)
	require.Contains(t, problem.HintOf(err), "write the lock anew")
	requireEmpty(t, elsewhere)

	_, err = s.Ensure(t.Context(), "test", Spec{Packages: []string{"shop", "manual"}}, lock, nil)
	require.ErrorContains(t, err, "the lock is of other packages: it lacks manual, and has in addition none")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "ruleout image lock")
}

// Scenarios beside each other have their locks in one directory, by the names of images.
func TestLocksOfTwoScenarios(t *testing.T) {
	repository(t, shop()...).Update(t)
	s, file := newStore(t), filepath.Join(t.TempDir(), "site.lock")
	lock := func(scenario string, packages ...string) *Lock {
		l, err := s.Lock(t.Context(), Spec{Packages: packages})
		require.NoError(t, err)
		l.Scenario, l.Image = scenario, "site"
		return l
	}
	first := lock("shop", "shop")
	require.NoError(t, WriteLock(file, first))
	read, err := ReadLock(file)
	require.NoError(t, err)
	require.Equal(t, first, read)
	require.NotContains(t, first.String(), "scenario", "an image is the same for all")

	err = WriteLock(file, lock("blog", "libshop"))
	require.ErrorContains(t, err, "site.lock is of the scenario shop, whose image site has other packages (shop)")
	require.Contains(t, problem.HintOf(err), "give the image another name in one of the scenarios")
	read, err = ReadLock(file)
	require.NoError(t, err)
	require.Equal(t, first, read, "it is as it was")
	_, err = s.Ensure(t.Context(), "test", Spec{Packages: []string{"libshop"}}, read, nil)
	require.ErrorContains(t, err, "the lock is of other packages (it is for the image site of the scenario shop): "+
		"it lacks libshop")

	require.NoError(t, WriteLock(file, lock("blog", "shop")), "what has the same packages may share one")
	require.NoError(t, WriteLock(file, lock("blog", "libshop")), "a scenario may change its own")
	own := lock("", "libshop")
	own.Image = ""
	require.NoError(t, WriteLock(filepath.Join(t.TempDir(), "own.lock"), own))
}

func TestLockWithAnotherHash(t *testing.T) {
	repository(t, shop()...).Update(t)
	s := newStore(t)
	lock, err := s.Lock(t.Context(), Spec{Packages: []string{"shop"}})
	require.NoError(t, err)
	lock.Packages[0].SHA256 = strings.Repeat("0", 64)
	_, err = s.Ensure(t.Context(), "test", Spec{Packages: []string{"shop"}}, lock, nil)
	require.ErrorContains(t, err, "package dash 1.0-1 came with another SHA-256")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	requireEmpty(t, s)
}

func TestLocksThatAreWrong(t *testing.T) {
	sum := "sha256:" + strings.Repeat("0a", 32)
	for _, c := range []struct{ name, text, says string }{
		{"empty", "# nothing\n", "1: it has no package"},
		{"no hash", "shop 1 amd64\n", "1: \"shop 1 amd64\" is not name, version"},
		{"short hash", "\nshop 1 amd64 sha256:00\n", "2: \"sha256:00\" is no SHA-256"},
		{"another architecture", "shop 1 arm64 " + sum + "\n", "1: package shop is for \"arm64\", and the guest is amd64"},
		{"twice", "shop 1 amd64 " + sum + "\nshop 2 amd64 " + sum + "\n", "2: package shop is there twice"},
		{"name with an option", "-o 1 amd64 " + sum + "\n", "1: \"-o\" is no name"},
		{"version with a blank in quotes", "shop 1;x amd64 " + sum + "\n", "1: \"1;x\" is no version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, "lock", []byte(c.text))
			_, err := ReadLock(file)
			require.ErrorContains(t, err, file+":"+c.says[:1])
			require.ErrorContains(t, err, c.says)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
	_, err := ReadLock(filepath.Join(t.TempDir(), "none"))
	require.Equal(t, problem.Usage, problem.KindOf(err))
}
