package explain

import (
	_ "embed"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// sources.txt says which function of the kernel counts what.
//
//go:embed sources.txt
var sources string

// standards define the groups of counters that are no invention of Linux.
var standards = map[string]string{
	"Ip": "RFC 4293", "Ip6": "RFC 4293", "Icmp": "RFC 4293", "Icmp6": "RFC 4293", "IcmpMsg": "RFC 4293",
	"Tcp": "RFC 4022", "Udp": "RFC 4113", "Udp6": "RFC 4113", "UdpLite": "RFC 5097", "UdpLite6": "RFC 5097",
	"IpExt": "net/ipv4/ip_input.c", "MPTcpExt": "net/mptcp/mib.c",
}

// mechanisms are the standards of what counters of Linux tell about, by the beginnings of their names.
var mechanisms = []struct{ prefix, rfc string }{
	{"TCPDSACK", "RFC 2883"}, {"TCPSack", "RFC 6675"}, {"TCPSACK", "RFC 2018"}, {"TCPReno", "RFC 5681"},
	{"TCPFastRetrans", "RFC 5681"}, {"TCPLossProbe", "RFC 8985"}, {"TCPTimeouts", "RFC 6298"},
	{"TCPSlowStartRetrans", "RFC 5681"},
	{"TCPSpuriousRTOs", "RFC 5682"}, {"PAWS", "RFC 7323"}, {"TCPChallengeACK", "RFC 5961"},
	{"TCPSYNChallenge", "RFC 5961"}, {"TCPFastOpen", "RFC 7413"}, {"Syncookies", "RFC 4987"}, {"DelayedACK", "RFC 1122"},
	{"TCPDeliveredCE", "RFC 3168"}, {"TCPMTUP", "RFC 4821"}, {"TCPHystart", "RFC 9406"}, {"TW", "RFC 9293"},
	{"TCPFullUndo", "RFC 3522"}, {"TCPPartialUndo", "RFC 3522"}, {"TCPLossUndo", "RFC 3522"},
}

// Source says where one can read what a counter of the kernel counts: the function of the kernel that does, and the
// standard of what it tells about. It is empty for a counter that is not known here.
func Source(counter string) string {
	group, name, _ := metric.SplitCounter(counter)
	var where []string
	for line := range strings.Lines(sources) {
		f := strings.Fields(line)
		for _, c := range f[min(2, len(f)):] {
			if c != counter || f[0] == "#" {
				continue
			}
			place := f[0]
			if f[1] != "-" {
				place += ", " + f[1]
			}
			where = append(where, place)
		}
	}
	if s := standards[group]; s != "" {
		where = append(where, s)
	}
	for _, m := range mechanisms {
		if group == "TcpExt" && strings.HasPrefix(name, m.prefix) {
			where = append(where, m.rfc)
			break
		}
	}
	return strings.Join(where, "; ")
}
