package image

import (
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
)

// Numbers of users are the same in all images, so no two users may share one, and none may be Debian's own.
func TestRecipesShareNoNumbers(t *testing.T) {
	uids, gids := map[int]string{}, map[int]string{}
	for _, g := range groups {
		gids[g.gid] = g.name
	}
	take := func(taken map[int]string, id int, name string) {
		if other, ok := taken[id]; ok {
			require.Equal(t, other, name, "%d", id)
		}
		taken[id] = name
	}
	users := system
	for _, r := range recipes {
		users = append(users, r.users...)
		for _, pattern := range r.packages {
			_, err := path.Match(pattern, "x")
			require.NoError(t, err)
		}
	}
	for _, u := range users {
		take(uids, u.uid, u.name)
		group := u.group
		if group == "" {
			group = u.name
		}
		take(gids, u.gid, group)
	}
}

func TestPHPIsSwitchedOn(t *testing.T) {
	repository(t,
		pkg{name: "php9.1-common", entries: []debtest.Entry{
			owned("./etc/php/9.1/mods-available/.keep", 0o644, 0, 0, ""),
			owned("./usr/share/php9.1-common/common/pdo.ini", 0o644, 0, 0, "; priority=10\nextension=pdo.so\n"),
			owned("./usr/share/php9.1-common/common/ctype.ini", 0o644, 0, 0, "extension=ctype.so\n"),
		}},
		pkg{name: "php9.1-mysql", more: "Depends: php9.1-common\n",
			entries: []debtest.Entry{owned("./usr/share/php9.1-mysql/mysql/mysqli.ini", 0o644, 0, 0, "; priority=20\n")}},
		pkg{name: "php9.1-fpm", more: "Depends: php9.1-common\n", entries: []debtest.Entry{
			owned("./usr/lib/php/9.1/sapi/fpm", 0o644, 0, 0, ""), owned("./usr/lib/php/9.1/php.ini-production", 0o644, 0, 0,
				"production"), owned("./usr/sbin/php-fpm9.1", 0o755, 0, 0, "x"),
		}},
		pkg{name: "php9.1-cli", more: "Depends: php9.1-common\n", entries: []debtest.Entry{
			owned("./usr/lib/php/9.1/sapi/cli", 0o644, 0, 0, ""), owned("./usr/lib/php/9.1/php.ini-production.cli", 0o644, 0, 0,
				"for cli"), owned("./usr/bin/php9.1", 0o755, 0, 0, "x"),
		}},
	).Update(t)
	i, err := newStore(t).Ensure(t.Context(),
		"", Spec{Packages: []string{"php9.1-fpm", "php9.1-mysql", "php9.1-cli"}}, nil, nil)
	require.NoError(t, err)
	all := readBack(t, i.Path)
	for _, way := range []string{"fpm", "cli"} {
		for name, module := range map[string]string{"10-pdo": "pdo", "20-ctype": "ctype", "20-mysqli": "mysqli"} {
			require.Equal(t, "/etc/php/9.1/mods-available/"+module+".ini",
				all["/etc/php/9.1/"+way+"/conf.d/"+name+".ini"].content)
		}
	}
	require.Equal(t, hashOf("production"), all["/etc/php/9.1/fpm/php.ini"].content)
	require.Equal(t, hashOf("for cli"), all["/etc/php/9.1/cli/php.ini"].content)
	require.Equal(t, "/etc/alternatives/php", all["/usr/bin/php"].content)
	require.Equal(t, "/usr/bin/php9.1", all["/etc/alternatives/php"].content)
	require.Equal(t, "/usr/sbin/php-fpm9.1", all["/etc/alternatives/php-fpm"].content)
}

func TestUsersAndDirectories(t *testing.T) {
	repository(t, pkg{name: "redis-server", entries: []debtest.Entry{dir("./var/lib/redis/")}},
		pkg{name: "ca-certificates", entries: []debtest.Entry{
			owned("./usr/share/ca-certificates/mozilla/B.crt", 0o644, 0, 0, "BBB"),
			owned("./usr/share/ca-certificates/mozilla/A.crt", 0o644, 0, 0, "AAA\n"),
		}}).Update(t)
	// An OCI image below has taken the number already.
	oci := layout{layers: [][]debtest.Entry{{owned("etc/passwd", 0o644, 0, 0,
		"root:x:0:0::/:/bin/sh\nelse:x:100:100::/:/bin/sh"+"\n"), owned("etc/group", 0o644, 0, 0, "root:x:0:\n")}}}
	for _, c := range []struct {
		spec     Spec
		uid, gid int
	}{{Spec{}, 100, 109}, {Spec{OCI: oci.archive(t)}, 900, 109}} {
		c.spec.Packages = []string{"redis-server", "ca-certificates"}
		i, err := newStore(t).Ensure(t.Context(), "", c.spec, nil, nil)
		require.NoError(t, err)
		all := readBack(t, i.Path)
		require.Equal(t, seen{0o040750, c.uid, c.gid, 0, ""}, all["/var/lib/redis"])
		require.Equal(t, seen{0o042750, c.uid, 4, 0, ""}, all["/var/log/redis"])
		require.Equal(t, hashOf("AAA\nBBB\n"), all["/etc/ssl/certs/ca-certificates.crt"].content)
		require.Equal(t, "/usr/share/ca-certificates/mozilla/A.crt", all["/etc/ssl/certs/A.pem"].content)
	}
}
