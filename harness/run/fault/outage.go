package fault

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// An outage is a fault that takes the carrier of a link away: do: down. The devices at the wire's side of both veth
// pairs are set down, by which both nodes' devices lose their carrier (veth_close in drivers/net/veth.c) and their
// nodes are told, as by a cable that is pulled out. What is on the wire's last stretches then is lost, and so is what
// the nodes send meanwhile, before it gets to the wire.
type outage struct {
	// fault and link are indices in the scenario.
	fault, link int

	turns
	down bool
	// before are the carrier losses of both ends' devices before the first time.
	before [2]int64
}

// slowest is how late a link may have gone down, or up: a run in which it took longer is not the one that was asked
// for. The actor wakes within some 0.1 ms, and each of the two devices takes some 0.2 ms, but if a packet is just due
// in a device's qdisc, the kernel sleeps before it closes the device: for one timer tick, which takes up to two, 8 ms
// at 250 Hz (dev_deactivate_many in net/sched/sch_generic.c). What is sent on the device meanwhile is lost already.
const slowest = 20 * time.Millisecond

// begin starts the actor; start is the beginning of the measured window in ns of CLOCK_MONOTONIC.
func (o *outage) begin(l *topology.Link, f *scenario.Fault, start int64) (err error) {
	for side := range 2 {
		if o.before[side], err = carrierLosses(l.Ends[side]); err != nil {
			return err
		}
	}
	return o.turns.begin(f, start, func() error { return o.set(l, false) }, func(due bool) error {
		if !due {
			return nil // it stays down, see mend
		}
		return o.set(l, true)
	})
}

// set brings both of the wire's devices up or down.
func (o *outage) set(l *topology.Link, up bool) error {
	var errs []error
	for _, e := range l.Ends {
		device := &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: e.WireIndex, Name: e.WireDevice}}
		change := l.Wire.Netlink().LinkSetDown
		if up {
			change = l.Wire.Netlink().LinkSetUp
		}
		if err := change(device); err != nil {
			errs = append(errs, fmt.Errorf("set %s/%s %s: %w", l.Wire.Name, e.WireDevice,
				map[bool]string{true: "up", false: "down"}[up], err))
		}
	}
	o.down = !up
	return errors.Join(errs...)
}

// carrierLosses is how often a node's device has lost its carrier, by the kernel's count (IFLA_CARRIER_DOWN_COUNT,
// Linux 4.16).
func carrierLosses(e *topology.End) (int64, error) {
	var count int64
	err := e.Node.Do(func() error {
		r := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
		m := nl.NewIfInfomsg(unix.AF_UNSPEC)
		m.Index = int32(e.Index)
		r.AddData(m)
		answers, err := r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
		if err != nil {
			return err
		}
		for _, a := range answers {
			attrs, err := nl.ParseRouteAttr(a[unix.SizeofIfInfomsg:])
			if err != nil {
				return err
			}
			for _, attr := range attrs {
				if attr.Attr.Type == unix.IFLA_CARRIER_DOWN_COUNT {
					count = int64(nl.NativeEndian().Uint32(attr.Value))
					return nil
				}
			}
		}
		return errors.New("the kernel does not say")
	})
	if err != nil {
		return 0, fmt.Errorf("count carrier losses of %s/%s: %w", e.Node.Name, e.Device, err)
	}
	return count, nil
}

// outageReceipt tells how often the link went down: matched by the schedule, chosen by the actor's own count, delivered
// by what both nodes' kernels counted. In and Out are the packets on the last stretches of both directions: what is
// lost there is put down to it.
func (w *Wires) outageReceipt(o *outage, s snapshot, because *result.Reasons) (r result.Receipt, err error) {
	f, l := &w.faults[o.fault], w.links[o.link]
	say := about(because, "fault "+f.Name)
	r.Name = f.Name
	if o.err != nil {
		return r, fmt.Errorf("fault %s: %w", f.Name, o.err)
	}
	r.Chosen, r.Matched = o.times, w.asked(f, &o.turns)
	var seen [2]int64
	for side, e := range l.Ends {
		n, err := carrierLosses(e)
		if err != nil {
			return r, err
		}
		seen[side] = n - o.before[side]
	}
	r.Delivered = min(seen[0], seen[1])
	for i := range w.plan.paths {
		if p := &w.plan.paths[i]; p.link == o.link {
			n := len(p.stages)
			r.In += s.counters.at(p.boundary(n))
			r.Out += s.counters.at(p.boundary(n + 1))
		}
	}
	switch {
	case r.Matched == 0:
		say(result.FaultDidNotAct, "the fault never acted: the run ended before")
	case r.Chosen != r.Matched:
		say(result.FaultIncomplete, "the link went down %d times, %d were asked for", r.Chosen, r.Matched)
	}
	if seen != [2]int64{r.Chosen, r.Chosen} {
		say(result.DeliveryDiffers, "the link was taken down %d times; %s lost its carrier %d times, %s %d times",
			r.Chosen, l.Ends[0].Node.Name, seen[0], l.Ends[1].Node.Name, seen[1])
	}
	if o.late > slowest {
		say(result.FaultLate, "the link went down or up %v late, the bound is %v", o.late.Round(time.Microsecond),
			slowest)
	}
	if r.Out > r.In {
		say(result.UnexplainedLoss, "%d packets too many after it", r.Out-r.In)
	}
	return r, nil
}

// mend ends all actors and brings links up again that they left down.
func (w *Wires) mend() error {
	errs := []error{w.stopTurns()}
	for _, o := range w.outages {
		if o.down {
			errs = append(errs, o.err, o.set(w.links[o.link], true))
		}
	}
	return errors.Join(errs...)
}

// outageOf returns the outage that a fault is, or nil.
func (w *Wires) outageOf(fault int) *outage {
	for _, o := range w.outages {
		if o.fault == fault {
			return o
		}
	}
	return nil
}

// down reports whether a fault takes this link down.
func (w *Wires) down(link int) bool {
	for _, o := range w.outages {
		if o.link == link {
			return true
		}
	}
	return false
}
