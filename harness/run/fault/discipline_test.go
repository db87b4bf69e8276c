package fault

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// datagram is the length of a frame with 4 bytes of payload, and longest that of the longest one on a link, in bytes.
const (
	datagram = 14 + 20 + 8 + 4
	longest  = 1514
)

// Of n datagrams that come at once, those arrive that the bucket lets pass, which holds a frame, and those for which
// the queue has room.
func TestAQueueInBytesHoldsBytes(t *testing.T) {
	const n = 200
	for _, room := range []int{1514, 3000, 5000} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			l := newLab(t, fmt.Sprintf(", rate: 100kbit, queue-bytes: %dB", room), "name: seen, from: a, do: watch")
			d := l.datagrams(t, false)
			d.send(t, n)
			r, because := l.receipts(t)
			require.Empty(t, because)
			got := d.received(t)
			want := longest/datagram + room/datagram
			require.InDelta(t, want, len(got), 1+0.02*n, "some leave while the others are sent")
			require.GreaterOrEqual(t, len(got), want)
			require.EqualValues(t, n-len(got), r[0].LostInQueue)
			links := l.Links()
			require.EqualValues(t, room, links[0].QueueBytes)
			require.EqualValues(t, n-len(got), links[0].LostInQueue)
		})
	}
}

// Each discipline lets everything through that comes slowly, in order, and the receipts say so.
func TestEachDisciplineIsBuilt(t *testing.T) {
	for _, link := range []string{
		"discipline: codel", "discipline: fq_codel", "discipline: fq", "discipline: pie", "discipline: fq_pie",
		"queue-bytes: 60kB, discipline: red", "discipline: cake", "queue: 100, discipline: {tbf: {burst: 3kB}}",
		"queue-bytes: 100kB, discipline: {tbf: {burst: 3kB, peak: 2mbit}}",
		"queue: 77, discipline: {codel: {target: 1ms, interval: 20ms, ecn: true, ce-threshold: 3ms}}",
		"queue: 77, queue-bytes: 1MB, discipline: {fq_codel: {target: 1ms, interval: 20ms, no-ecn: true, flows: 7, " +
			"quantum: 300, ce-threshold: 3ms}}",
		"queue: 77, discipline: {fq: {flow-limit: 9, quantum: 1514, initial-quantum: 3000, ce-threshold: 3ms}}",
		"queue: 77, discipline: {pie: {target: 3ms, update: 30ms, alpha: 1, beta: 9, ecn: true, bytemode: true}}",
		"queue: 77, queue-bytes: 1MB, discipline: {fq_pie: {target: 3ms, update: 30ms, alpha: 1, beta: 9, ecn: true, " +
			"ecn-prob: 33%, flows: 64, quantum: 300, bytemode: true}}",
		"queue-bytes: 90kB, discipline: {red: {min: 10kB, max: 30kB, packet: 500B, burst: 40, probability: 10%, ecn: true, " +
			"harddrop: true, adaptive: true}}",
		"queue-bytes: 90kB, discipline: {cake: {rtt: 10ms, isolation: flows, priority: besteffort, ack-filter: yes, " +
			"wash: true}}",
	} {
		t.Run(link, func(t *testing.T) {
			l := newLab(t, ", rate: 1mbit, delay: 3ms, "+link, "name: seen, do: watch")
			d := l.datagrams(t, false)
			d.send(t, 20)
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.Equal(t, upTo(20), d.received(t))
			require.EqualValues(t, 20, r[0].Out)
			for _, q := range l.Queues() {
				require.NotZero(t, q.Index)
			}
		})
	}
}

