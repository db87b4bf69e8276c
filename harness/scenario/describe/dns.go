package describe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// mostNames of a name server are said.
const mostNames = 5

func dns(d *scenario.DNS) string {
	var names []string
	all := slices.Sorted(maps.Keys(d.Names))
	for _, name := range all[:min(len(all), mostNames)] {
		names = append(names, name+" is "+d.Names[name])
	}
	if n := len(all) - mostNames; n > 0 {
		names = append(names, quantity.Plural(int64(n), "more name"))
	}
	out := fmt.Sprintf("DNS on port %d: %s, for %s", d.Port, quantity.List(names), Duration(d.TTL))
	if d.IPv6 {
		out += ", IPv6 addresses too"
	}
	if d.Delay > 0 {
		out += "; answers after " + Duration(d.Delay)
	}
	if d.Drop != "" {
		out += "; does not answer queries for " + records(d.Drop)
	}
	if d.Servfail != "" {
		out += "; answers queries for " + records(d.Servfail) + " with SERVFAIL"
	}
	return out
}

func records(t scenario.QueryType) string {
	if t == scenario.QueryAll {
		return "anything"
	}
	return strings.ToUpper(string(t))
}

// resolver says how a node looks names up, with the words of resolv.conf(5).
func resolver(r *scenario.Resolver) string {
	out := fmt.Sprintf("asks %s for names: timeout %s, attempts %d", quantity.List(r.Servers), Duration(r.Timeout),
		r.Attempts)
	for _, option := range []struct {
		on   bool
		name string
	}{{r.Rotate, "rotate"}, {r.SingleRequest, "single-request"}, {r.SingleRequestReopen, "single-request-reopen"}} {
		if option.on {
			out += ", " + option.name
		}
	}
	if r.Lasting {
		out += "; all lookups of a load by one process"
	}
	return out
}
