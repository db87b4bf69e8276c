package report_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
)

func TestMiddleboxesAreTold(t *testing.T) {
	r := made(t)
	for name, v := range map[string]float64{"entries.mean": 10.5, "entries.max": 25, "drops": 3, "early_drops": 0,
		"invalid": 2, "insert_failed": 1, "clashes": 0} {
		r.Metrics["web.conntrack."+name] = result.Metric{Value: v, Unit: "1"}
	}
	r.Middleboxes = []result.Middlebox{
		{Node: "client", Rules: []result.Rule{{Kind: "firewall", Name: "syns", Packets: 1200, Bytes: 72000, All: 1201}}},
		{Node: "web", Max: 500, Buckets: 512, Rules: []result.Rule{{Kind: "nat", Name: "out", Packets: 1, Bytes: 60, All: 1}},
			Forgot: []result.Forgot{{At: 5.0000351, Entries: 25}}},
	}
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{}))
	require.Contains(t, b.String(), `
Tables of connections
  node  entries, mean  max  room for  drops  early drops  invalid  insert failed  clashes
  web            10.5   25       500      3            0        2              1        0
  web: forgot 25 entries at 5.00 s
`)
	require.Contains(t, b.String(), `
Rules of middleboxes
  node    rule  does        matched    bytes
  client  syns  –     1,200 packets  72.0 kB
  web     out   –      1 connection        –
  client: syns matched 1 more before or after the measured window
`)
}