// What does not react to drops stays above the target, so CoDel drops by its control law (RFC 8289, 5.4): the first
// packet an interval after the delay reached the target, and then one after interval/sqrt(1), interval/sqrt(2), and so
// on. Here all packets come at once, and the rate lets one of 46 bytes go each 0.368 ms.
func TestCoDelDropsByItsControlLaw(t *testing.T) {
	const (
		n        = 1500
		service  = datagram * 8 / 1000.0 // ms
		interval = 100.0
		bucket   = longest / datagram // packets that pass at once
	)
	for _, discipline := range []string{"codel", "fq_codel"} {
		t.Run(discipline, func(t *testing.T) {
			l := newLab(t, ", rate: 1mbit, queue: 5000, discipline: "+discipline)
			d := l.datagrams(t, false)
			d.send(t, n)
			_, because := l.receipts(t)
			require.Empty(t, because)
			missing := gaps(d.received(t), n)
			require.NotEmpty(t, missing)
			first := bucket + (5+interval)/service // delay reaches 5 ms, then an interval goes by
			require.InDelta(t, first, missing[0], first*0.1, "sending takes a while, too")

			// For 1/sqrt(k) the kernel takes one of Newton's steps from the last one (codel_Newton_step in
			// include/net/codel_impl.h): 1, 0.5, 0.5625, 0.498 and so on.
			var want []float64
			for at, k, root := float64(missing[0]), 1.0, 1.0; at < n; root *= (3 - k*root*root) / 2 {
				want = append(want, at)
				at += interval*root/service + 1 // those served until then, and the one dropped itself
				k++
			}
			require.Len(t, missing, len(want), "%v, want %v", missing, want)
			for i := range want {
				require.InDelta(t, want[i], missing[i], 3, "drop %d of %v", i, missing)
			}
		})
	}
}

// gaps are the numbers below n that are not in a list.
func gaps(list []int, n int) (missing []int) {
	there := make([]bool, n)
	for _, i := range list {
		there[i] = true
	}
	for i, ok := range there {
		if !ok {
			missing = append(missing, i)
		}
	}
	return missing
}

// What a discipline says that it has marked is what arrives with CE. Packets that allow it come a quarter faster than
// the rate lets them go: pie decides as they come, by the delay of the last 15 ms, and marks by chance while that
// chance is below a tenth. It gets there slowly this way, and marks 15 to 21 packets.
func TestMarksAreThoseThatArrive(t *testing.T) {
	const (
		batches, batch = 600, 10
		gap            = batch * datagram * 8 * 1000 * 4 / 5 // ns at 1 Mbit/s
		ect0, ce       = 2, 3
	)
	for _, discipline := range []string{
		"queue: 5000, discipline: {codel: {ecn: true}}", "queue: 5000, discipline: fq_codel",
		"queue: 5000, discipline: {pie: {ecn: true}}", "queue: 5000, discipline: {fq_pie: {ecn: true}}",
		"queue-bytes: 200kB, discipline: {red: {ecn: true, probability: 10%}}", "discipline: cake",
	} {
		t.Run(discipline, func(t *testing.T) {
			l := newLab(t, ", rate: 1mbit, "+discipline)
			d := l.datagrams(t, false)
			require.NoError(t, unix.SetsockoptInt(d.from, unix.IPPROTO_IP, unix.IP_TOS, ect0))
			require.NoError(t, unix.SetsockoptInt(d.to, unix.IPPROTO_IP, unix.IP_RECVTOS, 1))
			for i, start := int64(0), clock(t); i < batches; i++ {
				await(t, start+i*gap)
				d.send(t, batch)
			}
			_, because := l.receipts(t)
			require.Empty(t, because)
			arrived, marked := 0, int64(0)
			for payload, control := make([]byte, 16), make([]byte, 128); ; arrived++ {
				_, size, _, _, err := unix.Recvmsg(d.to, payload, control, 0)
				if err == unix.EAGAIN {
					break
				}
				require.NoError(t, err)
				list, err := unix.ParseSocketControlMessage(control[:size])
				require.NoError(t, err)
				i := slices.IndexFunc(list, func(m unix.SocketControlMessage) bool { return m.Header.Level == unix.IPPROTO_IP })
				require.GreaterOrEqual(t, i, 0, "the TOS comes besides a time stamp")
				if list[i].Data[0]&3 == ce {
					marked++
				}
			}
			require.Positive(t, marked)
			queues := l.Queues()
			counts := make([]int64, len(queues))
			require.NoError(t, l.Marked(queues, counts))
			require.Equal(t, []int64{marked, 0}, counts)
			link := l.Links()[0]
			require.Equal(t, marked, link.Counters["ecn_mark"]+link.Counters["marked"])
			require.EqualValues(t, batches*batch-arrived, link.LostInQueue)
		})
	}
}
