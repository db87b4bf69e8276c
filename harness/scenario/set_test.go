package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

const routed = `version: 1
name: routed
duration: 10s
nodes:
  client: {}
  edge: {role: router}
  web: {service: {php: {}}}
links:
  - {between: [client, edge], delay: 20ms}
  - {between: [edge, web]}
load:
  - {from: client, to: web, http: {rate: 40/s}}
faults:
  - {name: dup-acks, link: [client, edge], from: client, select: {packets: pure-ack}, do: {duplicate: 3}}
  - {name: loss, link: [client, edge], from: edge, do: drop}
`

func TestSet(t *testing.T) {
	for _, c := range []struct {
		set  []string
		get  func(*Scenario) any
		want any
	}{
		{[]string{"duration=20s"}, func(s *Scenario) any { return s.Duration }, Duration(20e9)},
		{[]string{"duration=20s"}, func(s *Scenario) any { return s.Load[0].HTTP.For }, Duration(21e9)},
		{[]string{"timeline=off"}, func(s *Scenario) any { return *s.Timeline }, Duration(0)},
		{[]string{"machine.speed=250mips"}, func(s *Scenario) any { return s.Machine }, Machine{250, 384 << 20}},
		{[]string{"links[0].delay=30ms"}, func(s *Scenario) any { return s.Links[0].Delay }, Duration(30e6)},
		{[]string{"links.0.delay=30ms"}, func(s *Scenario) any { return s.Links[0].Delay }, Duration(30e6)},
		{[]string{"links.client-edge.delay=30ms"}, func(s *Scenario) any { return s.Links[0].Delay }, Duration(30e6)},
		{[]string{"links.edge-client.delay=30ms"}, func(s *Scenario) any { return s.Links[0].Delay }, Duration(30e6)},
		{[]string{"links[1].rate=10mbit"}, func(s *Scenario) any { return s.Links[1].Rate }, Rate(10e6)},
		{[]string{"links[1].between[0]=client"}, func(s *Scenario) any { return s.Links[1].Between }, [2]string{"client", "web"}},
		{[]string{"faults.dup-acks.do.duplicate=2"}, func(s *Scenario) any { return s.Faults[0].Do.Duplicate }, 2},
		{[]string{"faults.dup-acks.do=drop"}, func(s *Scenario) any { return s.Faults[0].Do }, Action{Drop: true}},
		{[]string{"faults.loss.do={delay: 3ms, jitter: 1ms}"}, func(s *Scenario) any { return s.Faults[1].Do }, Action{Delay: 3e6, Jitter: 1e6}},
		{[]string{"faults.loss.select.chance=5%"}, func(s *Scenario) any { return *s.Faults[1].Select.Chance }, Share(0.05)},
		{[]string{"faults=[]"}, func(s *Scenario) any { return len(s.Faults) }, 0},
		{[]string{"faults="}, func(s *Scenario) any { return len(s.Faults) }, 0},
		{[]string{"load[0].http.rate=10/s"}, func(s *Scenario) any { return s.Load[0].HTTP.Rate }, Frequency(10)},
		{[]string{"load.client-web.http.rate=10/s"}, func(s *Scenario) any { return s.Load[0].HTTP.Rate }, Frequency(10)},
		{[]string{"nodes.web.service.php.request.cpu=4ms"}, func(s *Scenario) any { return *s.Nodes["web"].Service.PHP.Request.CPU }, Duration(4e6)},
		{[]string{"nodes.web.sysctls.net.ipv4.tcp_sack=0"}, func(s *Scenario) any { return s.Nodes["web"].Sysctls },
			map[string]string{"net.ipv4.tcp_sack": "0"}},
		{[]string{"nodes.web.sysctls.net.ipv4.tcp_sack=0", "nodes.web.sysctls.net.ipv4.tcp_sack=1"},
			func(s *Scenario) any { return s.Nodes["web"].Sysctls }, map[string]string{"net.ipv4.tcp_sack": "1"}},
		{[]string{"nodes.web.sysctls.net.ipv4.tcp_rmem=4096 87380 6291456"},
			func(s *Scenario) any { return s.Nodes["web"].Sysctls["net.ipv4.tcp_rmem"] }, "4096 87380 6291456"},
		{[]string{"nodes.db={service: {sql: }}"}, func(s *Scenario) any { return s.Nodes["db"].Service.SQL.Port }, 3306},
		{[]string{"nodes.web.service.sql={}"}, func(s *Scenario) any { return s.Nodes["web"].Service.SQL.Port }, 3306},
		{[]string{"expect=[http.errors == 0]"}, func(s *Scenario) any { return s.Expect }, []Expectation{"http.errors == 0"}},
		{[]string{"expect=[http.errors == 0]", "expect[0]=http.errors < 3"}, func(s *Scenario) any { return s.Expect }, []Expectation{"http.errors < 3"}},
		{[]string{"about=a = b"}, func(s *Scenario) any { return s.About }, "a = b"},
	} {
		t.Run(c.set[len(c.set)-1], func(t *testing.T) {
			require.Equal(t, c.want, c.get(parse(t, routed, c.set...)))
		})
	}
}

