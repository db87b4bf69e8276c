package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// bombs are files that would grow, nest or multiply without bound.
func bombs() map[string]string {
	fill := func(unit string) string { return strings.Repeat(unit, yamldoc.MostBytes/len(unit)-8) }
	billion := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := byte('1'); i <= '9'; i++ {
		billion += "a" + string(i) + ": &a" + string(i) + " [" + strings.Repeat("*a"+string(i-1)+", ", 9) + "*a" +
			string(i-1) + "]\n"
	}
	key := strings.Repeat("k", 100_000)
	return map[string]string{
		"a billion laughs":            billion,
		"deep lists":                  strings.Repeat("[", 9000),
		"deep lists, closed":          strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"deep mappings":               strings.Repeat("{a: ", 9000),
		"deep blocks":                 strings.Repeat("- ", 9000),
		"a long flow mapping":         "{" + fill("a,") + "}",
		"a long flow list":            "[" + fill("a,") + "]",
		"many empty mappings":         "[" + fill("{},") + "]",
		"many keys":                   fill("a:\n"),
		"many items":                  fill("-\n"),
		"many comments":               fill("a: 1 #\n"),
		"a long key with many others": "nodes:\n  " + key + ": {" + strings.Repeat("a: 1, ", 20_000) + "}\n",
		"a long key with many nodes": "nodes:\n  web:\n    sysctls: {" + key + ": {" +
			strings.Repeat("a: 1, ", 20_000) + "}}\n",
		"many nodes":            "nodes: {" + strings.Repeat("n: , ", 50_000) + "}",
		"many links":            "links: [" + strings.Repeat("{}, ", 60_000) + "]",
		"many faults":           "faults: [" + strings.Repeat("{}, ", 60_000) + "]",
		"many expectations":     "expect: [" + strings.Repeat("a, ", 80_000) + "]",
		"a long number":         "duration: " + strings.Repeat("9", 200_000) + "s\n",
		"an unclosed quote":     "a: \"" + fill("x"),
		"nothing but line ends": fill("\n"),
	}
}

// Whatever a file holds, reading it takes less memory than 100 MB in all, freed or not.
func TestBombsAreRefusedInBoundedMemory(t *testing.T) {
	for what, data := range bombs() {
		t.Run(what, func(t *testing.T) {
			require.LessOrEqual(t, len(data), yamldoc.MostBytes, "the bound on the size would refuse it first")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse("bomb.yaml", []byte(data), nil)
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Less(t, len(err.Error()), 50_000)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100e6))
		})
	}
}

// A file that never ends, such as /dev/zero, is read up to the bound only.
func TestEndlessFile(t *testing.T) {
	_, err := Load("/dev/zero", nil)
	require.ErrorContains(t, err, "larger than 256KiB")
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/invalid/*.yaml", "../../scenarios/*.yaml", "../../scenarios/bench/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(data, "links[0].delay=3ms")
		}
	}
	f.Add([]byte(routed), "faults.loss.do={delay: 3ms}")
	f.Add([]byte(routed), "nodes.web.sysctls.net.ipv4.tcp_sack=0")
	for _, b := range bombs() {
		if len(b) < 20_000 {
			f.Add([]byte(b), "=")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		for _, args := range [][]string{nil, {set}} {
			s, err := Parse("fuzz.yaml", data, args)
			if err == nil {
				requireRoundTrip(t, s)
				continue
			}
			require.Equal(t, problem.Usage, problem.KindOf(err))
			var list *yamldoc.Errors
			require.True(t, errors.As(err, &list))
			require.NotEmpty(t, list.List)
			for _, e := range list.List {
				require.NotEmpty(t, e.Msg)
				require.Positive(t, e.Col)
				require.Positive(t, e.Width)
				if e.File == "fuzz.yaml" {
					require.Positive(t, e.Line)
					require.LessOrEqual(t, e.Line, strings.Count(string(data), "\n")+1)
				}
				require.NotContains(t, e.Error(), "\x1b")
			}
		}
	})
}
