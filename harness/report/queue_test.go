package report_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
)

// queued is a made-up record with queues: one that lost packets, one that never held two, and a fault's.
func queued(t *testing.T) *result.Record {
	r := made(t)
	put := func(prefix string, drops, mean, most float64) {
		for name, v := range map[string]result.Metric{
			"drops": {Value: drops, Unit: "1"}, "mean": {Value: mean, Unit: "1"}, "max": {Value: most, Unit: "1"},
			"bytes.mean": {Value: mean * 1514, Unit: "B"}, "bytes.max": {Value: most * 1514, Unit: "B"},
		} {
			r.Metrics[prefix+".queue."+name] = v
		}
	}
	put("link.client-web.from.web", 18, 2.5, 4)
	put("link.client-web.from.client", 0, 0.01, 1)
	put("fault.narrow", 0, 1.25, 7)
	r.Links = []result.LinkReceipt{
		{Between: [2]string{"client", "web"}, From: "client", In: 50, Out: 50, Queue: 4},
		{Between: [2]string{"client", "web"}, From: "web", In: 93, Out: 73, Queue: 4, LostInQueue: 20},
	}
	r.Faults[1].LostInQueue = 20
	return r
}

func TestQueuesAreTold(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, queued(t), report.Options{}))
	require.Contains(t, b.String(), `
Queues
  queue                   lost  packets, mean  max  size, mean      max
  of narrow                  0           1.25    7     1.89 kB  10.6 kB
  client – web, from web    18           2.50    4     3.79 kB  6.06 kB
  client – web, from web: lost 2 more packets before or after the measured window
  1 other queue never held more than one packet
`)
	require.Regexp(t, `unexplained loss  lost in the link's queue\n`, b.String())
	require.Regexp(t, `late .* 0 +20\n`, b.String())
	require.Regexp(t, `outage .* 0 +0\n`, b.String())
}

func TestWhatADisciplineDidIsTold(t *testing.T) {
	r := queued(t)
	r.Metrics["link.client-web.from.web.queue.marks"] = result.Metric{Value: 3, Unit: "1"}
	r.Links[1].Discipline = "fq_codel"
	r.Links[1].Counters = map[string]int64{"ecn_mark": 5, "drop_overlimit": 0, "ce_mark": 1}
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{}))
	require.Contains(t, b.String(), `
  queue                   lost  marked  packets, mean  max  size, mean      max
  of narrow                  0       –           1.25    7     1.89 kB  10.6 kB
  client – web, from web    18       3           2.50    4     3.79 kB  6.06 kB
`)
	require.Contains(t, b.String(), "client – web, from web: fq_codel (ce_mark 1, ecn_mark 5)\n")
}

func TestWithoutQueuesNothingIsSaidOfThem(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, made(t), report.Options{}))
	require.NotContains(t, b.String(), "Queues")
	require.NotContains(t, b.String(), "link's queue")
}
