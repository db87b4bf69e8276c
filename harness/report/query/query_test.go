package query_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/report/query"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// stored are entries in memory, given out as an archive does: valid during the call only.
type stored []archive.Entry

func (s stored) Entries(f func(e *archive.Entry) error) error {
	var values []archive.Value
	for i := range s {
		e := s[i]
		values = append(values[:0], e.Values...)
		e.Values = values
		if err := f(&e); err != nil {
			return err
		}
	}
	return nil
}

const suspicions = `version: 1
name: shop
scenario: shop.yaml
factors:
  - {name: workers, set: nodes.web.service.php.workers, values: [10, 20]}
hypotheses:
  - {name: copies, cause: {faults.acks.do: "{duplicate: 3}"}, metric: http.latency.p99, margin: 5%}
`

// source has four arms, treated and not, with 10 and 20 workers, three seeds each. Seed 3 of the last one is not valid,
// and has no latency.
func source(t *testing.T) *query.Source {
	t.Helper()
	p := casestest.Plan(t, suspicions)
	require.Len(t, p.Arms, 4)
	var all stored
	for i := range p.Arms {
		for seed := range uint64(3) {
			e := casestest.Show(&p.Arms[i], seed+1)
			e.Kernel = "6.1.0-48-cloud-amd64"
			if i == 3 && seed == 2 {
				e.Valid, e.Because, e.Values = false, "fault acks: the fault never acted", e.Values[:2]
			}
			all = append(all, *e)
		}
	}
	s, err := query.Open(all, p, map[string]string{"": "6.1.0-48-cloud-amd64"})
	require.NoError(t, err)
	return s
}

func ask(t *testing.T, q query.Query) *query.Table {
	t.Helper()
	table, err := source(t).Ask(q)
	require.NoError(t, err)
	return table
}

func text(t *testing.T, table *query.Table) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, table.Text(&b))
	return b.String()
}

func TestWhere(t *testing.T) {
	for where, want := range map[string]int{
		"": 12, "kernel == 6.1": 12, "kernel != 6.1": 0, "seed == 2": 4, "factor.workers == 20": 6,
		"factor.workers == 20 and set ~ duplicate": 3,
		"fault.acks.delivered > 0":                 6, "web.TcpExt.TCPRenoRecovery > 0": 5,
		"web.TcpExt.ListenOverflows == 0": 12, "not valid": 1, "because ~ 'never acted'": 1,
		"set ~ 'workers=10' or seed == 1": 8, "wall >= 1s": 12,
	} {
		table := ask(t, query.Query{Where: where})
		require.Len(t, table.Rows, want, where)
		require.Zero(t, table.Unknown, where)
	}
	table := ask(t, query.Query{Where: "http.latency.p99 > 0"})
	require.Len(t, table.Rows, 11)
	require.Equal(t, 1, table.Unknown)
	require.ErrorContains(t, table.First, "http.latency.p99 was not recorded")
}

func TestColumns(t *testing.T) {
	table := ask(t, query.Query{Where: "http.latency.p99 > 0 and factor.workers == 10 and not (set ~ duplicate)",
		Limit: 1})
	require.Equal(t, "run           kernel                seed  valid  http.latency.p99  factor.workers  set",
		strings.SplitN(text(t, table), "\n", 2)[0])
	require.True(t, table.More)
	run := table.Rows[0][0].Text
	again := ask(t, query.Query{Where: "run == " + strings.TrimPrefix(run, "sha256:")[:12],
		Show: []string{"run", "fault.acks.delivered", "fault.acks.chosen * 2", "http.latency.p50"}})
	require.Len(t, again.Rows, 1)
	require.Equal(t, run, again.Rows[0][0].Text)
	require.Equal(t, 20., again.Rows[0][2].Number)
}

func TestGroups(t *testing.T) {
	table := ask(t, query.Query{By: []string{"factor.workers", "kernel"},
		Show: []string{"fault.acks.delivered", "http.latency.p99"}, Take: []string{"mean", "max", "sum", "p50"},
		Sort: "factor.workers", Descending: true})
	require.Equal(t, 1, table.Invalid)
	require.Len(t, table.Rows, 2)
	require.Equal(t, "20", table.Rows[0][0].Text)
	require.Equal(t, []query.Cell{{Text: "10"}, {Text: "6.1.0-48-cloud-amd64"}, {Number: 6}, {Number: 15}, {Number: 30},
		{Number: 90}, {Number: 0}}, table.Rows[1][:7])
	require.Equal(t, "p50 http.latency.p99", table.Columns[len(table.Columns)-1].Name)
	require.Equal(t, 5., table.Rows[0][2].Number, "of 20 workers one is not valid")

	table = ask(t, query.Query{By: []string{"valid"}, Show: []string{"http.latency.p99"}})
	require.Equal(t, "valid  runs  median http.latency.p99\n", strings.SplitAfter(text(t, table), "\n")[0])
	require.Regexp(t, `(?m)^no +1 +–$`, text(t, table))
	require.Regexp(t, `(?m)^yes +11 +[0-9.]+ ms$`, text(t, table))
	require.Len(t, ask(t, query.Query{Where: "not valid", By: []string{"because"}}).Rows, 1)
}

