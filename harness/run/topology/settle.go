package topology

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settle reads the network back and returns when it is as it was asked to be.
//
// Most of it is there at once. Two things the kernel does later, from a work queue: a
// device whose other side came up after it is only then given its queue
// (linkwatch_do_dev), and drops what is sent before; an IPv6 address is only then given
// its local route (addrconf_dad_completed), and is not answered for before.
func (b *builder) settle(ctx context.Context) error {
	limit := time.Now().Add(patience)
	for i, n := range b.spaces() {
		check := func() (string, error) { return checkDevices(n) }
		if i < len(b.nodes) {
			check = func() (string, error) {
				missing, err := checkDevices(n)
				if missing != "" || err != nil {
					return missing, err
				}
				return b.checkRoutes(i)
			}
		}
		for try := 0; ; try++ {
			missing, err := check()
			if overflowed(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read %s back: %w", n.Name, err)
			}
			if missing == "" {
				break
			}
			// Look once more after subscribing, so that no change goes unseen in between.
			if try == 0 {
				err = n.route.subscribe(unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
			} else {
				err = n.route.await(ctx, limit)
			}
			if err != nil {
				return fmt.Errorf("wait for %s on %s: %w", missing, n.Name, err)
			}
		}
	}
	return nil
}

// ifOperUp is IF_OPER_UP of include/uapi/linux/if.h.
const ifOperUp = 6

// checkDevices says which of a namespace's devices is not ready yet, or what is wrong with one.
func checkDevices(n *Node) (missing string, err error) {
	type want struct {
		name string
		mac  []byte
		mtu  int
	}
	wants := make(map[int32]want)
	for _, e := range n.ends {
		if n.wire() {
			wants[int32(e.WireIndex)] = want{e.WireDevice, e.WireMAC, e.MTU}
		} else {
			wants[int32(e.Index)] = want{e.Device, e.MAC, e.MTU}
		}
	}
	err = n.route.dump("devices", unix.RTM_GETLINK, nl.NewIfInfomsg(unix.AF_UNSPEC), func(body []byte) error {
		if len(body) < unix.SizeofIfInfomsg {
			return fmt.Errorf("short device message")
		}
		info := nl.DeserializeIfInfomsg(body)
		w, ok := wants[info.Index]
		if !ok {
			return nil // lo, and what kernel modules put into every namespace, such as sit0
		}
		delete(wants, info.Index)
		attrs, err := nl.ParseRouteAttrAsMap(body[unix.SizeofIfInfomsg:])
		if err != nil {
			return err
		}
		u32 := func(key uint16) uint32 {
			if v := attrs[key].Value; len(v) >= 4 {
				return binary.NativeEndian.Uint32(v)
			}
			return 0
		}
		text := func(key uint16) string { return unix.ByteSliceToString(attrs[key].Value) }
		switch {
		case text(unix.IFLA_IFNAME) != w.name:
			return fmt.Errorf("device %d is %s, not %s", info.Index, text(unix.IFLA_IFNAME), w.name)
		case u32(unix.IFLA_MTU) != uint32(w.mtu):
			return fmt.Errorf("%s: asked for MTU %d, the kernel says %d", w.name, w.mtu, u32(unix.IFLA_MTU))
		case !bytes.Equal(attrs[unix.IFLA_ADDRESS].Value, w.mac):
			return fmt.Errorf("%s: asked for address %x, the kernel says %x", w.name, w.mac, attrs[unix.IFLA_ADDRESS].Value)
		case info.Flags&unix.IFF_NOARP == 0 || info.Flags&unix.IFF_MULTICAST != 0:
			return fmt.Errorf("%s: flags %#x, with ARP or multicast", w.name, info.Flags)
		}
		state := attrs[unix.IFLA_OPERSTATE].Value
		if info.Flags&unix.IFF_UP == 0 || len(state) != 1 || state[0] != ifOperUp || text(unix.IFLA_QDISC) != "noqueue" {
			missing = w.name
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for _, w := range wants {
		return "", fmt.Errorf("%s is not there", w.name)
	}
	return missing, nil
}

// checkRoutes says which route of a node is not there yet: static ones, and those by which
// the node answers for its addresses.
func (b *builder) checkRoutes(node int) (missing string, err error) {
	n, layout := b.nodes[node], b.layout.Nodes[node]
	type key struct {
		to   netip.Prefix
		kind uint8
	}
	wants := make(map[key]bool)
	for _, e := range n.ends {
		for _, a := range []netip.Prefix{e.Addr4, e.Addr6} {
			if !a.IsValid() {
				continue
			}
			wants[key{netip.PrefixFrom(a.Addr(), a.Addr().BitLen()), unix.RTN_LOCAL}] = true
		}
	}
	for _, r := range layout.Routes {
		wants[key{r.To, unix.RTN_UNICAST}] = true
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		msg := nl.NewRtMsg()
		msg.Family = uint8(family)
		err := n.route.dump("routes", unix.RTM_GETROUTE, msg, func(body []byte) error {
			if len(body) < unix.SizeofRtMsg {
				return fmt.Errorf("short route message")
			}
			rt := nl.DeserializeRtMsg(body)
			attrs, err := nl.ParseRouteAttrAsMap(body[unix.SizeofRtMsg:])
			if err != nil {
				return err
			}
			if addr, ok := netip.AddrFromSlice(attrs[unix.RTA_DST].Value); ok {
				delete(wants, key{netip.PrefixFrom(addr, int(rt.Dst_len)), rt.Type})
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	for k := range wants {
		missing = max(missing, "a route to "+k.to.String())
	}
	return missing, nil
}
