package unit

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestParseQuantities(t *testing.T) {
	for _, c := range []struct {
		text string
		want any
		got  func(string) (any, error)
		back string
	}{
		{"20ms", Duration(20e6), any1(ParseDuration), "20ms"},
		{"800us", Duration(800e3), any1(ParseDuration), "800us"},
		{"800µs", Duration(800e3), any1(ParseDuration), "800us"},
		{"0.5us", Duration(500), any1(ParseDuration), "500ns"},
		{"1.5s", Duration(1500e6), any1(ParseDuration), "1.5s"},
		{"1m30s", Duration(90e9), any1(ParseDuration), "90s"},
		{"1h0m1s500ms", Duration(3601.5e9), any1(ParseDuration), "3601.5s"},
		{"60s", Duration(60e9), any1(ParseDuration), "1m"},
		{"0s", Duration(0), any1(ParseDuration), "0s"},
		{"24h", Duration(86400e9), any1(ParseDuration), "24h"},
		{"100mbit", Rate(100e6), any1(ParseRate), "100mbit"},
		{"0.1gbit", Rate(100e6), any1(ParseRate), "100mbit"},
		{"10bit", Rate(10), any1(ParseRate), "10bit"},
		{"24kB", Size(24000), any1(ParseSize), "24kB"},
		{"24KiB", Size(24576), any1(ParseSize), "24KiB"},
		{"1MB", Size(1e6), any1(ParseSize), "1MB"},
		{"384MiB", Size(384 << 20), any1(ParseSize), "384MiB"},
		{"512B", Size(512), any1(ParseSize), "512B"},
		{"40/s", Frequency(40), any1(ParseFrequency), "40/s"},
		{"90/m", Frequency(1.5), any1(ParseFrequency), "90/m"},
		{"100/m", Frequency(5.0 / 3), any1(ParseFrequency), "100/m"},
		{"1/h", Frequency(1.0 / 3600), any1(ParseFrequency), "1/h"},
		{"10%", Share(0.1), any1(ParseShare), "10%"},
		{"7%", Share(0.07), any1(ParseShare), "7%"},
		{"0.5%", Share(0.005), any1(ParseShare), "0.5%"},
		{"100%", Share(1), any1(ParseShare), "100%"},
		{"500mips", Speed(500), any1(ParseSpeed), "500mips"},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := c.got(c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.back, got.(interface{ String() string }).String())
		})
	}
}

func any1[T any](parse func(string) (T, error)) func(string) (any, error) {
	return func(s string) (any, error) { return parse(s) }
}

func TestParseQuantitiesRefuse(t *testing.T) {
	for _, c := range []struct {
		text      string
		parse     func(string) (any, error)
		msg, hint string
	}{
		{"12", any1(ParseDuration), `"12" needs a unit, such as 12s or 12ms`, ""},
		{"0", any1(ParseDuration), `"0" needs a unit, such as 0s or 0ms`, ""},
		{"12 ms", any1(ParseDuration), `"12 ms" has a blank before its unit`, "write 12ms"},
		{"12M", any1(ParseDuration), `unknown unit "M" in "12M"`, "write m"},
		{"12mss", any1(ParseDuration), `unknown unit "mss" in "12mss"`, `did you mean "ms"? units of a duration: ns, us, ms, s, m, h`},
		{"ms", any1(ParseDuration), `"ms" is not a duration`, "write a number and a unit, such as 20s or 20ms"},
		{"", any1(ParseDuration), `"" is not a duration`, "write a number and a unit, such as 20s or 20ms"},
		{".5s", any1(ParseDuration), `".5s" is not a duration`, "write a number and a unit, such as 20s or 20ms"},
		{"1e3s", any1(ParseDuration), `unknown unit "e" in "1e3s"`, "units of a duration: ns, us, ms, s, m, h"},
		{"+3s", any1(ParseDuration), `"+3s" is not a duration`, "write a number and a unit, such as 20s or 20ms"},
		{"-3s", any1(ParseDuration), "-3s is negative; a duration is zero or more", ""},
		{"1s1s", any1(ParseDuration), `"1s1s" is not a duration: its units must fall, as in 1m30s`, ""},
		{"0.3ns", any1(ParseDuration), "0.3ns is not a whole number of ns", ""},
		{"2562048h", any1(ParseDuration), "2562048h is too large", ""},
		{"100kbps", any1(ParseRate), `unknown unit "kbps" in "100kbps"`, "write kbit for kilobits a second (in tc, kbps means kilobytes)"},
		{"100Mbit", any1(ParseRate), `unknown unit "Mbit" in "100Mbit"`, "write mbit"},
		{"1mbit2kbit", any1(ParseRate), `unknown unit "mbit2kbit" in "1mbit2kbit"`, "units of a rate: bit, kbit, mbit, gbit"},
		{"24KB", any1(ParseSize), `unknown unit "KB" in "24KB"`, "write kB for 1000 bytes or KiB for 1024"},
		{"24", any1(ParseSize), `"24" needs a unit, such as 24kB or 24B`, ""},
		{"40", any1(ParseFrequency), `"40" needs a unit, such as 40/s or 40/m`, ""},
		{"40rps", any1(ParseFrequency), `unknown unit "rps" in "40rps"`, "write /s"},
		{"0.1", any1(ParseShare), `"0.1" needs a unit, such as 0.1%`, ""},
		{"500", any1(ParseSpeed), `"500" needs a unit, such as 500mips`, ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := c.parse(c.text)
			require.EqualError(t, err, c.msg)
			require.Equal(t, c.hint, problem.HintOf(err))
		})
	}
}

