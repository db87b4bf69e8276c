package campaign

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

const refusable = `version: 1
name: refusable
scenario: small.yaml
set: {nodes.web.sysctls.net.ipv4.tcp_rmem: 4096 5000 6000}
factors:
  - {name: sack, set: nodes.web.sysctls.net.ipv4.tcp_sack, values: [0, 1]}
  - {name: path, settings: {near: {nodes.client.sysctls.net.ipv4.tcp_ecn: 1}, far: {}}}
hypotheses:
  - name: "{key} {n}"
    each: {n: [7, 9], key: [frto]}
    cause:
      nodes.web.sysctls.net.ipv4.tcp_early_retrans: "{n}"
      "nodes.web.sysctls.net.ipv4.tcp_{key}": 3
      nodes.db.sysctls: "{net.ipv4.tcp_reordering: {n}}"
    metric: http.latency.p99
    margin: 5%
`

// What a kernel says of a value is found where the campaign sets it.
func TestLocate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "small.yaml"), []byte(network), 0o644))
	file := filepath.Join(dir, "refusable.yaml")
	require.NoError(t, os.WriteFile(file, []byte(refusable), 0o644))
	p, err := Load(file, []string{"hypotheses[0].base.nodes.web.sysctls.net.ipv4.tcp_app_win=8"})
	require.NoError(t, err)
	i := slices.IndexFunc(p.Cases, func(c Case) bool { return c.Context.String() == "sack 0, path near" })
	treated := &p.Arms[p.Cases[i].Treated]
	for _, c := range []struct{ place, at string }{
		{"nodes.web.sysctls.net.ipv4.tcp_early_retrans", "refusable.yaml:12:7: "},
		{"nodes.web.sysctls.net.ipv4.tcp_frto", "refusable.yaml:11:"},
		{"nodes.db.sysctls.net.ipv4.tcp_reordering", "refusable.yaml:14:7: "},
		{"nodes.web.sysctls.net.ipv4.tcp_rmem", "refusable.yaml:4:7: "},
		{"nodes.web.sysctls.net.ipv4.tcp_sack", "refusable.yaml:6:69: "}, // the value 0 of its factor
		{"nodes.client.sysctls.net.ipv4.tcp_ecn", "refusable.yaml:7:36: "},
		{"nodes.web.sysctls.net.ipv4.tcp_app_win", "--set hypotheses[0].base"},
		{"nodes.web.service.php.database", "small.yaml:7:"},
	} {
		refused := fmt.Errorf("run: %w",
			&problem.Error{Kind: problem.Usage, Err: errors.New("invalid argument"), Hint: "a hint", Place: c.place})
		err := p.Locate(refused, treated)
		require.Equal(t, problem.Usage, problem.KindOf(err))
		text := strings.TrimPrefix(err.Error(), dir+"/")
		require.Truef(t, strings.HasPrefix(text, c.at), "%s: %s", c.place, text)
		require.Contains(t, text, "run: invalid argument")
		require.Contains(t, text, "hint: a hint")
	}
	other := errors.New("another one")
	require.Equal(t, other, p.Locate(other, treated))
}
