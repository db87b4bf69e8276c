package describe

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

func udp(u *scenario.UDP) string {
	out := fmt.Sprintf("UDP on port %d: takes datagrams", u.Port)
	if u.Answer > 0 {
		out += " and answers with " + Size(u.Answer)
	}
	if u.Latency > 0 {
		out += fmt.Sprintf(", %s for each", Duration(u.Latency))
	}
	if u.Buffer > 0 {
		out += ", a receive buffer of " + Size(u.Buffer)
	}
	return out
}

func udpLoad(t *scenario.Traffic) string {
	u := t.UDP
	family := ""
	if u.IPv6 {
		family = " over IPv6"
	}
	return fmt.Sprintf("%s sends %s %s of %s%s, %s; what takes over %s is lost", t.From, t.To,
		per(u.Rate.String(), "datagram"), Size(u.Size), family, arrivals(u.Arrivals, u.First), Duration(u.Timeout))
}

// Fragments says that a load's datagrams do not fit into one packet; "" if they do.
func Fragments(s *scenario.Scenario, t *scenario.Traffic) string {
	n := s.Fragments(t)
	if n < 2 {
		return ""
	}
	return fmt.Sprintf("each datagram leaves in %s: a lost one loses the datagram, and selectors by port do not match "+
		"them", quantity.Plural(int64(n), "fragment"))
}

func bulkLoad(t *scenario.Traffic) string {
	b := t.Bulk
	family := ""
	if b.IPv6 {
		family = " over IPv6"
	}
	flows := quantity.Plural(int64(b.Flows), "connection")
	if b.Bytes > 0 {
		each := ""
		if b.Flows > 1 {
			each = " each"
		}
		return fmt.Sprintf("%s sends %s %s%s over %s%s", t.From, t.To, Size(b.Bytes), each, flows, family)
	}
	return fmt.Sprintf("%s sends %s as much as it can over %s%s", t.From, t.To, flows, family)
}