func TestSort(t *testing.T) {
	for _, descending := range []bool{false, true} {
		table := ask(t, query.Query{Show: []string{"http.latency.p99", "seed"}, Sort: "http.latency.p99",
			Descending: descending, Limit: 20})
		require.Len(t, table.Rows, 12)
		require.False(t, table.More)
		for i := range 10 {
			a, b := table.Rows[i][0].Number, table.Rows[i+1][0].Number
			require.True(t, a == b || a < b != descending)
		}
		require.True(t, table.Rows[11][0].Number != table.Rows[11][0].Number, "what has no number is the last")
	}
}

func TestFormats(t *testing.T) {
	table := ask(t, query.Query{Where: "seed == 3 and factor.workers == 20",
		Show: []string{"set", "seed", "valid", "http.latency.p99", "because", "wall"}})
	var b bytes.Buffer
	require.NoError(t, table.JSON(&b))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 2)
	require.True(t, strings.HasPrefix(lines[1], `{"set":"faults.acks.do={duplicate: 3} nodes.web.service.php.workers=20","seed":3,"valid":false,"http.latency.p99":null,"because":"fault acks`), lines[1])
	var row map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &row))
	require.Equal(t, true, row["valid"])
	b.Reset()
	require.NoError(t, table.CSV(&b))
	records, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"set", "seed", "valid", "http.latency.p99", "because", "wall"}, records[0])
	require.Equal(t, []string{"3", "false", "", "fault acks: the fault never acted", "1"}, records[2][1:])
	require.Equal(t, fmt.Sprint(row["http.latency.p99"]), records[1][3])
	require.Regexp(t, `(?m) 3  no +– +fault acks: the fault never acted +1\.00 s$`, text(t, table))
}

// Without a plan, as of a diff, there are no settings and levels.
func TestWithoutPlan(t *testing.T) {
	s, err := query.Open(stored{{Run: "sha256:1", Kernel: "5.10.0", Seed: 7, Valid: true}}, nil, nil)
	require.NoError(t, err)
	table, err := s.Ask(query.Query{Where: "kernel == 5 and seed > 6"})
	require.NoError(t, err)
	require.Len(t, table.Rows, 1)
	_, err = s.Ask(query.Query{Where: "set ~ a"})
	require.ErrorContains(t, err, `unknown name "set"`)
}

// Metrics of loads and links are of no node, and are found all the same.
func TestMetricsOfNoNode(t *testing.T) {
	names := []string{"udp.loss", "load.voice.udp.loss", "dns.queries", "link.a-b.from.a.queue.drops", "link.cpu.user"}
	e := archive.Entry{Kernel: "6.1", Valid: true}
	for i, name := range names {
		e.Values = append(e.Values, archive.Value{Name: name, Value: float64(i)})
	}
	s, err := query.Open(stored{e}, nil, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"link"}, s.Vocabulary.Nodes)
	table, err := s.Ask(query.Query{Show: names})
	require.NoError(t, err)
	require.Len(t, table.Columns, len(names))
}

func TestMistakes(t *testing.T) {
	s := source(t)
	for _, c := range []struct {
		q    query.Query
		want string
	}{
		{query.Query{Where: "http.latncy.p99 > 1s"}, "query: unknown metric \"http.latncy.p99\"\n" +
			"      http.latncy.p99 > 1s\n      ^^^^^^^^^^^^^^^\n   hint: did you mean \"http.latency.p99\"?"},
		{query.Query{Where: "seed == 1 and factor.workers == 30"},
			"query: no run has factor.workers 30\n      seed == 1 and factor.workers == 30\n" +
				"                                      ^^\n   hint: did you mean \"10\"? there is: 10, 20"},
		{query.Query{Show: []string{"seeds"}}, "--show: unknown name \"seeds\"\n      seeds\n      ^^^^^\n   hint: did you mean \"seed\"?"},
		{query.Query{By: []string{"seed"}}, "--by: runs are not grouped by \"seed\""},
		{query.Query{By: []string{"kernel"}, Show: []string{"seed"}, Take: []string{"mode"}},
			"--take: \"mode\" is not a statistic\n      mode\n      ^^^^\n   hint: "},
		{query.Query{By: []string{"kernel"}, Take: []string{"p101"}}, "--take: \"p101\""},
		{query.Query{By: []string{"kernel"}, Take: []string{"p+50"}}, "--take: \"p+50\""},
		{query.Query{By: []string{"kernel"}, Take: []string{"p1e1"}}, "--take: \"p1e1\""},
		{query.Query{By: []string{"kernel"}, Show: []string{"run"}}, "show run of a group: it is not a number"},
		{query.Query{Sort: "seeed"}, "--sort: no column \"seeed\"\n      seeed\n      ^^^^^\n" +
			"   hint: did you mean \"seed\"? columns: run, kernel, seed, valid"},
	} {
		_, err := s.Ask(c.q)
		require.Error(t, err, c.want)
		require.Equal(t, problem.Usage, problem.KindOf(err), c.want)
		require.True(t, strings.HasPrefix(err.Error(), c.want), "%s\nis not\n%s", err, c.want)
	}
}
