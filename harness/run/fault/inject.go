package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/actor"
	"github.com/ruleout/ruleout/harness/run/forge"
	"github.com/ruleout/ruleout/harness/scenario"
)

// forgedMark is put on packets that were forged. The boundary after the stage counts them for themselves before it
// takes the mark off. The numbers of captured packets leave the lowest bit alone.
const forgedMark = 1<<30 | 1

// injector carries out one fault that injects segments: when its time comes it reads what the trackers have written
// down, and sends the segments out on the devices where the trackers stand.
type injector struct {
	fault *scenario.Fault
	flow  *scenario.Flow
	named *connections // the flow's
	times []scenario.Span
	table *ebpf.Map
	doors [2]*door // by the side of the link from which packets come

	actor *actor.Actor // once it is armed
	// What it did; to be read once the actor is stopped.
	rounds          int
	late            time.Duration // the most, of the first segment of a round
	matched, chosen int64
	sent            [2]int64 // by side
	forged          []result.Forged
	trouble         result.Reasons // without places
}

// mostForged is how many different forged segments a receipt lists.
const mostForged = 1000

// newInjector prepares fault i. The caller closes its table.
func newInjector(s *scenario.Scenario, i int) (*injector, error) {
	f := &s.Faults[i]
	in := &injector{fault: f, flow: s.Flows[f.Do.Inject.Flow]}
	var err error
	if in.named, err = newConnections(s, f.Do.Inject.Flow); err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("fault %s: %w", f.Name, err), "")
	}
	in.times, _ = f.Spans(s.Duration, mostRounds)
	in.table, err = newTable()
	return in, bpfError(err)
}

// mostRounds is how often one fault may inject; scenarios have fewer repetitions than that.
const mostRounds = 1 << 20

// door is where forged packets enter a path: a device of the wire.
type door struct {
	fd     int
	device unix.SockaddrLinklayer
}

// openDoor opens one on the device with this index; the calling thread is in its namespace.
func openDoor(index int) (*door, error) {
	// Protocol 0 receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, unix.EAFNOSUPPORT) {
			err = unix.EOPNOTSUPP
		}
		return nil, missing(fmt.Errorf("open packet socket: %w", err), "packet sockets", "af_packet")
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, forgedMark); err != nil {
		return nil, errors.Join(missing(fmt.Errorf("mark forged packets: %w", err), "", ""), unix.Close(fd))
	}
	return &door{fd: fd, device: unix.SockaddrLinklayer{Ifindex: index}}, nil
}

func (d *door) send(frame []byte) error {
	d.device.Protocol = binary.NativeEndian.Uint16(frame[12:])
	return unix.Sendto(d.fd, frame, 0, &d.device)
}

func (d *door) Close() error { return unix.Close(d.fd) }

// arm sets the alarm for all times to come. start is that of the measured window, on CLOCK_MONOTONIC.
func (in *injector) arm(start int64) (err error) {
	in.actor, err = actor.New(func(a *actor.Alarm) error { return in.act(a, start) })
	return err
}

// act injects at all times to come, until the alarm is cancelled.
func (in *injector) act(a *actor.Alarm, start int64) error {
	for _, t := range in.times {
		if rang, err := a.Await(start + int64(t.From)); err != nil || !rang {
			return err
		}
		if err := in.inject(start, time.Duration(t.From)); err != nil {
			return err
		}
		in.rounds++
	}
	return nil
}

// inject carries out one round: forges all segments from what is known now, then sends them.
func (in *injector) inject(start int64, planned time.Duration) error {
	open, err := readConnections(in.table, in.named)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		in.trouble.Add(result.NoConnection, "", "the flow %s had no open connection at %v", in.fault.Do.Inject.Flow, planned)
	}
	in.matched += int64(len(open))
	open = open[:min(len(open), in.fault.Do.Inject.Connections)]
	in.chosen += int64(len(open))
	first := true
	for i := range open {
		c := &open[i]
		for _, s := range in.fault.Do.Inject.Segments {
			d := 0 // towards the end that accepted the connection
			if s.To == in.flow.From {
				d = 1
			}
			flags, err := s.TCPFlags()
			if err != nil {
				return err
			}
			g := c.segment(d, s.Seq, s.Ack, flags, int(s.Payload))
			if why := disguise(g, &s); why != "" {
				in.trouble.Add(result.NoTimestamps, "", "%s", why)
				continue
			}
			frame := g.Frame()
			now, err := monotonic()
			if err != nil {
				return err
			}
			at := time.Duration(now - start)
			if first {
				in.late, first = max(in.late, at-planned), false
			}
			for range s.Count {
				if err := in.doors[c[d].side].send(frame); err != nil {
					return fmt.Errorf("send a forged segment to %s: %w", g.To, err)
				}
				in.sent[c[d].side]++
			}
			if len(in.forged) < mostForged {
				in.forged = append(in.forged, result.Forged{
					At: at.Seconds(), From: g.From.String(), To: g.To.String(),
					Seq: g.Seq, Ack: g.Ack, Flags: s.Flags, Payload: g.Payload, Count: s.Count,
				})
			}
		}
	}
	return nil
}

// disguise gives a segment what the scenario says of its window and its age. It says why it cannot.
func disguise(g *forge.Segment, s *scenario.Segment) string {
	if s.Window != nil {
		g.Window = uint16(*s.Window)
	}
	if s.Age == 0 {
		return ""
	}
	if g.Timestamps == nil {
		return fmt.Sprintf("no segment from %s to %s can be %v old: the connection has no timestamps", g.From, g.To, s.Age)
	}
	g.Timestamps.Value -= uint32(time.Duration(s.Age) / time.Millisecond) // which is what Linux counts them in
	return ""
}