// Each case is the whole message.
func TestSetRefuses(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"links[0].dely=20ms", `--set links[0].dely=20ms: unknown key "dely"
      links[0].dely=20ms
               ^^^^
   hint: did you mean "delay"? valid keys: between, profile, delay, rate, back, queue, queue-bytes, discipline, mtu`},
		{"links[0].delay=20", `--set links[0].delay=20: "20" needs a unit, such as 20s or 20ms
      links[0].delay=20
                     ^^`},
		{"links[0].delay={a: 1}", `--set links[0].delay={a: 1}: delay is a duration, such as 20ms, not a mapping
      links[0].delay={a: 1}
                     ^`},
		{"links[0].delay=", `--set links[0].delay=: delay needs a value: a duration, such as 20ms
      links[0].delay=
                     ^`},
		{"links[2].delay=3ms", `--set links[2].delay=3ms: no item 2
      links[2].delay=3ms
            ^
   hint: the list has 2, counted from 0`},
		{"links[+1].delay=3ms", `--set links[+1].delay=3ms: no item "+1"
      links[+1].delay=3ms
            ^^
   hint: there is: client-edge, edge-client, edge-web, web-edge`},
		{"links.client-web.delay=3ms", `--set links.client-web.delay=3ms: no item "client-web"
      links.client-web.delay=3ms
            ^^^^^^^^^^
   hint: there is: client-edge, edge-client, edge-web, web-edge`},
		{"faults.los.do=drop", `--set faults.los.do=drop: no item "los"
      faults.los.do=drop
             ^^^
   hint: did you mean "loss"? there is: dup-acks, loss`},
		{"faults.loss.do.duplicate=3", `x.yaml:15:52: a fault does one thing, not drop and duplicate
   15 |   - {name: loss, link: [client, edge], from: edge, do: drop}
      |                                                    ^^
   hint: write one fault for each; they act one after the other`},
		{"nodes.wbe.role=router", `--set nodes.wbe.role=router: no node "wbe"
      nodes.wbe.role=router
            ^^^
   hint: did you mean "web"? there is: client, edge, web`},
		{"nodes.Web={}", `--set nodes.Web={}: "Web" is not a node's name
      nodes.Web={}
            ^^^
   hint: a lower-case letter, then up to 14 lower-case letters, digits and dashes`},
		{"nodes.edge.role=host", `x.yaml:12:24: no path from client to web
   12 |   - {from: client, to: web, http: {rate: 40/s}}
      |                        ^^^
   hint: make edge a router, with the key role`},
		{"nodes.web.sysctls.vm.swappiness=1",
			`--set nodes.web.sysctls.vm.swappiness=1: "vm.swappiness" is not a sysctl of a network namespace
      nodes.web.sysctls.vm.swappiness=1
                        ^^^^^^^^^^^^^
   hint: those begin with net., such as net.ipv4.tcp_sack`},
		{"duration.seconds=3", `--set duration.seconds=3: a single value has no keys
      duration.seconds=3
               ^^^^^^^`},
		{"duration", `--set duration: no =
      duration
      ^^^^^^^^
   hint: --set takes PATH=VALUE, such as links[0].delay=20ms`},
		{"=3", `--set =3: empty key in the path
      =3
      ^
   hint: a path is keys with dots between them, such as links[0].delay`},
		{"links[0.delay=3ms", `--set links[0.delay=3ms: not an index
      links[0.delay=3ms
           ^^^^^^^^
   hint: an index is a number in brackets, from 0`},
		{"links[0]delay=3ms", `--set links[0]delay=3ms: a dot is missing
      links[0]delay=3ms
              ^`},
		{"faults.loss.at=40s", `--set faults.loss.at=40s: the fault would begin at 40s, and the run ends at 10s
      faults.loss.at=40s
                     ^^^`},
		{"about=*x", `--set about=*x: aliases are not allowed in a scenario
      about=*x
            ^^
   hint: write the value out where it is used`},
		{"faults=[{name: ä, lnk: [client, edge]}]",
			`--set faults=[{name: ä, lnk: [client, edge]}]: missing key "do" in item 1 of faults
      faults=[{name: ä, lnk: [client, edge]}]
              ^
   hint: keys of do: watch, drop, delay, jitter, distribution, delays, in-order, reorder, duplicate, corrupt, mark, rate, overhead, cell, queue, slot, loss, mtu, silent, reject, down, pause, inject
--set faults=[{name: ä, lnk: [client, edge]}]: "ä" is not a fault's name
      faults=[{name: ä, lnk: [client, edge]}]
                     ^
   hint: a letter, then up to 31 letters, digits and dashes
--set faults=[{name: ä, lnk: [client, edge]}]: unknown key "lnk"
      faults=[{name: ä, lnk: [client, edge]}]
                        ^^^
   hint: did you mean "link"? valid keys: name, link, node, from, select, do, phase, at, for, every, times, ramp`},
	} {
		t.Run(c.set, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(routed), []string{c.set})
			require.Equal(t, problem.Usage, problem.KindOf(err))
			require.EqualError(t, err, c.want)
		})
	}
}

func TestSetInAnEmptyOrOddTree(t *testing.T) {
	_, err := Parse("x.yaml", nil, []string{"version=1"})
	require.ErrorContains(t, err, `missing key "name"`)
	_, err = Parse("x.yaml", []byte("- 1\n"), []string{"version=1"})
	require.ErrorContains(t, err, "there is a list where a mapping should be")
	_, err = Parse("x.yaml", []byte("links: 3\n"), []string{"links[0].delay=1s"})
	require.ErrorContains(t, err, `there is "3" where a list should be`)
}

// Two links between the same nodes are refused, but --set is worked in before that is known.
func TestSetOfAnAmbiguousName(t *testing.T) {
	text := routed + "  - {name: loss, link: [edge, web], from: web, do: drop}\n"
	_, err := Parse("x.yaml", []byte(text), []string{"faults.loss.at=1s"})
	require.ErrorContains(t, err, `"loss" could be item 1 and item 2`)
}
