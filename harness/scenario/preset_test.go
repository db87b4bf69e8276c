package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const presetText = `
version: 1
name: presets
duration: 1s
images: {all: {packages: [nginx]}}
nodes:
  client: {image: all, files: {/empty: ""}}
  front: {image: all, service: {nginx: {proxy: ["web:80"], reuse: 4}}}
  web: {image: all, service: {php-fpm: {workers: 3, settings: {memory_limit: 64M}}, nginx: {keepalive: off}}}
  db: {image: all, service: {mariadb: {load: [/srv/a.sql], settings: {query_cache_size: 1M, skip-grant-tables: ""}}}}
links:
  - {between: [client, front]}
  - {between: [front, web]}
  - {between: [web, db]}
load:
  - {from: client, to: front, http: {rate: 1/s}}
  - {from: client, exec: {name: say, command: [echo, "", there], env: {NOTHING: ""}}}
`

// What presets stand for is what one would write by hand; the lines are those of the programs' own manuals.
func TestPresets(t *testing.T) {
	s, err := Parse("x", []byte(presetText), nil)
	require.NoError(t, err)
	require.EqualValues(t, 80, s.Load[0].HTTP.Port)
	require.Equal(t, []string{"echo", "", "there"}, s.Load[1].Exec.Command)
	require.Equal(t, map[string]string{"/empty": ""}, s.NodeFiles("client"))

	front := s.NodeFiles("front")["/etc/ruleout/nginx.conf"]
	for _, line := range []string{
		"server web:80;", "keepalive 4;", "proxy_pass http://servers;", `proxy_set_header Connection "";`,
	} {
		require.Contains(t, front, line)
	}
	require.NotContains(t, front, "fastcgi_pass")

	web := s.NodeFiles("web")
	require.Contains(t, web["/etc/ruleout/nginx.conf"], "fastcgi_pass 127.0.0.1:9000;")
	require.Contains(t, web["/etc/ruleout/nginx.conf"], "keepalive_timeout 0ms;")
	require.NotContains(t, web["/etc/ruleout/nginx.conf"], "proxy_pass")
	require.Contains(t, web["/etc/ruleout/php-fpm.conf"], "pm.max_children = 3\n")
	require.NotContains(t, web["/etc/ruleout/php-fpm.conf"], "memory_limit")
	require.Equal(t, "memory_limit = 64M\n", web["/etc/ruleout/php/settings.ini"])
	programs, places := s.Programs("web")
	require.Equal(t, map[string]string{"PHP_INI_SCAN_DIR": ":/etc/ruleout/php"}, programs[0].Env)
	require.Equal(t, []string{"nodes.web.service.php-fpm", "nodes.web.service.nginx"}, places, "the pool is there first")
	require.Equal(t, 6, programs[1].Warm.Requests, "two for each worker")

	my := s.NodeFiles("db")["/etc/ruleout/my.cnf"]
	require.Contains(t, my, "query_cache_size = 1M\n", "the scenario's goes first")
	require.NotContains(t, my, "query_cache_size = 0\n")
	require.Contains(t, my, "\nskip-grant-tables\n")
	programs, _ = s.Programs("db")
	require.Equal(t, "/srv/a.sql", programs[0].Stdin[len(programs[0].Stdin)-1])
	require.NotNil(t, programs[0].ExpectExit, "the tables are a step of the set-up")
}

func TestFilesOfANodeGoBeforePresets(t *testing.T) {
	s, err := Parse("x", []byte(presetText), []string{`nodes.web.files={"/etc/ruleout/nginx.conf": "mine"}`})
	require.NoError(t, err)
	require.Equal(t, "mine", s.NodeFiles("web")["/etc/ruleout/nginx.conf"])
}

func TestSettingsOfMariaDBHaveOneSpelling(t *testing.T) {
	s, err := Parse("x", []byte(presetText), []string{
		`nodes.db.service.mariadb.settings={"innodb-flush-log-at-trx-commit": "1", "max-connections": "7"}`})
	require.NoError(t, err)
	my := s.NodeFiles("db")["/etc/ruleout/my.cnf"]
	require.Contains(t, my, "innodb_flush_log_at_trx_commit = 1\n")
	require.Contains(t, my, "max_connections = 7\n")
	require.NotContains(t, my, "innodb-flush")
}

// What is written is what PHP reads: parse_ini_file of PHP 8.2 gives each value back.
func TestSettingsOfPHPAreQuoted(t *testing.T) {
	for value, want := range map[string]string{
		"64M": "64M", "/srv/a.php": "/srv/a.php", "-1": "-1", "E_ALL": "E_ALL",
		"E_ALL & ~E_NOTICE":     "E_ALL & ~E_NOTICE",
		"":                      "''",
		"a;b":                   "'a;b'",
		"a = b [c]":             "'a = b [c]'",
		`C:\"x"`:                `'C:\"x"'`,
		"${HOME}!":              "'${HOME}!'",
		"it's; C:\\ \"quoted\"": `"it's; C:\\ \"quoted\""`,
	} {
		require.Equal(t, want, iniValue(value), value)
	}
	s, err := Parse("x", []byte(presetText), []string{
		`nodes.web.service.php-fpm.settings={"opcache.memory_consumption": "16", "user_agent": "a; b"}`})
	require.NoError(t, err)
	require.Equal(t, "opcache.memory_consumption = 16\nuser_agent = 'a; b'\n",
		s.NodeFiles("web")["/etc/ruleout/php/settings.ini"])
}

func TestPresetsThatWouldNotBeAsWritten(t *testing.T) {
	for set, want := range map[string]string{
		"nodes.web.service.nginx.backlog=5000":              "the kernel would cut a backlog of 5000 down to 4096",
		"nodes.web.service.php-fpm.backlog=5000":            "the kernel would cut a backlog of 5000 down to 4096",
		"nodes.web.service.nginx.root=/srv/$host":           "not an absolute path that needs no quotes",
		`nodes.db.service.mariadb.settings={"!include":""}`: "not the name of a setting",

		`nodes.web.service.php-fpm.settings={user_agent: "it's ${HOME}"}`: "cannot be written for PHP",
		`nodes.web.service.php-fpm.settings={user_agent: "a\nb"}`:         "a setting's value is one line",
	} {
		_, err := Parse("x", []byte(presetText), []string{set})
		require.ErrorContains(t, err, want, set)
	}
}
