package witness_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// Connections stay open, so that ss sees all of them at the end. Nothing happens around the ends of the window.
const quiet = `
version: 1
name: quiet
warmup: 200ms
duration: 4s
nodes:
  client: {}
  web:
    service: {php: {workers: 20, database: db, persistent: true, request: {cpu: 200us, queries: 1, response: 24kB}}}
  db: {service: {sql: {}}}
links:
  - {between: [client, web], delay: 5ms, rate: 50mbit}
  - {between: [web, db], delay: 100us}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 20/s, at: 500ms, for: 2s, keepalive: true, ipv6: %v}}
faults:
  - {name: lose, link: [client, web], from: web, select: {packets: data, chance: 4%%}, do: drop, for: 3500ms}
  - {name: copies, link: [client, web], from: client, select: {packets: pure-ack, chance: 10%%}, do: {duplicate: 2}, for: 3500ms}
`

// states are no counters. nstat leaves them out (useless_numbers in its misc/nstat.c), but for the last.
var states = map[string]bool{
	"Ip.Forwarding": true, "Ip.DefaultTTL": true, "Tcp.RtoAlgorithm": true, "Tcp.RtoMin": true, "Tcp.RtoMax": true,
	"Tcp.MaxConn": true, "Tcp.CurrEstab": true, "MPTcpExt.MPCurrEstab": true,
}

// namespaces finds that of each node by the control group of its processes.
func namespaces() (map[string]*os.File, error) {
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil, err
	}
	found := map[string]*os.File{}
	for _, file := range groups {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		group := strings.TrimSpace(string(text)) // such as 0::/ruleout-1-web
		node := group[strings.LastIndexByte(group, '-')+1:]
		if found[node] == nil && (node == "client" || node == "web" || node == "db") {
			if found[node], err = os.Open(filepath.Join(filepath.Dir(file), "ns/net")); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// tool runs one of the distribution's in a namespace.
func tool(namespace *os.File, name string, args ...string) (text []byte, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		if err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err == nil {
			text, err = exec.Command(name, args...).Output()
		}
	}()
	<-done
	return text, err
}

// nstat reads all counters of a namespace, under nstat's names.
func nstat(namespace *os.File) (map[string]int64, error) {
	text, err := tool(namespace, "nstat", "--json", "--zeros", "--ignore", "--noupdate")
	if err != nil {
		return nil, fmt.Errorf("run nstat: %w", err)
	}
	var all struct {
		Kernel map[string]int64 `json:"kernel"`
	}
	return all.Kernel, json.Unmarshal(text, &all)
}

// sum adds up what ss shows under a name for each socket, such as segs_out:12.
func sum(t *testing.T, text []byte, name string) (n int64) {
	for _, m := range regexp.MustCompile(`(?:^|\s)`+name+`(\d+)`).FindAllSubmatch(text, -1) {
		v, err := strconv.ParseInt(string(m[1]), 10, 64)
		require.NoError(t, err)
		n += v
	}
	return n
}

func TestRecordsAgreeWithNstatAndSs(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", ipv6), func(t *testing.T) { holdAgainstTools(t, ipv6) })
	}
}

func holdAgainstTools(t *testing.T, ipv6 bool) {
	s, err := expect.Parse("quiet.yaml", fmt.Appendf(nil, quiet, ipv6), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	var nodes map[string]*os.File
	before, after := map[string]map[string]int64{}, map[string]map[string]int64{}
	sockets := map[string][]byte{}
	var failed error // the events come on goroutines of the run's
	look := func(e protocol.Event) (err error) {
		switch {
		case e.Kind == protocol.Measure:
			if nodes, err = namespaces(); err != nil {
				return err
			}
			for node, namespace := range nodes {
				if before[node], err = nstat(namespace); err != nil {
					return err
				}
			}
		case e.Kind == protocol.FaultOff && len(after) == 0:
			for node, namespace := range nodes {
				if after[node], err = nstat(namespace); err != nil {
					return err
				}
				if sockets[node], err = tool(namespace, "ss", "--tcp", "--all", "--numeric", "--info", "--no-header",
					"--oneline"); err != nil {
					return fmt.Errorf("run ss: %w", err)
				}
			}
		}
		return nil
	}
	rec, err := run.Run(t.Context(), canonical, 5, func(e protocol.Event) { failed = errors.Join(failed, look(e)) })
	require.NoError(t, failed)
	require.NoError(t, err)
	require.True(t, rec.Valid, rec.InvalidBecause)
	require.Len(t, after, 3, "nstat has read at both ends")
	for node, counters := range rec.Counters {
		compared, moved := 0, 0
		for name, value := range counters {
			if states[name] {
				continue
			}
			key := strings.Replace(name, ".", "", 1)
			last, ok := after[node][key]
			require.True(t, ok, "nstat knows no %s", key)
			read := last - before[node][key]
			require.Equal(t, read, value, "%s.%s: nstat, and the record", node, name)
			compared++
			if value != 0 {
				moved++
			}
		}
		require.Greater(t, compared, 200, node)
		require.Greater(t, moved, 10, node)
	}
	for _, node := range []string{"client", "web"} {
		text := sockets[node]
		c := rec.Counters[node]
		require.Equal(t, c["Tcp.CurrEstab"], int64(strings.Count(string(text), "ESTAB")), "%s: ss, and the record\n%s", node,
			text)
		// The SYN-ACK is sent before there is a socket for the connection.
		require.Equal(t, sum(t, text, "segs_out:")+c["Tcp.PassiveOpens"], c["Tcp.OutSegs"]+c["Tcp.RetransSegs"], "%s\n%s",
			node, text)
		require.Equal(t, sum(t, text, "segs_in:"), c["Tcp.InSegs"], "%s\n%s", node, text)
		require.Equal(t, sum(t, text, `retrans:\d+/`), c["Tcp.RetransSegs"], "%s\n%s", node, text)
		require.EqualValues(t, rec.Metrics[node+".sockets.established.max"].Value, strings.Count(string(text), "ESTAB"),
			"%s: none has closed before", node)
	}
	require.Positive(t, rec.Counters["web"]["Tcp.RetransSegs"])
}
