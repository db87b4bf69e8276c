package expect_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

const world = `
version: 1
name: world
duration: 10s
nodes:
  client:
  front-2: {role: router}
  web: {service: {php: }}
links:
  - between: [client, front-2]
  - between: [front-2, web]
faults:
  - {name: dup-acks, link: [client, front-2], from: client, do: {duplicate: 3}}
`

func worldScenario(t require.TestingT) *scenario.Scenario {
	s, err := expect.Parse("world.yaml", []byte(world), nil)
	require.NoError(t, err)
	return s
}

var record = map[string]float64{
	"http.errors": 0, "http.planned": 400, "http.completed": 396, "http.throughput": 39.6, "http.latency.p50": 0.05,
	"http.latency.p99": 0.41, "web.cpu.softirq": 0.07, "web.memory.peak": 20e6, "front-2.cpu.total": 0.5,
	"fault.dup-acks.chosen": 410, "web.TcpExt.ListenOverflows": 7, "web.TcpExt.TCPSackRecovery": math.NaN(),
	"machine.load1": 2,
}

func lookup(name string) (float64, bool) {
	v, ok := record[name]
	return v, ok
}

func TestEval(t *testing.T) {
	for _, c := range []struct {
		expr string
		ok   bool
		lhs  float64
	}{
		{"http.errors == 0", true, 0},
		{"http.errors != 0", false, 0},
		{"http.latency.p99 < 400ms", false, 0.41},
		{"http.latency.p99 <= 0.41s", true, 0.41},
		{"web.cpu.softirq == 7%", true, 0.07},
		{"7% >= web.cpu.softirq", true, 0.07},
		{"web.cpu.softirq < 0.2", true, 0.07},
		{"machine.load1 == 2", true, 2},
		{"http.planned == 400", true, 400},
		{"http.throughput > 39/s", true, 39.6},
		{"http.throughput > 2400/m", false, 39.6},
		{"http.completed / 10s < 40/s", true, 39.6},
		{"web.memory.peak < 24MB", true, 20e6},
		{"web.memory.peak < 20000kB", false, 20e6},
		{"http.completed / http.planned >= 99%", true, 0.99},
		{"front-2.cpu.total - web.cpu.softirq > 40%", true, 0.43},
		{"fault.dup-acks.chosen > 0 and web.TcpExt.ListenOverflows > 7", false, 410},
		{"fault.dup-acks.chosen > 0 or web.TcpExt.ListenOverflows > 7", true, 410},
		{"not (fault.dup-acks.chosen > 0)", false, 410},
		{"not fault.dup-acks.chosen > 500 and http.errors == 0", true, 410},
		{"http.errors > 1 or http.errors == 0 and machine.load1 > 3", false, 0},
		{"(http.errors > 1 or http.errors == 0) and machine.load1 > 1", true, 0},
		{"1 + 2 * 3 == 7", true, 7},
		{"(1 + 2) * 3 == 9", true, 9},
		{"8 - 4 - 2 == 2", true, 2},
		{"16 / 4 / 2 == 2", true, 2},
		{"-machine.load1 < -1", true, -2},
		{"http.latency.p99 - http.latency.p50 < 1m30s", true, 0.36},
		{"http.latency.p99 / http.latency.p50 < 10", true, 8.2},
		{"http.latency.p99 > 0", true, 0.41},
		{"web.memory.peak / 10s > 0", true, 2e6},
	} {
		t.Run(c.expr, func(t *testing.T) {
			e, err := expect.Compile(c.expr, worldScenario(t))
			require.NoError(t, err)
			require.Equal(t, c.expr, e.String())
			ok, lhs, err := e.Eval(lookup)
			require.NoError(t, err)
			require.Equal(t, c.ok, ok)
			require.InDelta(t, c.lhs, lhs, math.Abs(c.lhs)*1e-12)
		})
	}
}

