package describe_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

func size(v scenario.Size) *scenario.Size { return &v }

func span(v scenario.Duration) *scenario.Duration { return &v }

var loads = []struct {
	want string
	http scenario.HTTPLoad
}{
	{"client asks web for 15 pages a second, at random times (Poisson); one connection each; gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Rate: 15, Timeout: 5 * second}},
	{"client asks web for 1 page a minute over IPv6, evenly spaced, the first after 0 s; " +
		"connections kept alive and probed, for 1 s of silence, for 100 requests each, 10 at most; " +
		"each request in 2 writes; " +
		"without Nagle's algorithm; none is sent again; gives up after 500 ms",
		scenario.HTTPLoad{Arrivals: scenario.Constant, Rate: 1. / 60, Timeout: 500 * ms, Keepalive: true, Connections: 10,
			IPv6: true, Probes: true, Writes: 2, NoDelay: true,
			First: span(0), Idle: second, KeepaliveRequests: 100, Retry: scenario.RetryOff}},
	{"client asks web for 15 pages a second, at random times (Poisson); one connection each; " +
		"sent once more if the connection fails; gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Rate: 15, Timeout: 5 * second, Retry: scenario.RetryAlways}},
	{"client asks web for 15 pages a second (/item?n={n}), at random times (Poisson); one connection each; " +
		"gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Rate: 15, Timeout: 5 * second, Path: "/item?n={n}"}},
	{"client asks web for 45 pages a second, evenly spaced, in bursts of 1 s with 500 ms between them, " +
		"3 at once each time, together with other loads (herd); one connection each; gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Constant, Rate: 15, Timeout: 5 * second, Batch: 3, Sync: "herd",
			Bursts: &scenario.Bursts{On: second, Off: 500 * ms}}},
	{"client asks web for up to 15 pages a second, at random times (Poisson), on a curve; one connection each; " +
		"gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Timeout: 5 * second,
			Curve: []scenario.CurvePoint{{At: 0, Rate: 15}, {At: second, Rate: 5}}}},
	{"client asks web for 15 pages a second, at random times (Poisson); one connection each; " +
		"sent up to 3 times more if the connection fails, after 1 s; posts 2 kB; reads 1 kB every 500 ms; " +
		"sends 10 B every 1 s; waits 1 s for a connection; waits 2 s for the first byte; aborts after 3 s; " +
		"gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Rate: 15, Timeout: 5 * second, Retry: scenario.RetryAlways, Retries: 3,
			RetryWait: second, Body: 2000, Reads: &scenario.Slow{Bytes: 1000, Every: 500 * ms},
			Sends: &scenario.Slow{Bytes: 10, Every: second}, ConnectTimeout: second, FirstByteTimeout: 2 * second,
			Abort: &scenario.Abort{After: 3 * second}}},
	{"client asks web for up to 30 pages a second, at random times (Poisson), on a curve, 2 at once each time; " +
		"one connection each; gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Timeout: 5 * second, Batch: 2,
			Curve: []scenario.CurvePoint{{At: 0, Rate: 15}, {At: second, Rate: 5}}}},
	{"client asks web for 18 pages a minute, evenly spaced, 3 at once each time; one connection each; gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Constant, Rate: 0.1, Timeout: 5 * second, Batch: 3}},
	{"client asks web for 200 pages, at stated times, 100 at once each time; one connection each; gives up after 5 s",
		scenario.HTTPLoad{Timeout: 5 * second, Times: []scenario.Duration{0, second}, Batch: 100}},
	{"client asks web for 2 pages, at stated times; one connection each; gives up after 5 s",
		scenario.HTTPLoad{Arrivals: scenario.Poisson, Timeout: 5 * second, Times: []scenario.Duration{0, second}}},
	{"client asks web for 0 pages, as in a capture (a.pcap: 0 of 0 requests), 10 times as fast; one connection each; " +
		"gives up after 5 s",
		scenario.HTTPLoad{Timeout: 5 * second, Replay: &scenario.Replay{Capture: "a.pcap", Faster: 10}}},
	{"client asks web for pages by 1 user, each as soon as the last is answered (a closed loop); " +
		"one connection each; gives up after 5 s",
		scenario.HTTPLoad{Timeout: 5 * second, Users: &scenario.Users{Count: 1}}},
	{"client asks web for pages by 3 users, each 2 s after its last answer (a closed loop); " +
		"one connection each; gives up after 5 s",
		scenario.HTTPLoad{Timeout: 5 * second,
			Users: &scenario.Users{Count: 3, Think: 2 * second, Thinking: scenario.ThinkConstant}}},
	{"client asks web for pages by 3 users, each 2 s after its last answer in the mean (exponential; a closed loop); " +
		"one connection each; gives up after 5 s",
		scenario.HTTPLoad{Timeout: 5 * second,
			Users: &scenario.Users{Count: 3, Think: 2 * second, Thinking: scenario.ThinkExponential}}},
}

