package topology

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// loopback is its index in every namespace (LOOPBACK_IFINDEX in the kernel).
const loopback = 1

// nodeFlags of a node's device.
//
// IFF_NOARP, since all neighbours are known: without it an IPv6 address would join its
// solicited-node group and say so on the wire in an MLD report (addrconf_join_solict in
// net/ipv6/addrconf.c). IFF_MULTICAST is taken away, because a router's device would join
// and report the all-routers groups (ipv6_add_dev and dev_forward_change, ibid.).
const (
	nodeFlags  = unix.IFF_UP | unix.IFF_NOARP
	wireFlags  = unix.IFF_NOARP
	nodeChange = unix.IFF_UP | unix.IFF_NOARP | unix.IFF_MULTICAST
)

// addPair appends the creation of one end's veth pair, both devices in their final
// namespaces, the node's one up. The request goes to the node's namespace; wire is a
// descriptor of the wire's. The wire's device cannot be up yet: a veth that comes into
// being as the second of a pair refuses (veth_open in drivers/net/veth.c: ENOTCONN).
//
// One queue each way: there is nothing to spread, and each queue costs the kernel a handful of sysfs entries.
// The queue length stays at the kernel's 1000: a veth has no queue of its own, but a
// pfifo that is attached later takes its limit from there, and with 0 it would drop everything.
func (b *batch) addPair(e *End, wire int) {
	device := func(name string, index, flags, change int, mac net.HardwareAddr) (*nl.IfInfomsg, []*nl.RtAttr) {
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
		msg.Index, msg.Flags, msg.Change = int32(index), uint32(flags), uint32(change)
		return msg, []*nl.RtAttr{
			nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)),
			nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(e.MTU))),
			nl.NewRtAttr(unix.IFLA_ADDRESS, mac),
			nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1)),
			nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1)),
		}
	}
	peer := nl.NewRtAttr(nl.VETH_INFO_PEER, nil)
	msg, attrs := device(e.WireDevice, e.WireIndex, wireFlags, nodeChange, e.WireMAC)
	peer.AddChild(msg)
	for _, a := range append(attrs, nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(wire)))) {
		peer.AddChild(a)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddChild(peer)

	msg, attrs = device(e.Device, e.Index, nodeFlags, nodeChange, e.MAC)
	data := []nl.NetlinkRequestData{msg}
	for _, a := range append(attrs, info) {
		data = append(data, a)
	}
	b.add(fmt.Sprintf("create veth %s/%s", e.Node.Name, e.Device), unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL,
		data...)
}

// addUp appends bringing a device up.
func (b *batch) addUp(n *Node, device string, index int) {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index, msg.Flags, msg.Change = int32(index), unix.IFF_UP, unix.IFF_UP
	b.add(fmt.Sprintf("set %s/%s up", n.Name, device), unix.RTM_NEWLINK, 0, msg)
}

// addAddress appends an address of a device. Duplicate address detection is off: it would
// send packets and keep the address from being used for a second.
func (b *batch) addAddress(e *End, prefix netip.Prefix) {
	family, ip := familyOf(prefix.Addr())
	msg := nl.NewIfAddrmsg(family)
	msg.Index, msg.Prefixlen = uint32(e.Index), uint8(prefix.Bits())
	data := []nl.NetlinkRequestData{msg,
		nl.NewRtAttr(unix.IFA_LOCAL, ip), nl.NewRtAttr(unix.IFA_ADDRESS, ip)}
	if family == unix.AF_INET6 {
		data = append(data, nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NODAD|unix.IFA_F_PERMANENT)))
	}
	b.add(fmt.Sprintf("add address %s to %s/%s", prefix, e.Node.Name, e.Device), unix.RTM_NEWADDR,
		unix.NLM_F_CREATE|unix.NLM_F_EXCL, data...)
}

// addNeighbour appends the hardware address of the other end.
func (b *batch) addNeighbour(e *End, addr netip.Addr, mac net.HardwareAddr) {
	family, ip := familyOf(addr)
	msg := &netlink.Ndmsg{Family: uint8(family), Index: uint32(e.Index), State: unix.NUD_PERMANENT, Type: unix.RTN_UNICAST}
	b.add(fmt.Sprintf("add neighbour %s to %s/%s", addr, e.Node.Name, e.Device), unix.RTM_NEWNEIGH,
		unix.NLM_F_CREATE|unix.NLM_F_REPLACE,
		msg, nl.NewRtAttr(unix.NDA_DST, ip), nl.NewRtAttr(unix.NDA_LLADDR, mac))
}

// addRoute appends a static route.
func (b *batch) addRoute(n *Node, r layout.Route) {
	family, dst := familyOf(r.To.Addr())
	_, via := familyOf(r.Via)
	msg := nl.NewRtMsg()
	msg.Family, msg.Dst_len, msg.Protocol = uint8(family), uint8(r.To.Bits()), unix.RTPROT_STATIC
	b.add(fmt.Sprintf("add route to %s via %s on %s", r.To, r.Via, n.Name), unix.RTM_NEWROUTE,
		unix.NLM_F_CREATE|unix.NLM_F_EXCL,
		msg, nl.NewRtAttr(unix.RTA_DST, dst), nl.NewRtAttr(unix.RTA_GATEWAY, via),
		nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(r.Index))))
}

func familyOf(a netip.Addr) (int, []byte) {
	if a.Is4() {
		return unix.AF_INET, a.AsSlice()
	}
	return unix.AF_INET6, a.AsSlice()
}
