package expect_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

var vocabulary = expect.Vocabulary{
	Nodes: []string{"client", "web"}, Faults: []string{"acks"},
	Fields: []expect.Field{
		{Name: "kernel", Kind: expect.Words, Values: []string{"6.1.0-55-cloud-amd64", "6.12.1"}, Fits: strings.HasPrefix},
		{Name: "note", Kind: expect.Words}, {Name: "seed", Unit: metric.One}, {Name: "wall", Unit: metric.Seconds}, {Name: "valid", Kind: expect.Condition},
	},
}

// one run, of which http.latency.p99 is missing.
func number(name string) (float64, bool) {
	v, ok := map[string]float64{"seed": 3, "wall": 0.2, "valid": 1, "http.errors": 2, "http.planned": 40,
		"web.cpu.softirq": 0.1}[name]
	return v, ok
}

func word(name string) string {
	return map[string]string{"kernel": "6.1.0-55-cloud-amd64", "note": "a {b} and c"}[name]
}

func TestFilter(t *testing.T) {
	for text, want := range map[string]bool{
		"kernel == 6.1.0":                                 true,
		"kernel == 6.1.0-55-cloud-amd64":                  true,
		"kernel == 6.12":                                  false,
		"kernel != 6.12":                                  true,
		"(kernel == 6.1.0) and valid":                     true,
		"kernel ~ cloud":                                  true,
		"kernel ~ desktop":                                false, // what is contained is not looked for among the values
		`note == "a {b} and c"`:                           true,
		"note ~ '{b} and'":                                true,
		"not (note ~ c)":                                  false,
		"valid":                                           true,
		"not valid or seed > 2":                           true,
		"seed == 3 and wall < 300ms":                      true,
		"http.errors / http.planned > 4% and wall > 0":    true,
		"web.TcpExt.ListenOverflows == 0 or seed == 3":    true, // the run lacks the counter, and the seed decides
		"http.latency.p99 > 1s or seed == 3":              true,
		"seed == 3 or http.latency.p99 > 1s":              true,
		"http.latency.p99 > 1s and seed == 4":             false,
		"note == c or (http.latency.p99 > 1s or seed==3)": true,
	} {
		f, err := vocabulary.Filter(text)
		require.NoError(t, err, text)
		got, err := f.Match(number, word)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"http.latency.p99 > 1s", "not (http.latency.p99 > 1s)", "http.latency.p99 > 1s and seed == 3",
		"seed == 4 or http.latency.p99 > 1s",
		"http.latency.p99 > 1s or seed == 4", "http.errors / web.Tcp.InSegs > 1",
	} {
		f, err := vocabulary.Filter(text)
		require.NoError(t, err, text)
		got, err := f.Match(number, word)
		require.Error(t, err, text)
		require.False(t, got, text)
	}
	f, err := vocabulary.Filter("valid and http.errors / http.planned > 1% and kernel ~ cloud")
	require.NoError(t, err)
	require.Equal(t, []string{"valid", "http.errors", "http.planned", "kernel"}, f.Names)
}

func TestFilterMistakes(t *testing.T) {
	for _, c := range []struct{ text, under, msg, hint string }{
		{"kernel == 6.13", "          ^^^^", "no run has kernel 6.13", `there is: 6.1.0-55-cloud-amd64, 6.12.1`},
		{"kernel > 6", "       ^", "kernel has words, which are not in an order", "compare it with ==, != or ~, which is true of a part"},
		{"kernel ==", "         ^", "the end where a word or a text in quotes should be", ""},
		{"kernel == and valid", "          ^^^", "and where a word or a text in quotes should be", ""},
		{"kernel", "^^^^^^", "not a condition", `compare it with something, as in "http.errors == 0"`},
		{"note == 'a' and http.errors > note", "                              ^^^^", "note is not a number", `it stands on the left, as in "note == "…""`},
		{"- kernel == 3", "  ^^^^^^", "kernel is not a number", `it stands on the left, as in "kernel == 6.1.0-55-cloud-amd64"`},
		{"valid == 1", "^^^^^", "a condition is not a number", ""},
		{"seed == 10%", "        ^^^", "seed is a count, not a share", "divide it by another count, as in seed / http.planned"},
		{"wall > 3", "       ^", "3 needs a unit: the other side is a duration", "such as 3ms or 3s"},
		{"kernal == 6.1", "^^^^^^", `unknown name "kernal"`, `did you mean "kernel"?`},
		{"webb.cpu.softirq > 1%", "^^^^^^^^^^^^^^^^", `unknown name "webb.cpu.softirq"`, `did you mean "web.cpu.softirq"?`},
		{"nothing == 1", "^^^^^^^", `unknown name "nothing"`, "there are kernel, note, seed, wall, valid, " +
			"and metrics and counters, which begin with client, web, http, udp, dns, bulk, load, machine, fault, link"},
		{"fault.ack.chosen > 0", "^^^^^^^^^^^^^^^^", `no fault "ack"`, `did you mean "acks"? faults: acks`},
		{`note == "a`, "        ^", `"\"" is not part of the language`, ""},
		{"http.errors ~ 3", "            ^", "~ where an operator or the end should be", ""},
	} {
		_, err := vocabulary.Filter(c.text)
		var e *problem.Mistake
		require.True(t, errors.As(err, &e), c.text)
		require.Equal(t, c.under, strings.Repeat(" ", e.Offset)+strings.Repeat("^", max(e.Length, 1)), c.text)
		require.Equal(t, c.msg, e.Msg)
		require.Equal(t, c.hint, e.Hint, c.text)
	}
}

func TestFigure(t *testing.T) {
	for text, want := range map[string]struct {
		value float64
		unit  string
	}{
		"http.errors / http.planned": {0.05, metric.One}, "wall * 2": {0.4, metric.Seconds},
		"http.errors / wall": {10, metric.PerSecond}, "seed": {3, metric.One},
		"wall * wall": {0.04, ""},
	} {
		f, err := vocabulary.Figure(text)
		require.NoError(t, err, text)
		v, err := f.Value(number)
		require.NoError(t, err, text)
		require.InDelta(t, want.value, v, 1e-12, text)
		require.Equal(t, want.unit, f.Unit, text)
	}
	f, err := vocabulary.Figure("http.latency.p99 * 2")
	require.NoError(t, err)
	_, err = f.Value(number)
	require.ErrorContains(t, err, "http.latency.p99 was not recorded")
	for text, msg := range map[string]string{"valid": "a condition is not a number", "kernel": "kernel is not a number",
		"seed > 1": "a condition is not a number", "wall +": "the end where"} {
		_, err := vocabulary.Figure(text)
		require.ErrorContains(t, err, msg, text)
	}
}

// Scenarios have no words: what is new to the language is still a mistake there.
func TestExpectationsHaveNoWords(t *testing.T) {
	for _, text := range []string{"kernel == 6.1", "valid", `http.errors == "0"`, "http.errors ~ 0"} {
		_, err := expect.Compile(text, worldScenario(t))
		require.Error(t, err, text)
	}
}