func TestLoadsInWords(t *testing.T) {
	for _, c := range loads {
		require.Equal(t, c.want, describe.Load(&scenario.Traffic{From: "client", To: "web", HTTP: &c.http}))
	}
}

var nodes = []struct {
	want string
	node scenario.Node
}{
	{"", scenario.Node{Role: scenario.Host}},
	{"router", scenario.Node{Role: scenario.Router}},
	{"PHP on port 80: 1 worker, backlog 511; a request is 1 ms of CPU, 2 queries to db over a persistent connection and " +
		"64 kB of answer; net.ipv4.tcp_sack = 0; net.ipv4.tcp_timestamps = 0",
		scenario.Node{
			Sysctls: map[string]string{"net.ipv4.tcp_timestamps": "0", "net.ipv4.tcp_sack": "0"},
			Service: &scenario.Service{PHP: &scenario.PHP{Port: 80, Workers: 1, Backlog: 511, Database: "db", Persistent: true,
				Timeouts: phpDefaults, Request: scenario.PHPRequest{CPU: span(ms), Queries: 2, Response: size(64_000)}}},
		}},
	{"PHP on port 80: 1 worker, backlog 511; a request is 1 query to db; a query that finds its connection ended has " +
		"failed; waits 2 s for another request, 20 s for all of one, 1 min to write and 30 s for its database",
		scenario.Node{Service: &scenario.Service{PHP: &scenario.PHP{Port: 80, Workers: 1, Backlog: 511, Database: "db",
			Reconnect: scenario.RetryOff,
			Timeouts:  scenario.PHPTimeouts{Idle: 2 * second, Read: 20 * second, Write: 60 * second, Query: 30 * second},
			Request:   scenario.PHPRequest{Queries: 1}}}}},
	{"PHP on port 80: 1 worker, backlog 511; a request is 1 query to db; " +
		"a query that finds its connection ended is sent once more",
		scenario.Node{Service: &scenario.Service{PHP: &scenario.PHP{Port: 80, Workers: 1, Backlog: 511, Database: "db",
			Reconnect: scenario.RetryAlways,
			Timeouts:  phpDefaults, Request: scenario.PHPRequest{Queries: 1}}}}},
	{"PHP on port 80: 1 worker, backlog 511; a request is 20 ms before the first byte, in the mean (exponential); " +
		"100 requests a connection at most; each answer in 2 writes; with Nagle's algorithm",
		scenario.Node{Service: &scenario.Service{PHP: &scenario.PHP{Port: 80, Workers: 1, Backlog: 511,
			KeepaliveRequests: 100, Writes: 2, Nagle: true, Timeouts: phpDefaults,
			Request: scenario.PHPRequest{FirstByte: 20 * ms, Spread: scenario.SpreadExponential}}}}},
	{"SQL on port 3306, backlog 151; 1 connection at most; waits 1 s for a query, " +
		"30 s for the rest of one and 1 min to write",
		scenario.Node{Service: &scenario.Service{SQL: &scenario.SQL{Port: 3306, Backlog: 151, Connections: 1,
			Timeouts: scenario.SQLTimeouts{Idle: second, Read: 30 * second, Write: 60 * second}}}}},
	{"SQL on port 3306, backlog 151: answers after 800 µs with 2 kB",
		scenario.Node{Service: &scenario.Service{SQL: &scenario.SQL{Port: 3306, Backlog: 151,
			Latency: span(800 * ms / 1000), Row: size(2000),
			Timeouts: scenario.SQLTimeouts{Idle: 8 * 3600 * second, Read: 30 * second, Write: 60 * second}}}}},
	{"MariaDB on port 3306: database app, 151 connections at most; redis on port 6379, 64 MiB at most; " +
		"dnsmasq on port 53; unbound on port 54, which asks a:53; PHP-FPM on port 9000: 5 workers, backlog 511; " +
		"nginx on port 80 for a:81 and b:82: 1 worker; " +
		"HAProxy on port 8080 for web:80; shop (/usr/bin/shop --quiet) on port 8081 from 1 s on for 2 s, " +
		"started again when it ends; image site; 1 file of its own",
		scenario.Node{Image: "site", Files: map[string]string{"/etc/motd": "hello"}, Service: &scenario.Service{
			MariaDB: &scenario.MariaDB{Port: 3306, Database: "app", Connections: 151},
			Redis:   &scenario.Redis{Port: 6379, Memory: 64 << 20}, Dnsmasq: &scenario.Dnsmasq{Port: 53},
			Unbound: &scenario.Unbound{Port: 54, Forward: []string{"a:53"}},
			PHPFPM:  &scenario.PHPFPM{Port: 9000, Workers: 5, Backlog: 511},
			Nginx:   &scenario.Nginx{Port: 80, Proxy: []string{"a:81", "b:82"}, Workers: 1},
			HAProxy: &scenario.HAProxy{Port: 8080, Servers: []string{"web:80"}},
			Exec: []scenario.Program{{Name: "shop", Command: []string{"/usr/bin/shop", "--quiet"}, Port: 8081,
				At: span(second), For: 2 * second, Restart: true}},
		}}},
	{"router; tracks connections (1,000 at most, 512 buckets, established for 30 s, liberal, not loose), and forgets " +
		"them " +
		"at 5 s; masquerade towards core of tcp connections from client to port 80, source ports 40000-40009, " +
		"at random; DNAT to web port 8080 of connections to port 80; rule new: drop syn in state new from a " +
		"from port 1-5 to b to port 80 that came by c that leave by d over 10/s (burst 5); " +
		"rule own: answer with an RST tcp at input",
		scenario.Node{Role: scenario.Router, Conntrack: &scenario.Conntrack{Max: 1000, Buckets: 512, BeLiberal: true,
			Loose: new(bool), Timeouts: &scenario.ConntrackTimeouts{Established: 30 * second},
			Forget: []scenario.Forget{{At: 5 * second}}},
			NAT: []scenario.NAT{{Masquerade: "core", From: "client", Packets: scenario.TCPPacket, Port: 80,
				Ports: "40000-40009", Random: true}, {DNAT: "web", Packets: scenario.AnyPacket, Port: 80, ToPort: 8080}},
			Firewall: []scenario.FirewallRule{{Name: "new", Packets: scenario.SYN, State: scenario.StateNew, From: "a",
				FromPorts: "1-5", To: "b", ToPorts: "80", In: "c", Out: "d", Over: 10, Do: scenario.Drop},
				{Name: "own", Hook: scenario.HookInput, Packets: scenario.TCPPacket, Do: scenario.SendRST}}}},
}

