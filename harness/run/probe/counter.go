package probe

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// gauges are what snmp and netstat give as a present value or a setting; everything else counts up.
// Source: net/ipv4/proc.c (snmp4_tcp_list and the Ip line) and net/mptcp/mib.c.
var gauges = map[string]bool{
	"Ip.Forwarding":        true,
	"Ip.DefaultTTL":        true,
	"Tcp.RtoAlgorithm":     true,
	"Tcp.RtoMin":           true,
	"Tcp.RtoMax":           true,
	"Tcp.MaxConn":          true,
	"Tcp.CurrEstab":        true,
	"MPTcpExt.MPCurrEstab": true,
}

// Gauge reports whether a kernel counter, such as Tcp.CurrEstab, is in truth a present value or a
// setting. A record has it as it was at the window's end, and all others as differences.
func Gauge(name string) bool { return gauges[name] }

// counterFiles below /proc/thread-self/net hold all of a namespace's counters.
var counterFiles = [...]struct {
	name  string
	parse func([]byte, map[string]int64) error
}{
	{"snmp", parsePairs},
	{"netstat", parsePairs},
	{"snmp6", parseLines},
}

// parsePairs adds the counters of a file in the form of /proc/net/snmp: a line of
// names, then a line of values, each headed by its group. Tcp: RetransSegs becomes Tcp.RetransSegs.
func parsePairs(text []byte, into map[string]int64) error {
	for len(text) > 0 {
		var names, values []byte
		names, text = line(text)
		values, text = line(text)
		group, list, ok := bytes.Cut(names, []byte(":"))
		of, numbers, ok2 := bytes.Cut(values, []byte(":"))
		if !ok || !ok2 || len(group) == 0 || !bytes.Equal(group, of) {
			return fmt.Errorf("expected a line of names and one of values, got %.40q and %.40q", names, values)
		}
		name, value := bytes.Fields(list), bytes.Fields(numbers)
		if len(name) != len(value) {
			return fmt.Errorf("%s has %d names and %d values", group, len(name), len(value))
		}
		for i := range name {
			n, err := number(value[i])
			if err != nil {
				return fmt.Errorf("%s.%s: %w", group, name[i], err)
			}
			into[string(group)+"."+string(name[i])] = n
		}
	}
	return nil
}

// parseLines adds the counters of a file in the form of /proc/net/snmp6: a name and a value a line.
// The group is what ends in 6: Ip6InReceives becomes Ip6.InReceives, UdpLite6NoPorts UdpLite6.NoPorts.
func parseLines(text []byte, into map[string]int64) error {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		f := bytes.Fields(one)
		if len(f) != 2 {
			return fmt.Errorf("expected a name and a value, got %.40q", one)
		}
		end := bytes.IndexByte(f[0], '6') + 1
		if end == 0 || end == len(f[0]) {
			return fmt.Errorf("expected a name such as Ip6InReceives, got %.40q", f[0])
		}
		n, err := number(f[1])
		if err != nil {
			return fmt.Errorf("%s: %w", f[0], err)
		}
		into[string(f[0][:end])+"."+string(f[0][end:])] = n
	}
	return nil
}

// number reads a counter. They are unsigned, and Tcp.MaxConn is −1; above 2^63, which no
// counter reaches in a run, it wraps as a difference would.
func number(text []byte) (int64, error) {
	s := string(text)
	if strings.HasPrefix(s, "-") {
		return strconv.ParseInt(s, 10, 64)
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return int64(n), err
}

// line cuts the first line off.
func line(text []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(text, []byte("\n"))
	return first, rest
}

// differences returns what changed between two readings. A counter that
// appears in the meantime, as IcmpMsg.InType3 does, began at 0.
func differences(before, after map[string]int64) map[string]int64 {
	d := make(map[string]int64, len(after))
	for name, n := range after {
		if !Gauge(name) {
			n -= before[name]
		}
		d[name] = n
	}
	return d
}
