package explain_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/explain"
)

func text(t *testing.T, e *explain.Explanation, o explain.Options) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, e.Text(&out, o))
	return out.String()
}

func TestThePageIsShortUnlessAllIsAskedFor(t *testing.T) {
	r, runs := calm(1), calms()
	records := []*result.Record{r}
	for i := range runs {
		c := calm(runs[i].Seed)
		runs[i] = explain.NewRun(c, "")
		records = append(records, c)
	}
	for n, x := range records {
		for i := range 40 {
			name := "n" + string(rune('a'+i/26)) + string(rune('a'+i%26))
			x.Timeline.Series[name+".tcp.retrans"] = make([]float64, samples)
			x.Counters[name] = map[string]int64{"TcpExt.TCPRenoRecovery": 0}
			if n == 0 {
				x.Timeline.Series[name+".tcp.retrans"][32] = 5
				x.Counters[name]["TcpExt.TCPRenoRecovery"] = int64(i + 1)
			}
		}
	}
	r.Faults = []result.Receipt{{Name: "acks", Kinds: map[string]int64{"data": 3, "syn": 0}}}
	e := explain.New(r, parse(t, network+acks), runs, "")
	short, all := text(t, e, explain.Options{}), text(t, e, explain.Options{All: true})
	require.LessOrEqual(t, strings.Count(short, "\n"), 60)
	require.Contains(t, short, "Left out: 28 series and 32 counters. --all shows them.")
	require.Contains(t, short, "of the kinds 3 data")
	require.NotContains(t, all, "Left out")
	require.Equal(t, 40, strings.Count(all, "segments sent again in 100 ms   "))
	require.Equal(t, 40, strings.Count(all, "TcpExt.TCPRenoRecovery"))
	for _, page := range []string{short, all} {
		for line := range strings.Lines(page) {
			require.LessOrEqual(t, utf8.RuneCountInString(line), 121, line)
		}
	}
	require.Contains(t, text(t, e, explain.Options{Markdown: true}), ".\n\n| s |")
	require.NotRegexp(t, `(?i)because|caused|due to`, short, "observations, no guesses")
	_, err := json.Marshal(e)
	require.NoError(t, err, "no NaN")
}
