package scenario_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

const replaying = `version: 1
name: replaying
duration: 10s
nodes:
  client:
  web: {service: {php: {}}}
links:
  - between: [client, web]
load:
  - {from: client, to: web, http: {replay: {log: access.log, faster: 10}}}
`

// load writes a scenario and its log into a directory of their own, and reads the scenario.
func load(t *testing.T, log string, set ...string) *scenario.Scenario {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(replaying), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "access.log"), []byte(log), 0o600))
	s, err := scenario.Load(filepath.Join(dir, "x.yaml"), set)
	require.NoError(t, err)
	return s
}

// What the log says is in the scenario itself: a record of a run can be run again where the log is not.
func TestReplayIsPartOfTheScenario(t *testing.T) {
	data, err := os.ReadFile("testdata/replay/access.log")
	require.NoError(t, err)
	log := string(data)
	s := load(t, log)
	plan := arrival.Plan(arrival.Of(s, 0), 1, 0)
	require.Len(t, plan, 4)
	for i, tenth := range []int64{0, 0, 3, 60} { // seconds of the log after its first, by hand
		require.Equal(t, tenth, plan[i]/1e8)
	}
	require.Equal(t, "client asks web for 4 pages, as in an access log (access.log: 4 of 4 requests, "+
		"1 broken line left out), 10 times as fast; one connection each; gives up after 5 s", describe.Load(&s.Load[0]))

	canonical, err := s.Canonical()
	require.NoError(t, err)
	again, err := scenario.FromCanonical(canonical)
	require.NoError(t, err)
	require.Equal(t, s.Hash(), again.Hash())
	require.Equal(t, plan, arrival.Plan(arrival.Of(again, 0), 1, 0))

	// Its directory is not part of it, nor what the file has besides; a request more is.
	require.Equal(t, s.Hash(), load(t, log).Hash())
	long := load(t, log+"hello\n"+
		"192.0.2.1 - - [10/Oct/2099:13:55:36 +0200] \"GET / HTTP/1.1\" 200 2326\n")
	require.Equal(t, scenario.Recording{Times: s.Load[0].HTTP.Replay.Recording().Times, Grain: 1e9, Requests: 4, Total: 5,
		Broken: 2}, long.Load[0].HTTP.Replay.Recording(), "which are told all the same")
	require.Equal(t, s.Hash(), long.Hash())
	before := "192.0.2.1 - - [10/Oct/2026:13:55:26 +0200] \"GET / HTTP/1.1\" 200 2326\n"
	part := load(t, before+log, "load[0].http.replay.skip=10s", "load[0].http.replay.log=./access.log")
	require.Equal(t, s.Hash(), part.Hash(), "the same part of another file")
	require.NotEqual(t, s.Hash(), load(t, log+log[:strings.Index(log, "\n")+1]).Hash())
	require.NotEqual(t, s.Hash(), load(t, log, "load[0].http.replay.faster=11").Hash())

	short := load(t, log, "duration=5s")
	require.Len(t, arrival.Plan(arrival.Of(short, 0), 1, 0), 3, "the fourth is after the run")
	later := load(t, log, "load[0].http.at=2s", "load[0].http.for=5s")
	plan = arrival.Plan(arrival.Of(later, 0), 1, 0)
	require.Len(t, plan, 3)
	require.Equal(t, int64(20), plan[0]/1e8)
	skipped := load(t, log, "load[0].http.replay.skip=3s")
	plan = arrival.Plan(arrival.Of(skipped, 0), 1, 0)
	require.Len(t, plan, 2)
	require.Equal(t, []int64{0, 57}, []int64{plan[0] / 1e8, plan[1] / 1e8})
}

// As many requests come as the scenario says, whatever the seed: 350 ms are 3.5 s of the log, whose fourth second does
// not fit.
func TestReplayComesAsPromised(t *testing.T) {
	data, err := os.ReadFile("testdata/replay/access.log")
	require.NoError(t, err)
	s := load(t, string(data), "load[0].http.at=0s", "load[0].http.for=350ms")
	require.Equal(t, 2, s.Load[0].HTTP.Replay.Recording().Requests)
	for seed := range uint64(50) {
		require.Len(t, arrival.Plan(arrival.Of(s, 0), seed, 0), 2)
	}
}

// Why a capture has nothing to replay is said: it is none, is of another kind of frames, or has no connection.
func TestReplayOfNoCapture(t *testing.T) {
	empty := append(binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4), make([]byte, 20)...)
	link := func(kind byte, frame ...byte) string {
		b := slices.Clone(empty)
		b[20] = kind
		b = append(b, make([]byte, 8)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
		return string(append(binary.LittleEndian.AppendUint32(b, uint32(len(frame))), frame...))
	}
	arp := append(make([]byte, 12), 8, 6)
	for _, c := range []struct{ file, set, want, hint string }{
		{"hello", "", `"a.pcap": neither a pcap nor a pcapng file`,
			"tcpdump -w and Wireshark write such files; an access log goes with the key log"},
		{string(empty[:23]), "", `"a.pcap": neither a pcap nor a pcapng file`, "tcpdump -w"},
		{string(empty), "", `"a.pcap" has no SYN`, "connections are replayed that begin in the capture"},
		{link(1, arp...), "load[0].http.replay.port=81", `"a.pcap" has no SYN to port 81`, "by their SYNs without ACK"},
		{link(1, arp...) + link(1, 1)[24:], "", `"a.pcap" has no SYN, and 1 packet that cannot be read`, ""},
		{link(105, 1, 2, 3), "", `"a.pcap" is a capture, but none of its packets can be read`,
			"frames are to be of Ethernet, Linux cooked"},
	} {
		dir := t.TempDir()
		text := strings.Replace(replaying, "log: access.log", "capture: a.pcap", 1)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.pcap"), []byte(c.file), 0o600))
		var set []string
		if c.set != "" {
			set = append(set, c.set)
		}
		_, err := scenario.Load(filepath.Join(dir, "x.yaml"), set)
		var list *yamldoc.Errors
		require.ErrorAs(t, err, &list, c.want)
		require.Len(t, list.List, 1)
		require.Equal(t, c.want, list.List[0].Msg)
		require.Contains(t, list.List[0].Hint, c.hint)
		require.Equal(t, 10, list.List[0].Line)
	}
}

// A record that was edited is found out.
func TestReplayOfAnEditedRecord(t *testing.T) {
	data, err := os.ReadFile("testdata/replay/access.log")
	require.NoError(t, err)
	canonical, err := load(t, string(data)).Canonical()
	require.NoError(t, err)
	for _, edit := range [][2]string{{`"requests":4`, `"requests":5`}, {`"times":"`, `"times":"!`}} {
		require.Contains(t, string(canonical), edit[0])
		_, err = scenario.FromCanonical([]byte(strings.Replace(string(canonical), edit[0], edit[1], 1)))
		require.Error(t, err)
	}
}