func TestEvalFails(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"http.latency.max < 1s", "http.latency.max was not recorded"},
		{"web.TcpExt.ACounterOfAnotherKernel == 0", "web.TcpExt.ACounterOfAnotherKernel was not recorded"},
		{"web.TcpExt.TCPSackRecovery == 0", "web.TcpExt.TCPSackRecovery has no value"},
		{"fault.dup-acks.gap3 < 1h", "fault.dup-acks.gap3 was not recorded: the fault chose fewer packets"},
		{"http.planned / http.errors > 1", "division by zero"},
		{"http.errors == 0 and http.latency.max < 1s", "http.latency.max was not recorded"},
	} {
		t.Run(c.expr, func(t *testing.T) {
			e, err := expect.Compile(c.expr, worldScenario(t))
			require.NoError(t, err)
			ok, _, err := e.Eval(lookup)
			require.ErrorContains(t, err, c.want)
			require.False(t, ok)
		})
	}
}

// What is settled by its left side does not need its right side.
func TestShortCircuit(t *testing.T) {
	for expr, want := range map[string]bool{
		"http.errors == 1 and http.latency.max < 1s": false,
		"http.errors == 0 or http.latency.max < 1s":  true,
	} {
		e, err := expect.Compile(expr, worldScenario(t))
		require.NoError(t, err)
		ok, _, err := e.Eval(lookup)
		require.NoError(t, err)
		require.Equal(t, want, ok)
	}
}

// The second line of a case underlines what the error has to point at.
func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ expr, mark, msg, hint string }{
		{"http.eror == 0",
			"^^^^^^^^^", `unknown metric "http.eror"`, `did you mean "http.errors"?`},
		{"http.errors == 0 and web.cpu.sftirq < 20%",
			"                     ^^^^^^^^^^^^^^", `unknown metric "web.cpu.sftirq"`, `did you mean "web.cpu.softirq"?`},
		{"wbe.cpu.softirq < 20%",
			"^^^^^^^^^^^^^^^", `no node "wbe"`,
			`did you mean "web"? names begin with: client, front-2, web, http, udp, dns, bulk, load, machine, ` +
				`fault, link`},
		{"fault.dup-ack.chosen > 0",
			"^^^^^^^^^^^^^^^^^^^^", `no fault "dup-ack"`, `did you mean "dup-acks"? faults: dup-acks`},
		{"web.TcpExt.ListenOverflow > 0",
			"^^^^^^^^^^^^^^^^^^^^^^^^^", `unknown counter "TcpExt.ListenOverflow"`,
			`did you mean "web.TcpExt.ListenOverflows"?`},
		{"client.php.served > 0",
			"^^^^^^^^^^^^^^^^^", "client has no php service, and so no php.served", ""},
		{"web.sql.reconnects > 0",
			"^^^^^^^^^^^^^^^^^^", "web has no php service with a database, and so no sql.reconnects",
			"what an sql service counts is sql.accepted, sql.answered, sql.broken and sql.idle.closed"},
		{"web.sql.answered > 0",
			"^^^^^^^^^^^^^^^^", "web has no sql service, and so no sql.answered",
			"what a php service counts of its database is sql.connects, sql.reconnects, sql.queries and sql.errors"},
		{"http.latency.p99 < 400",
			"                   ^^^", "400 needs a unit: the other side is a duration", "such as 400ms or 400s"},
		{"400 > http.latency.p99",
			"^^^", "400 needs a unit: the other side is a duration", "such as 400ms or 400s"},
		{"http.latency.p99 < 20%",
			"                   ^^^", "cannot compare a duration and a plain number", ""},
		{"http.throughput > 20mbit",
			"                  ^^^^^^", "cannot compare a frequency and a rate", ""},
		{"http.latency.p99 + web.memory.peak > 0",
			"                   ^^^^^^^^^^^^^^^", "cannot add a duration and a size", ""},
		{"http.errors < 5%",
			"              ^^", "http.errors is a count, not a share",
			"divide it by another count, as in http.errors / http.planned"},
		{"http.latency.p99 < 400msec",
			"                   ^^^^^^^", `unknown unit "msec" in "400msec"`, "write ms"},
		{"web.memory.peak < 24KB",
			"                  ^^^^", `unknown unit "KB" in "24KB"`, "write kB for 1000 bytes or KiB for 1024"},
		{"http.errors",
			"^^^^^^^^^^^", "not a condition", `compare it with something, as in "http.errors == 0"`},
		{"http.errors = 0",
			"            ^", `"=" is not part of the language`, `write "=="`},
		{"http.errors == 0 && machine.load1 < 1",
			"                 ^^", `"&&" is not part of the language`, `write "and"`},
		{"1s < http.latency.p50 < 2s",
			"                      ^", "a second comparison", `join two with and, as in "1s < x and x < 2s"`},
		{"(http.errors == 0",
			"                 ^", "the end where a closing parenthesis should be", ""},
		{"http.errors == 0)",
			"                ^", ") where an operator or the end should be", ""},
		{"http.errors ==",
			"              ^", "the end where a metric, a number or a parenthesis should be", ""},
		{"http.planned-1 > 0",
			"^^^^^^^^^^^^^^", `unknown metric "http.planned-1"`, `did you mean "http.planned"?`},
		{"web > 0",
			"^^^", `unknown metric "web"`, "below web there is: "},
		{"http.errors == 0 or machine.load1",
			"                    ^^^^^^^^^^^^^", `not a condition, on a side of "or"`, ""},
		{"(http.errors == 0) + 1 > 0",
			"^^^^^^^^^^^^^^^^^^", "a condition is not a number", ""},
		{"http.errors == “0”",
			"               ^^^", `"“" is not part of the language`, ""},
	} {
		t.Run(c.expr, func(t *testing.T) {
			_, err := expect.Compile(c.expr, worldScenario(t))
			var e *problem.Mistake
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.msg, e.Msg)
			require.Contains(t, e.Hint, c.hint)
			require.Equal(t, c.mark, strings.Repeat(" ", e.Offset)+strings.Repeat("^", max(1, e.Length)))
		})
	}
}