// Every value has a spelling, and reading it gives the value back.
func TestSpellingsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "duration"))
		gotD, err := ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, gotD)

		r := Rate(rapid.Uint64Range(0, math.MaxInt64).Draw(t, "rate"))
		gotR, err := ParseRate(r.String())
		require.NoError(t, err)
		require.Equal(t, r, gotR)

		s := Size(rapid.Uint64Range(0, math.MaxInt64).Draw(t, "size"))
		gotS, err := ParseSize(s.String())
		require.NoError(t, err)
		require.Equal(t, s, gotS)

		f := Frequency(rapid.Float64Range(1e-6, 1e6).Draw(t, "frequency"))
		gotF, err := ParseFrequency(f.String())
		require.NoError(t, err)
		require.Equal(t, f, gotF)

		p := Share(rapid.Float64Range(1e-9, 1).Draw(t, "share"))
		gotP, err := ParseShare(p.String())
		require.NoError(t, err)
		require.Equal(t, p, gotP)
	})
}

// No other exact spelling with one unit and a number of 1 or more is shorter.
func TestSpellingsAreShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1e6).Draw(t, "number")
		u := rapid.SampledFrom(durationUnits).Draw(t, "unit")
		text := strconv.FormatInt(n, 10) + u.name
		d, err := ParseDuration(text)
		require.NoError(t, err)
		require.LessOrEqual(t, len(d.String()), len(text))
	})
}

func TestQuantitiesNeverPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"1", "0", ".", "-", "s", "ms", "µs", "/", "%", "kB",
			" ", "\xff", "h"})).Draw(t, "parts"), "")
		for _, parse := range []func(string) (any, error){any1(ParseDuration), any1(ParseRate), any1(ParseSize),
			any1(ParseFrequency), any1(ParseShare), any1(ParseSpeed)} {
			if v, err := parse(text); err == nil {
				require.NotEmpty(t, v.(interface{ String() string }).String())
			}
		}
	})
}

func TestNumbersWithoutSigns(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "7": 7, "65535": 65535} {
		n, ok := Whole(text)
		require.True(t, ok, text)
		require.Equal(t, want, n)
	}
	for _, text := range []string{"", "+7", "-7", "07", "00", "7.0", "1e3", "0x7", "7 ", "1_000", "99999999999999999999"} {
		_, ok := Whole(text)
		require.False(t, ok, text)
	}
	for text, want := range map[string]float64{"0": 0, "0.5": 0.5, "99.9": 99.9} {
		f, ok := Decimal(text)
		require.True(t, ok, text)
		require.InDelta(t, want, f, 0)
	}
	for _, text := range []string{"", "+1", "-1", ".5", "1.", "1e3", "0x1p3", "Inf", "inf", "nan", "1_0"} {
		_, ok := Decimal(text)
		require.False(t, ok, text)
	}
}
