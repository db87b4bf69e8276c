package probe

import (
	"embed"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded holds /proc/net files of Debian's kernels.
//
//go:embed testdata/counters
var recorded embed.FS

func TestParsePairs(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]int64
		err        string
	}{
		{name: "empty", want: map[string]int64{}},
		{
			name: "two groups",
			text: "Tcp: MaxConn ActiveOpens\nTcp: -1 7\nUdp: InDatagrams\nUdp: 3\n",
			want: map[string]int64{"Tcp.MaxConn": -1, "Tcp.ActiveOpens": 7, "Udp.InDatagrams": 3},
		},
		{name: "no newline at the end", text: "Udp: InDatagrams\nUdp: 3", want: map[string]int64{"Udp.InDatagrams": 3}},
		{name: "a group without counters", text: "IcmpMsg:\nIcmpMsg:\n", want: map[string]int64{}},
		{name: "the largest value wraps", text: "A: B\nA: 18446744073709551615\n", want: map[string]int64{"A.B": -1}},
		{name: "one value too few", text: "Tcp: A B\nTcp: 1\n", err: "Tcp has 2 names and 1 values"},
		{name: "groups differ", text: "Tcp: A\nUdp: 1\n", err: "expected a line of names"},
		{name: "values are missing", text: "Tcp: A\n", err: "expected a line of names"},
		{name: "not a number", text: "Tcp: A\nTcp: x\n", err: "Tcp.A: "},
		{name: "no group", text: ": A\n: 1\n", err: "expected a line of names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]int64{}
			err := parsePairs([]byte(c.text), got)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestParseLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]int64
		err        string
	}{
		{
			name: "the group ends in 6",
			text: "Ip6InReceives                   \t12\nIcmp6OutType133\t1\nUdpLite6NoPorts 0\n",
			want: map[string]int64{"Ip6.InReceives": 12, "Icmp6.OutType133": 1, "UdpLite6.NoPorts": 0},
		},
		{name: "no 6", text: "IpInReceives 1\n", err: "such as Ip6InReceives"},
		{name: "nothing behind the 6", text: "Ip6 1\n", err: "such as Ip6InReceives"},
		{name: "no value", text: "Ip6InReceives\n", err: "expected a name and a value"},
		{name: "not a number", text: "Ip6InReceives 1x\n", err: "Ip6InReceives: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]int64{}
			err := parseLines([]byte(c.text), got)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// Every number of a real kernel's files becomes a counter, and under the name that snmp(7) readers know.
func TestParseAllOfAKernel(t *testing.T) {
	kernels, err := fs.Glob(recorded, "testdata/counters/*")
	require.NoError(t, err)
	require.NotEmpty(t, kernels)
	for _, dir := range append(kernels, "/proc/thread-self/net") {
		t.Run(path.Base(dir), func(t *testing.T) {
			got, numbers := map[string]int64{}, 0
			for _, f := range counterFiles {
				read := recorded.ReadFile
				if path.IsAbs(dir) {
					read = os.ReadFile
				}
				text, err := read(path.Join(dir, f.name))
				require.NoError(t, err)
				require.NoError(t, f.parse(text, got))
				for _, word := range strings.Fields(string(text)) {
					if strings.Trim(word, "-0123456789") == "" {
						numbers++
					}
				}
			}
			require.Len(t, got, numbers)
			for _, name := range []string{"Tcp.RetransSegs", "TcpExt.ListenOverflows", "TcpExt.TCPRenoRecovery",
				"IpExt.InOctets", "Ip6.InReceives", "Udp6.InDatagrams"} {
				require.Contains(t, got, name)
			}
			for name := range gauges {
				if name != "MPTcpExt.MPCurrEstab" { // since 6.5
					require.Contains(t, got, name)
				}
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name                string
		before, after, want int64
	}{
		{"Tcp.RetransSegs", 3, 10, 7},
		{"Tcp.CurrEstab", 3, 10, 10},
		{"Tcp.MaxConn", -1, -1, -1},
		{"IcmpMsg.InType3", 0, 2, 2},
		{"TcpExt.Wrapped", math.MaxInt64, math.MinInt64, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := map[string]int64{}
			if c.before != 0 {
				before[c.name] = c.before
			}
			require.Equal(t, map[string]int64{c.name: c.want}, differences(before, map[string]int64{c.name: c.after}))
		})
	}
}

func FuzzParseCounters(f *testing.F) {
	f.Add([]byte("Tcp: MaxConn ActiveOpens\nTcp: -1 7\n"))
	f.Add([]byte("Ip6InReceives  \t12\n"))
	f.Add([]byte("Tcp:\nTcp:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		pairs := map[string]int64{}
		if parsePairs(text, pairs) == nil {
			for name := range pairs {
				require.Contains(t, name, ".")
			}
		}
		lines := map[string]int64{}
		if parseLines(text, lines) == nil {
			for name := range lines {
				require.Contains(t, name, "6.")
			}
		}
	})
}
