package report_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
)

// timeline gives a record ten samples a second over its 30 s, in which web's softirq goes from 2 % to 97 % while
// dup-acks acts.
func timeline(r *result.Record) {
	softirq, done := make([]float64, 300), make([]float64, 300)
	for i := range softirq {
		softirq[i], done[i] = 0.02, 4
		if i >= 100 && i < 200 {
			softirq[i] = 0.97
		}
	}
	r.Timeline = result.Timeline{Interval: 0.1,
		Series: map[string][]float64{"web.cpu.softirq": softirq, "web.cpu.total": softirq, "http.completed": done}}
}

func TestChangesAreATable(t *testing.T) {
	r := made(t)
	timeline(r)
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{}))
	require.Contains(t, b.String(), `
What moved while dup-acks acted
                       before (10 s)  during (10 s)  after (7 s)
  web: CPU in all              2.0 %         97.0 %        2.0 %
  web: CPU in softirq          2.0 %         97.0 %        2.0 %

What moved while outage acted, as did dup-acks
                       before (10 s)  during (1 s)  after (7 s)
  web: CPU in all              2.0 %        97.0 %        2.0 %
  web: CPU in softirq          2.0 %        97.0 %        2.0 %

Load
`, "and no table for the others, during which nothing moved")
}

func TestHeadlines(t *testing.T) {
	r := made(t)
	timeline(r)
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	require.NoError(t, err)
	list := effect.Of(r, s)
	require.Equal(t, []string{"web, CPU in all: 2.0 % before, 97.0 % while dup-acks acted, 2.0 % after"},
		report.Headlines(list, 1))
	for i := range list {
		for j := range list[i].Changes {
			require.Contains(t, []string{"web.cpu.softirq", "web.cpu.total", "http.completed"}, list[i].Changes[j].Series)
		}
	}
}

func TestForgedSegmentsAreNamed(t *testing.T) {
	r := made(t)
	r.Faults[0].Forged = []result.Forged{{At: 3.1, From: "10.0.0.1:80", To: "10.0.0.2:40000", Seq: 5, Ack: 7,
		Flags: "psh+ack", Payload: 100, Count: 2}}
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{}))
	require.Contains(t, b.String(),
		"dup-acks: at 3.1 s, from 10.0.0.1:80 to 10.0.0.2:40000: PSH+ACK, seq 5, ack 7, 100 B of payload, 2 times\n")
	require.Equal(t, "at 12 s, from a:1 to b:2: RST, seq 0, ack 0",
		report.Forged(result.Forged{At: 12, From: "a:1", To: "b:2", Flags: "rst", Count: 1}))
}
