package fault

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// connections are a flow that a scenario names: all TCP and UDP between any address of one node
// and a port of any address of another, both ways. A nil one is all packets there are.
type connections struct {
	from, to []netip.Addr // those who open connections, and those who accept them
	port     int          // 0 for all
}

// newConnections are those of the flow with this name.
func newConnections(s *scenario.Scenario, name string) (*connections, error) {
	f := s.Flows[name]
	if f == nil {
		return nil, fmt.Errorf("no flow %q", name)
	}
	l, err := layout.Plan(s)
	if err != nil {
		return nil, err
	}
	c := &connections{port: f.Port}
	for _, link := range l.Links {
		for _, end := range link.Ends {
			for _, a := range []netip.Prefix{end.Addr4, end.Addr6} {
				if !a.IsValid() {
					continue
				}
				switch l.Nodes[end.Node].Name {
				case f.From:
					c.from = append(c.from, a.Addr())
				case f.To:
					c.to = append(c.to, a.Addr())
				}
			}
		}
	}
	return c, nil
}

// of lists the addresses of an IP version.
func of(list []netip.Addr, version int) (some []netip.Addr) {
	for _, a := range list {
		if a.Is4() == (version == 4) {
			some = append(some, a)
		}
	}
	return some
}

// has reports whether both nodes have addresses of an IP version.
func (c *connections) has(version int) bool {
	return c == nil || len(of(c.from, version)) > 0 && len(of(c.to, version)) > 0
}

// Directions within connections.
const (
	thither = 1 // from the node that opens them
	back    = 2
)

// direct4 notes the direction of an IPv4 packet, whose header is on the stack, or jumps to "pass" if it is not between
// the two nodes.
func (c *connections) direct4(a *assembler) {
	c.direct(a, 4, func(field int16, addr netip.Addr, found string, _ string) {
		b := addr.As4()
		a.Add(at(asm.R1, field, asm.Word), asm.JEq.Imm32(asm.R1, int32(binary.LittleEndian.Uint32(b[:])), found))
	}, 12, 16)
}

// direct6 does so for IPv6.
func (c *connections) direct6(a *assembler) {
	c.direct(a, 6, func(field int16, addr netip.Addr, found, next string) {
		b := addr.As16()
		for i, to := range []string{next, found} {
			word := binary.LittleEndian.Uint64(b[8*i:])
			a.Add(at(asm.R1, field+int16(8*i), asm.DWord), asm.LoadImm(asm.R2, asInt64(word), asm.DWord))
			if to == next {
				a.Add(asm.JNE.Reg(asm.R1, asm.R2, next))
			} else {
				a.Add(asm.JEq.Reg(asm.R1, asm.R2, found))
			}
		}
		a.Label(next)
	}, 8, 24)
}

// direct compares the addresses at two fields of the header with those of the nodes. The function
// equal jumps to found if a field is an address; it may use the label next for what follows.
func (c *connections) direct(a *assembler, version int, equal func(field int16, addr netip.Addr, found, next string),
	source, target int16) {
	if c == nil {
		return
	}
	n := 0
	among := func(field int16, list []netip.Addr, found string) {
		for _, addr := range of(list, version) {
			n++
			equal(field, addr, found, fmt.Sprint("other", version, ".", n))
		}
	}
	name := func(s string) string { return fmt.Sprint(s, version) }
	among(source, c.from, name("source"))
	among(source, c.to, name("answer"))
	a.Add(asm.Ja.Label("pass"))
	a.Label(name("source"))
	among(target, c.to, name("forth"))
	a.Add(asm.Ja.Label("pass"))
	a.Label(name("answer"))
	among(target, c.from, name("back"))
	a.Add(asm.Ja.Label("pass"))
	a.Label(name("forth"))
	a.Add(asm.Mov.Imm(asm.R1, thither), asm.Ja.Label(name("way")))
	a.Label(name("back"))
	a.Add(asm.Mov.Imm(asm.R1, back))
	a.Label(name("way"))
	a.Add(asm.StoreMem(asm.RFP, stackDirection, asm.R1, asm.DWord))
}
