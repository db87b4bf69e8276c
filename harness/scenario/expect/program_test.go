package expect_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

const withPrograms = `
version: 1
name: programs
duration: 3s
images: {site: {packages: [nginx]}}
nodes:
  client: {image: site}
  db: {}
  web: {image: site, service: {exec: [{name: php-fpm, command: [php-fpm]}, {name: nginx, command: [nginx], port: 80}]}}
links:
  - {between: [client, web]}
  - {between: [web, db]}
load:
  - {from: client, exec: {name: probe, command: [probe]}}
`

func TestMetricsOfPrograms(t *testing.T) {
	s, err := expect.Parse("programs.yaml", []byte(withPrograms), nil)
	require.NoError(t, err)
	for _, expr := range []string{
		"web.exec.php-fpm.restarts == 0", "web.exec.nginx.exit == 0", "client.exec.probe.seconds < 200ms",
		"client.exec.probe.exit == 0 and web.exec.nginx.restarts < 2",
	} {
		_, err := expect.Compile(expr, s)
		require.NoError(t, err, expr)
	}
	for _, c := range []struct{ expr, msg, hint string }{
		{"web.exec.ngix.exit == 0", `web has no program "ngix"`, `did you mean "nginx"? its programs: php-fpm, nginx`},
		{"web.exec.probe.exit == 0", `web has no program "probe"`, "its programs: php-fpm, nginx"},
		{"db.exec.mariadb.exit == 0", "db has no programs", "programs: client.exec.probe, web.exec.php-fpm, web.exec.nginx"},
		{"web.exec.nginx.exits == 0", `unknown metric "web.exec.nginx.exits"`,
			`did you mean "exit"? a program has exit, seconds, restarts`},
		{"web.exec.nginx.cpu == 0", `unknown metric "web.exec.nginx.cpu"`, "a program has exit, seconds, restarts"},
		{"web.exec.nginx == 0", `"web.exec.nginx" is no metric`,
			"a program has exit, seconds, restarts, such as web.exec.nginx.exit"},
		{"web.exec == 0", `web has no program ""`, "its programs: php-fpm, nginx"},
		{"web.exec.nginx.seconds < 3", "3 needs a unit: the other side is a duration", "such as 3ms or 3s"},
	} {
		_, err := expect.Compile(c.expr, s)
		var m *problem.Mistake
		require.ErrorAs(t, err, &m, c.expr)
		require.Equal(t, c.msg, m.Msg, c.expr)
		require.Equal(t, c.hint, m.Hint, c.expr)
	}
}

func TestMetricsOfProgramsWhereNoneAre(t *testing.T) {
	text, _, _ := strings.Cut(withPrograms, "load:")
	at := strings.Index(text, ", service:")
	text = text[:at] + strings.Replace(text[at:], strings.TrimSuffix(strings.SplitN(text[at:], "\n", 2)[0], "}"), "", 1)
	s, err := expect.Parse("programs.yaml", []byte(text), nil)
	require.NoError(t, err)
	_, err = expect.Compile("web.exec.nginx.exit == 0", s)
	var m *problem.Mistake
	require.ErrorAs(t, err, &m)
	require.Equal(t, "web has no programs", m.Msg)
	require.Equal(t, "no node has programs: they are nodes.NODE.service.exec, and load with exec", m.Hint)
}

// A record says which nodes there are, not which programs.
func TestMetricsOfProgramsOfRecords(t *testing.T) {
	v := expect.Vocabulary{Nodes: []string{"web"}}
	f, err := v.Figure("web.exec.anything.seconds")
	require.NoError(t, err)
	require.Equal(t, "s", f.Unit)
}

func TestAProgramThatRunsHasNoExit(t *testing.T) {
	s, err := expect.Parse("programs.yaml", []byte(withPrograms), nil)
	require.NoError(t, err)
	e, err := expect.Compile("web.exec.nginx.exit == 0", s)
	require.NoError(t, err)
	_, _, err = e.Eval(func(string) (float64, bool) { return 0, false })
	require.EqualError(t, err, `evaluate "web.exec.nginx.exit == 0": `+
		`web.exec.nginx.exit was not recorded: the program has not ended`)
}