func TestParseShowsMistakesInTheFile(t *testing.T) {
	_, err := expect.Parse("world.yaml", []byte(world+`expect:
  - http.errors == 0
  - "http.latncy.p99 < 400ms"
  - http.errors == 0 and web.cpu.softirq < 20 %
`), nil)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.EqualError(t, err, `world.yaml:16:6: unknown metric "http.latncy.p99"
   16 |   - "http.latncy.p99 < 400ms"
      |      ^^^^^^^^^^^^^^^
   hint: did you mean "http.latency.p99"?
world.yaml:17:47: "%" is not part of the language
   17 |   - http.errors == 0 and web.cpu.softirq < 20 %
      |                                               ^`)
}

func TestLoadOfAMissingFile(t *testing.T) {
	_, err := expect.Load(t.TempDir()+"/none.yaml", nil)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.ErrorContains(t, err, "read scenario: open ")
}

// Whatever is thrown at it, Compile returns an *Error within the text, or something that Eval can decide.
func TestCompileNeverPanics(t *testing.T) {
	s := worldScenario(t)
	parts := []string{"http.errors", "web.cpu.user", "http.latency.p99", "==", "<", "and", "or", "not", "(", ")", "+", "-",
		"*", "/", "0", "3", "20%", "4ms", "1/s", "µ", "\x80", ""}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 12).Draw(t, "parts"), " ")
		e, err := expect.Compile(text, s)
		if err != nil {
			var x *problem.Mistake
			require.True(t, errors.As(err, &x))
			require.LessOrEqual(t, x.Offset+x.Length, len(text))
			return
		}
		_, _, _ = e.Eval(lookup)
	})
}
