package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// seedNetems gives the netems that draw random numbers streams that depend on the run's seed.
//
// Since Linux 6.6 each netem has a stream of its own (4072d97ddc44, "netem: add prng attribute to
// netem_sched_data"), and here each gets a seed by the fault's name, the direction and the step of a ramp. So one
// fault's stream does not depend on whether another is on. netem's own loss models and jitter then repeat,
// packet by packet, as long as the packets that come are the same.
//
// Before, all netems draw from one stream with the rest of the kernel. From 5.19 on, that is the
// kernel's random generator, which a clone reseeds as it wakes. Up to 5.18 it is prandom_u32, which is
// told nothing by that; but it gets each address that an interface gets, see stirPrandom.
//
// A discipline of a link that draws random numbers draws from the kernel's stream, on all kernels.
//
// A change must not come between packets of the fault: loss models begin again by it. It comes
// before the first.
func (w *Wires) seedNetems(seed uint64) error {
	for link, wire := range w.wires {
		list, err := wire.conn.List()
		if err != nil {
			return fmt.Errorf("seed netem: wire %s: %w", wire.name, err)
		}
		seeds, shared := map[device]uint64{}, false
		for _, s := range list {
			d := device{link, s.Index, s.Handle}
			at, ok := w.devices[d]
			if !ok || at.stage < 0 {
				continue
			}
			st := &w.plan.paths[at.path].stages[at.stage]
			if st.bottleneck != nil && st.bottleneck.Random {
				shared = true
			}
			if st.fault < 0 || !st.netems[at.band].Random() {
				continue
			}
			q := st.netems[at.band]
			q.Table = nil // the table stays as it is
			if s.Netem.Seed == nil {
				shared = true
				// Loss models begin again here too.
				if err := wire.conn.Change(s.Index, s.Handle, s.Parent, q); err != nil {
					return fmt.Errorf("restart netem: %s: %w", &w.plan.paths[at.path], err)
				}
				continue
			}
			own := netemSeed(seed, w.faults[st.fault].Name, w.plan.paths[at.path].from, at.band)
			q.Seed, seeds[d] = &own, own
			if err := wire.conn.Change(s.Index, s.Handle, s.Parent, q); err != nil {
				return fmt.Errorf("seed netem: %s: %w", &w.plan.paths[at.path], err)
			}
		}
		if err := w.verifySeeds(link, seeds); err != nil {
			return err
		}
		if shared {
			if err := wire.stirPrandom(seed); err != nil {
				return err
			}
		}
	}
	return nil
}

// verifySeeds reads back all of a wire's netems that were given seeds.
func (w *Wires) verifySeeds(link int, seeds map[device]uint64) error {
	if len(seeds) == 0 {
		return nil
	}
	list, err := w.wires[link].conn.List()
	if err != nil {
		return fmt.Errorf("seed netem: %w", err)
	}
	for _, s := range list {
		d := device{link, s.Index, s.Handle}
		own, ok := seeds[d]
		if !ok {
			continue
		}
		at := w.devices[d]
		q := w.plan.paths[at.path].stages[at.stage].netems[at.band]
		q.Seed = &own
		if err := s.Verify(&q); err != nil {
			return fmt.Errorf("seed netem: %s: %w", &w.plan.paths[at.path], err)
		}
		delete(seeds, d)
	}
	if len(seeds) > 0 {
		return fmt.Errorf("seed netem: %d of wire %s are gone", len(seeds), w.wires[link].name)
	}
	return nil
}

// netemSeed is what the run's seed is to one netem.
func netemSeed(seed uint64, fault string, side, band int) uint64 {
	b := binary.LittleEndian.AppendUint64([]byte("ruleout/netem/1\x00"), seed)
	h := sha256.Sum256(append(append(b, byte(side), byte(band)), fault...))
	return binary.LittleEndian.Uint64(h[:])
}

// stirPrandom mixes a seed into the state of prandom_u32, on all CPUs. The kernel does so with each
// primary IPv4 address that is added to a device (__inet_insert_ifa calls prandom_seed, up to Linux 5.18;
// later kernels have another stream, to which this does nothing). The device is the wire's loopback device,
// which is down, and the addresses go again.
func (w *wire) stirPrandom(seed uint64) error {
	lo, err := w.handle.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("stir prandom: %w", err)
	}
	h := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("ruleout/prandom/1\x00"), seed))
	for i := range 4 {
		// 127.0.0.0/8, so that no route of the network is in the way, and 24 bits of the seed each.
		ip := net.IPv4(127, h[3*i], h[3*i+1], h[3*i+2])
		a := &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(32, 32)}}
		if err := w.handle.AddrAdd(lo, a); err != nil {
			return fmt.Errorf("stir prandom with %s: %w", ip, err)
		}
		if err := w.handle.AddrDel(lo, a); err != nil {
			return errors.Join(fmt.Errorf("stir prandom: take %s away: %w", ip, err))
		}
	}
	return nil
}