var phpDefaults = scenario.PHPTimeouts{Idle: 5 * second, Read: 20 * second, Write: 60 * second, Query: 30 * second}

func TestNodesInWords(t *testing.T) {
	for _, c := range nodes {
		require.Equal(t, c.want, describe.Node(&c.node))
	}
}

var links = []struct {
	want string
	link scenario.Link
}{
	{"no delay, no limit", scenario.Link{MTU: 1500}},
	{"20 ms one way, 100 Mbit/s, a queue of 1 packet, MTU 1400", scenario.Link{Delay: 20 * ms, Rate: 100_000_000, Queue: 1, MTU: 1400}},
	{"as dsl, 25 ms one way, 384 kbit/s, and from web 10 ms one way, 1.5 Mbit/s, a queue of 9 packets, MTU 1400",
		scenario.Link{Between: [2]string{"home", "web"}, Profile: scenario.DSL, Delay: 25 * ms, Rate: 384_000, MTU: 1400,
			Back: &scenario.Back{Delay: &tenMs, Rate: 1_500_000, Queue: 9}}},
	{"1 Mbit/s, a queue of 64 kB", scenario.Link{Rate: 1_000_000, QueueBytes: 64_000, MTU: 1500}},
	{"1 Mbit/s, a queue of 9 packets and 64 kB, fq_codel (target 1ms, no-ecn)", scenario.Link{Rate: 1_000_000, Queue: 9,
		QueueBytes: 64_000, MTU: 1500, Discipline: &scenario.Discipline{FQCoDel: &scenario.FQCoDel{Target: ms,
			Interval: 100 * ms, NoECN: true, Flows: 1024, Quantum: 1514}}}},
	{"1 Mbit/s, codel", scenario.Link{Rate: 1_000_000, MTU: 1500, Discipline: &scenario.Discipline{
		CoDel: &scenario.CoDel{Target: 5 * ms, Interval: 100 * ms}}}},
}

