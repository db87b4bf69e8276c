package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatusesAreReadUnlessTheyAreOff(t *testing.T) {
	every := func(node string, set ...string) (list []time.Duration) {
		s, err := Parse("x", []byte(presetText), set)
		require.NoError(t, err)
		for _, status := range s.Statuses(node) {
			list = append(list, status.Every)
		}
		return list
	}
	const usual = 300 * time.Millisecond
	require.Equal(t, []time.Duration{usual, usual}, every("web"))
	require.Equal(t, []time.Duration{usual, 0}, every("web", "nodes.web.service.nginx.status=off"))
	require.Equal(t, []time.Duration{usual, usual}, every("web", "timeline=off"))
	require.Equal(t, []time.Duration{500 * time.Millisecond}, every("front", "timeline=250ms"), "whole intervals")
	require.Equal(t, []time.Duration{320 * time.Millisecond}, every("front", "timeline=40ms"))
	require.Equal(t, []time.Duration{3 * time.Second}, every("db"))
	require.Equal(t, []time.Duration{usual}, every("db", "nodes.db.service.mariadb.status=300ms"))
	require.Empty(t, every("client"))
	require.Empty(t, every("nowhere"))
}

// Saying what is so anyway changes no hash.
func TestTheUsualStatusIsNotInTheCanonicalForm(t *testing.T) {
	hash := func(set ...string) string {
		s, err := Parse("x", []byte(presetText), set)
		require.NoError(t, err)
		return s.Hash()
	}
	require.Equal(t, hash(), hash("nodes.web.service.nginx.status=300ms"))
	require.NotEqual(t, hash(), hash("nodes.web.service.nginx.status=off"))
	require.NotEqual(t, hash(), hash("nodes.web.service.nginx.status=1s"))
	require.Equal(t, hash(), hash("nodes.db.service.mariadb.status=3s"))
	require.NotEqual(t, hash(), hash("nodes.db.service.mariadb.status=100ms"))
}

func TestConfigurationOfStatuses(t *testing.T) {
	for node, lines := range map[string][]string{
		"web": {"pm.status_listen = /run/fpm-status.sock\n", "listen unix:/run/nginx-status.sock;"},
		"db":  {"create user if not exists 'ruleout'@'localhost';", "max_connections = 152\n"},
	} {
		on, err := Parse("x", []byte(presetText), nil)
		require.NoError(t, err)
		off, err := Parse("x", []byte(presetText), []string{"nodes.web.service.nginx.status=off",
			"nodes.web.service.php-fpm.status=off", "nodes.db.service.mariadb.status=off"})
		require.NoError(t, err)
		text := func(s *Scenario) (all string) {
			for _, file := range s.NodeFiles(node) {
				all += file
			}
			return all
		}
		for _, line := range lines {
			require.Contains(t, text(on), line)
			require.NotContains(t, text(off), line)
		}
	}
}

func TestAStatusThatTheScenariosOwnFileDoesNotHaveIsMissing(t *testing.T) {
	status := func(text string) Status {
		s, err := Parse("x", []byte(presetText), []string{`nodes.front.files={"/etc/ruleout/nginx.conf": "` + text + `"}`})
		require.NoError(t, err)
		return s.Statuses("front")[0]
	}
	require.Equal(t, "/etc/ruleout/nginx.conf is the scenario's own and does not have it listen on /run/nginx-status.sock",
		status("mine").Missing)
	require.Empty(t, status("listen unix:/run/nginx-status.sock;").Missing)
}

const resolver = `
version: 1
name: dns
duration: 1s
images: {dns: {packages: [unbound]}}
nodes:
  client: {}
  far: {}
  alone: {image: dns, service: {unbound: {}}}
  ask:
    image: dns
    service:
      unbound:
        {forward: ["alone:53"], zones: [shop.test], records: ["www.shop.test. 60 IN A {client}"],
         settings: {cache-min-ttl: 5}}
links:
  - {between: [client, ask]}
  - {between: [ask, alone]}
  - {between: [client, far]}
`

func TestUnbound(t *testing.T) {
	s, err := Parse("x", []byte(resolver), nil)
	require.NoError(t, err)
	text := s.NodeFiles("ask")["/etc/ruleout/unbound.conf"]
	for _, line := range []string{
		"  port: 53\n", "  msg-cache-size: 4194304\n", "  cache-min-ttl: 5\n", `  local-data: "client. A {client}"` + "\n",
		`  local-zone: "shop.test." static` + "\n", "  local-data: 'www.shop.test. 60 IN A {client}'\n",
		"forward-zone:\n  name: \".\"\n  forward-addr: {alone}@53\n",
	} {
		require.Contains(t, text, line)
	}
	require.NotContains(t, text, "far.", "client is no router, so there is no way")
	require.Contains(t, s.NodeFiles("alone")["/etc/ruleout/unbound.conf"], `  local-zone: "." static`+"\n")
	require.Equal(t, []string{"/etc/ruleout/unbound.conf"}, s.Fillable("ask"))
	require.Empty(t, s.Fillable("client"))
	programs, places := s.Programs("ask")
	require.Equal(t, []string{"nodes.ask.service.unbound"}, places)
	require.Equal(t, 53, programs[0].Port)

	s, err = Parse("x", []byte(resolver), []string{`nodes.ask.files={"/etc/ruleout/unbound.conf": "mine {client}"}`})
	require.NoError(t, err)
	require.Empty(t, s.Fillable("ask"), "the scenario's own file is as it is written")
}
