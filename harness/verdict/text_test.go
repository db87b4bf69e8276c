package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestString(t *testing.T) {
	scope := Scope{Scenario: "dup-ack", Kernels: []string{"6.1", "6.12"}, Contexts: []string{"sack 0"}}
	counter := Hypothesis{Name: "reno", Kind: Mechanism, Metric: "TCPRenoRecovery", Direction: Up,
		Margin: 1, Extent: Every}
	moved := newState(t, counter)
	for range 70 {
		moved.Add(Pair{0, 6})
	}
	backlog := cpu(Up)
	backlog.Name, backlog.Kind, backlog.Relieved = "backlog", Explains, "the listen backlog"
	explained := newState(t, backlog)
	for i := range 68 {
		d := 0.09 + 0.001*float64(i%3)
		explained.AddContrast(Pair{1, math.Exp(d)}, Pair{1, math.Exp(d - 0.003)})
	}
	idle := Dose{Counter: "packets chosen", Seeds: 20}
	for _, c := range []struct {
		name string
		c    Case
		want string
	}{
		{"confirmed", Case{differing(t, cpu(Up), worked...), given, seen, scope},
			"CONFIRMED  dup-ack 10 %, sack 0: CPU per request up; +9.0 % [+7.7, +10.3], margin 5 %; " +
				"10 pairs, e = 122 (bar 20); " +
				"past the margin in a typical seed; none went the other way (at most 28 % of seeds do); dose: pure ACKs ×1.10; " +
				"control seen: burn 10 %; " +
				"scope: dup-ack; 6.1, 6.12; sack 0"},
		{"ruled out", Case{differing(t, cpu(Down), small(68)...), given, seen, Scope{}},
			"RULED OUT  dup-ack 10 %, sack 0: CPU per request down; +0.3 % [+0.1, +0.5], margin 5 %; " +
				"68 pairs, e = 23 (bar 20); " +
				"inside the margin in a typical seed, none beyond twice the margin (at most 4.8 % of seeds are); dose: " +
				"pure ACKs ×1.10; control seen: burn 10 %"},
		{"inconclusive", Case{State: differing(t, cpu(Up), repeat(5, .02, .05, .08)...)},
			"INCONCLUSIVE  dup-ack 10 %, sack 0: CPU per request up; +5.1 % [+2.7, +7.6], margin 5 %; " +
				"15 pairs, e = 0.25 for (bar 20) and 0.14 against (bar 20); real, size unresolved: 15 seeds up and 0 down; " +
				"about 6018 more seeds would make it confirmed"},
		{"no seed", Case{State: newState(t, cpu(Up))},
			"INCONCLUSIVE  dup-ack 10 %, sack 0: CPU per request up; ? % [-∞, ∞], margin 5 %; " +
				"0 pairs, e = 1 for (bar 20) and 1 against (bar 20); no seed has been run"},
		{"invalid", Case{State: differing(t, cpu(Either), small(20)...), Dose: idle},
			"INVALID  dup-ack 10 %, sack 0: CPU per request changes; " +
				"the fault never acted: packets chosen changed in none of 20 seeds"},
		{"difference", Case{State: differing(t, failures(Up), repeat(4, 3, 4, 5)...)},
			"CONFIRMED  errors: http.errors up; +4.0 [+3.1, +4.9], margin 1; 12 pairs, e = 35927 (bar 20); " +
				"past the margin in a typical seed; none went the other way (at most 24 % of seeds do)"},
		{"mechanism", Case{moved, given, seen, Scope{}},
			"CONFIRMED  reno: TCPRenoRecovery moves in every seed; moved in 100 % of seeds [90, 100]; " +
				"70 pairs, e = 25 (bar 20); " +
				"dose: pure ACKs ×1.10; control seen: burn 10 %"},
		{"explains", Case{explained, given, seen, Scope{}},
			"RULED OUT  backlog: the listen backlog explains it; of +9.5 % [+9.5, +9.6], +9.2 % [+9.2, " +
				"+9.2] remain when it is relieved; " +
				"contrast +0.3 % [+0.3, +0.3], margin 5 %; 68 pairs, e = 23 (bar 20); " +
				"inside the margin in a typical seed, none beyond twice the margin (at most 4.8 % of seeds are); " +
				"dose: pure ACKs ×1.10; control seen: burn 10 %"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, Judge(c.c).String())
		})
	}
}

func TestEstimateString(t *testing.T) {
	for _, c := range []struct {
		want string
		e    Estimate
	}{
		{"+9.0 % [+7.7, +10.3]", Estimate{9.04, Interval{7.73, 10.35, 0.95}, "%"}},
		{"-0.0121 % [-0.0151, -0.0091]", Estimate{-0.0121, Interval{-0.0151, -0.0091, 0.95}, "%"}},
		{"+0.0 % [+0.0, +0.0]", Estimate{0, Interval{0, 0, 0.95}, "%"}},
		{"+0.0021 s [+0.0012, +0.0030]", Estimate{.0021, Interval{.0012, .0030, 0.95}, "s"}},
		{"+0.1 % [-0.1, +0.2]", Estimate{0.1, Interval{-0.06, 0.2, 0.95}, "%"}},
		{"+100 % [+90, +110]", Estimate{100.4, Interval{90.2, 110.1, 0.95}, "%"}},
		{"-50.0 % [-64.0, -34.0]", Estimate{-50, Interval{-64, -34, 0.95}, "%"}},
		{"+412 % [+400, +424]", Estimate{412.3, Interval{400.2, 424.4, 0.95}, "%"}},
		{"-412 % [-424, -400]", Estimate{-412.3, Interval{-424.4, -400.2, 0.95}, "%"}},
		{"+412.50 [+412.10, +412.90]", Estimate{412.5, Interval{412.1, 412.9, 0.95}, ""}},
		{"+412 [+400, +424]", Estimate{412, Interval{400, 424, 0.95}, ""}},
		{"+1.23e+08 [+1e+08, +1.5e+08]", Estimate{1.234e8, Interval{1e8, 1.5e8, 0.95}, ""}},
		{"+3.0 s [-∞, ∞]", Estimate{3, Interval{math.Inf(-1), math.Inf(1), 0.95}, "s"}},
	} {
		assert.Equal(t, c.want, c.e.String())
	}
}

func TestDoseString(t *testing.T) {
	assert.Equal(t, "pure ACKs ×1.10", given.String())
	assert.Equal(t, "TCPRenoRecovery 0 → 412", Dose{Counter: "TCPRenoRecovery", Treated: 412}.String())
	assert.Equal(t, "packets 3 → 1.2e+07", Dose{Counter: "packets", Base: 3, Treated: 1.2e7}.String())
}