func TestLinksInWords(t *testing.T) {
	for _, c := range links {
		require.Equal(t, c.want, describe.Link(&c.link))
	}
}

// TestEveryKeyOfTheNetworkIsSaid finds keys that the tables above have nothing for.
func TestEveryKeyOfTheNetworkIsSaid(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range loads {
		visit(reflect.ValueOf(c.http), seen)
	}
	for _, c := range nodes {
		visit(reflect.ValueOf(c.node), seen)
	}
	for _, c := range links {
		visit(reflect.ValueOf(c.link), seen)
	}
	elsewhere := []string{
		"HTTPLoad.Phase", "HTTPLoad.At", "HTTPLoad.For", // when is said apart
		"HTTPLoad.Port", // that of the service
		"HTTPLoad.Late", // a bound on the generator
		"Link.Between",  // its ends
		"Service.UDP",   // TestDatagramsInWords
		"Service.DNS",   // TestNamesInWords
		"Service.Bulk",  // TestBulkInWords
		"Node.Resolver", "HTTPLoad.Host",
		"HTTPLoad.Like", "PHP.Like", // what they stand for is said
	}
	var missing []string
	for _, typ := range []reflect.Type{
		reflect.TypeFor[scenario.HTTPLoad](), reflect.TypeFor[scenario.Node](), reflect.TypeFor[scenario.Service](),
		reflect.TypeFor[scenario.PHP](),
		reflect.TypeFor[scenario.PHPRequest](), reflect.TypeFor[scenario.PHPTimeouts](),
		reflect.TypeFor[scenario.SQLTimeouts](), reflect.TypeFor[scenario.SQL](), reflect.TypeFor[scenario.Link](),
	} {
		for i := range typ.NumField() {
			if name := typ.Name() + "." + typ.Field(i).Name; !seen[name] && !slices.Contains(elsewhere, name) {
				missing = append(missing, name)
			}
		}
	}
	require.Empty(t, missing, "keys without words: add them here and to the words")
}

// tenMs is a delay that a link has one way.
var tenMs = 10 * ms
