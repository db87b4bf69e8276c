package cross

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Blocks of a pcapng file (draft-ietf-opsawg-pcapng, 4): each begins with its type and its length, and ends with
// its length.
const (
	sectionHeader        = 0x0a0d0d0a
	interfaceDescription = 1
	enhancedPacket       = 6
	byteOrder            = 0x1a2b3c4d
	optionName           = 2 // of an interface
)

// split keeps of a capture the packets of some interfaces, and everything that is no packet. Nothing is
// dissected: a tool that filters what it dissects has let its analysis of TCP see all packets before.
func split(capture []byte, keep func(point string) bool) ([]byte, error) {
	var out []byte
	var kept []bool // by the interface's number
	for at := 0; at < len(capture); {
		rest := capture[at:]
		if len(rest) < 12 {
			return nil, fmt.Errorf("split a capture: a block of %d bytes at %d", len(rest), at)
		}
		kind, size := binary.LittleEndian.Uint32(rest), int(binary.LittleEndian.Uint32(rest[4:]))
		if size < 12 || size > len(rest) || size%4 != 0 {
			return nil, fmt.Errorf("split a capture: the block at %d claims %d bytes of %d", at, size, len(rest))
		}
		block := rest[:size]
		at += size
		switch kind {
		case sectionHeader:
			if binary.LittleEndian.Uint32(block[8:]) != byteOrder {
				return nil, fmt.Errorf("split a capture: its byte order is not little endian")
			}
		case interfaceDescription:
			kept = append(kept, keep(interfaceName(block)))
		case enhancedPacket:
			if n := int(binary.LittleEndian.Uint32(block[8:])); n >= len(kept) || !kept[n] {
				continue
			}
		}
		out = append(out, block...)
	}
	return out, nil
}

// interfaceName is the option if_name of an interface's description; empty if it has none.
func interfaceName(block []byte) string {
	const fixed = 16 // type, length, link type, reserved, snap length
	for options := block[min(fixed, len(block)-4) : len(block)-4]; len(options) >= 4; {
		code, size := binary.LittleEndian.Uint16(options), int(binary.LittleEndian.Uint16(options[2:]))
		if options = options[4:]; size > len(options) {
			return ""
		}
		if code == optionName {
			return string(bytes.TrimRight(options[:size], "\x00"))
		}
		options = options[min((size+3)&^3, len(options)):]
	}
	return ""
}
