package netem

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asRealTC pairs options that tc understands with the Qdisc that should send the same bytes, beyond those
// that are recorded in testdata. Their times are whole ticks of 64 ns, see encode.go.
var asRealTC = map[string]Qdisc{
	"delay 10ms 2ms distribution normal":       {Latency: 10 * ms, Jitter: 2 * ms, Table: Normal(), Limit: 1000},
	"delay 10ms 2ms distribution pareto":       {Latency: 10 * ms, Jitter: 2 * ms, Table: Pareto(), Limit: 1000},
	"delay 10ms 2ms distribution paretonormal": {Latency: 10 * ms, Jitter: 2 * ms, Table: ParetoNormal(), Limit: 1000},
	"delay 10ms 2ms rate 5000gbit limit 20":    {Latency: 10 * ms, Jitter: 2 * ms, Rate: mbit(5e6), Limit: 20},
	"rate 10mbit 20":                           {Rate: &Rate{BytesPerSecond: 1.25e6, PacketOverhead: 20}, Limit: 1000},
	"rate 10mbit -14":                          {Rate: &Rate{BytesPerSecond: 1.25e6, PacketOverhead: -14}, Limit: 1000},
	"rate 10mbit 0 48 5":                       {Rate: &Rate{BytesPerSecond: 1.25e6, CellSize: 48, CellOverhead: 5}, Limit: 1000},
	"slot 10ms":                                {Slot: &Slot{MinDelay: 10 * ms, MaxDelay: 10 * ms}, Limit: 1000},
	"slot 10ms 20ms bytes 3000":                {Slot: &Slot{MinDelay: 10 * ms, MaxDelay: 20 * ms, MaxBytes: 3000}, Limit: 1000},
	"loss gemodel 1%":                          {Model: GilbertElliott{ToBad: ShareOf(.01), ToGood: ShareOf(.99), LossBad: All}, Limit: 1000},
	"loss gemodel 1% 20%":                      {Model: GilbertElliott{ToBad: ShareOf(.01), ToGood: ShareOf(.2), LossBad: All}, Limit: 1000},
	"loss gemodel 1% 20% 50% 0.5%": {Model: GilbertElliott{ToBad: ShareOf(.01), ToGood: ShareOf(.2),
		LossBad: ShareOf(.5), LossGood: ShareOf(.005)}, Limit: 1000},
	"loss state 2%": {Model: FourState{P13: ShareOf(.02), P31: ShareOf(.98), P23: All}, Limit: 1000},
	"loss state 2% 30% 5% 60% 1%": {Model: FourState{P13: ShareOf(.02), P31: ShareOf(.3),
		P32: ShareOf(.05), P23: ShareOf(.6), P14: ShareOf(.01)}, Limit: 1000},
	"loss random 3%": {Loss: ShareOf(.03), Limit: 1000},
	"delay 5ms reorder 100% gap 3 corrupt 0.001%": {Latency: 5 * ms, Reorder: All, Gap: 3, Corrupt: ShareOf(.00001), Limit: 1000},
}

// What the tc of this machine sends is compared with what this package sends, byte by byte. The kernel here
// need not have netem: it refuses the message, which was sent all the same.
func TestTheRealTCSendsTheSame(t *testing.T) {
	// where tc and ip are, and where a user's own PATH need not lead
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, program := range []string{"tc", "strace", "unshare", "ip"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err,
			"the bytes that tc sends cannot be compared: bin/ruleout setup --tests installs %s, or says how", program)
	}
	cases := map[string]Qdisc{}
	for command, q := range asTC {
		cases[command] = q
	}
	for command, q := range asRealTC {
		cases[command] = q
	}
	if seedKnown(t) {
		seed := uint64(0x123456789abcdef)
		cases[fmt.Sprint("loss 1% seed ", seed)] = Qdisc{Loss: ShareOf(.01), Limit: 1000, Seed: &seed}
	}
	var script strings.Builder
	script.WriteString("set -e; ip link add v0 type veth peer name v1\n")
	var commands []string
	for command := range cases {
		commands = append(commands, command)
		fmt.Fprintf(&script, "strace -o trace%d -e trace=sendmsg -e write=all tc qdisc add dev v0 root handle 1: "+
			"netem %s 2>/dev/null || true\n", len(commands)-1, command)
	}
	run := exec.Command("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script.String())
	run.Dir = t.TempDir()
	if out, err := run.CombinedOutput(); err != nil {
		t.Skipf("no namespace, device or tracing for tc here: %v: %s", err, out)
	}
	for i, command := range commands {
		t.Run(command, func(t *testing.T) {
			b, err := os.ReadFile(fmt.Sprintf("%s/trace%d", run.Dir, i))
			require.NoError(t, err)
			q := cases[command]
			want := sent(t, string(b))
			got := request(7, Handle(1, 0), Root, &q).Serialize()
			require.Equal(t, hex.Dump(masked(want)), hex.Dump(masked(got)))
		})
	}
}

// seedKnown reports whether tc knows the key seed (iproute2 6.6 and later).
func seedKnown(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("tc", "-V").CombinedOutput()
	require.NoError(t, err)
	var major, minor int
	if m := regexp.MustCompile(`iproute2-(\d+)\.(\d+)`).FindSubmatch(out); m != nil {
		_, err = fmt.Sscan(string(m[1])+" "+string(m[2]), &major, &minor)
		require.NoError(t, err)
	}
	return major > 6 || major == 6 && minor >= 6
}

// dumped is a line of strace's dumps: offset and up to 16 bytes.
var dumped = regexp.MustCompile(`^ \| [0-9a-f]{5,}  ((?:[0-9a-f]{2} {1,2}){1,16})`)

// sent returns the RTM_NEWQDISC message that the trace shows.
func sent(t *testing.T, trace string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(trace) {
		if m := dumped.FindStringSubmatch(line); m != nil {
			part, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
			require.NoError(t, err)
			b = append(b, part...)
		}
	}
	require.GreaterOrEqual(t, len(b), 20, trace)
	require.EqualValues(t, 36, order.Uint16(b[4:]), "RTM_NEWQDISC")
	require.EqualValues(t, len(b), order.Uint32(b), "all of the message")
	return b
}
