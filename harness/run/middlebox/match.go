package middlebox

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Offsets in a header of TCP or UDP (RFC 9293, RFC 768).
const (
	sourcePort      = 0
	destinationPort = 2
	tcpFlags        = 13
)

// register is the one that all comparisons use.
const register = 1

func load(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
}

func compare(op expr.CmpOp, data []byte) expr.Any {
	return &expr.Cmp{Op: op, Register: register, Data: data}
}

// device matches the device by which a packet came or leaves.
func device(key expr.MetaKey, index int) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: register},
		compare(expr.CmpOpEq, binary.NativeEndian.AppendUint32(nil, uint32(index)))}
}

// state matches what the table of connections says of a packet.
func state(s scenario.ConnState) []expr.Any {
	bit := map[scenario.ConnState]uint32{scenario.StateNew: expr.CtStateBitNEW,
		scenario.StateEstablished: expr.CtStateBitESTABLISHED, scenario.StateRelated: expr.CtStateBitRELATED,
		scenario.StateInvalid: expr.CtStateBitINVALID, scenario.StateUntracked: expr.CtStateBitUNTRACKED}[s]
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4,
			Mask: binary.NativeEndian.AppendUint32(nil, bit), Xor: make([]byte, 4)},
		compare(expr.CmpOpNeq, make([]byte, 4)),
	}
}

// pair are the addresses that a packet comes from and goes to; one that is invalid is any.
type pair struct{ from, to netip.Addr }

// addressesOf are a node's addresses, or any if there is no node.
func (b *box) addressesOf(node string) []netip.Addr {
	if node == "" {
		return []netip.Addr{{}}
	}
	return b.addresses(node)
}

// pairs are all combinations that a packet can have.
func pairs(from, to []netip.Addr) (list []pair) {
	for _, f := range from {
		for _, t := range to {
			if !f.IsValid() || !t.IsValid() || f.Is4() == t.Is4() {
				list = append(list, pair{f, t})
			}
		}
	}
	return list
}

// family of the addresses: 4, 6, or 0 for any.
func (p pair) family() int {
	for _, a := range []netip.Addr{p.from, p.to} {
		switch {
		case a.Is4():
			return 4
		case a.Is6():
			return 6
		}
	}
	return 0
}

// match matches the addresses.
func (p pair) match() []expr.Any {
	list := family(p.family())
	for i, a := range []netip.Addr{p.from, p.to} {
		switch {
		case a.Is4(): // RFC 791
			list = append(list, load(expr.PayloadBaseNetworkHeader, uint32(12+4*i), 4))
		case a.Is6(): // RFC 8200
			list = append(list, load(expr.PayloadBaseNetworkHeader, uint32(8+16*i), 16))
		default:
			continue
		}
		list = append(list, compare(expr.CmpOpEq, a.AsSlice()))
	}
	return list
}

// family matches packets of IPv4 or IPv6; 0 is both.
func family(version int) []expr.Any {
	if version == 0 {
		return nil
	}
	proto := map[int]byte{4: unix.NFPROTO_IPV4, 6: unix.NFPROTO_IPV6}[version]
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}, compare(expr.CmpOpEq, []byte{proto})}
}

// protocols are the alternatives by which a class of packets is matched, without flags: one for each protocol that it
// may be.
func protocols(class scenario.Packets, version int, ports bool) (list [][]expr.Any) {
	is := func(version int, protocol byte) {
		list = append(list, append(family(version),
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, compare(expr.CmpOpEq, []byte{protocol})))
	}
	switch {
	case class.TCP():
		is(0, unix.IPPROTO_TCP)
	case class == scenario.UDPPacket:
		is(0, unix.IPPROTO_UDP)
	case class == scenario.ICMPPacket:
		if version != 6 {
			is(4, unix.IPPROTO_ICMP)
		}
		if version != 4 {
			is(6, unix.IPPROTO_ICMPV6)
		}
	case ports:
		is(0, unix.IPPROTO_TCP)
		is(0, unix.IPPROTO_UDP)
	default:
		list = append(list, nil)
	}
	return list
}

// flags matches those of TCP that a class has.
func flags(class scenario.Packets) []expr.Any {
	const fin, syn, rst, ack = 0x01, 0x02, 0x04, 0x10
	var mask, value byte
	switch class {
	case scenario.SYN:
		mask, value = syn|ack, syn
	case scenario.SYNACK:
		mask, value = syn|ack, syn|ack
	case scenario.FIN:
		mask, value = fin, fin
	case scenario.RST:
		mask, value = rst, rst
	default:
		return nil
	}
	return []expr.Any{
		load(expr.PayloadBaseTransportHeader, tcpFlags, 1),
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
		compare(expr.CmpOpEq, []byte{value}),
	}
}

// ports matches a port of TCP or UDP, that stands at offset.
func ports(offset uint32, p scenario.Ports) []expr.Any {
	first, last, ok := p.Range()
	if !ok {
		return nil
	}
	list := []expr.Any{load(expr.PayloadBaseTransportHeader, offset, 2)}
	if first == last {
		return append(list, compare(expr.CmpOpEq, port(first)))
	}
	return append(list, compare(expr.CmpOpGte, port(first)), compare(expr.CmpOpLte, port(last)))
}

// port is a port as it stands in a header.
func port(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// verdict is what a rule of the firewall does, as nft writes it for the family inet.
func verdict(v scenario.Verdict) []expr.Any {
	switch v {
	case scenario.Accept:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	case scenario.Drop:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	case scenario.SendRST:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
	case scenario.Unreachable:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}}
	case scenario.Prohibited:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}
	}
	return nil // count
}
