package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// packet is one of a capture.
type packet struct {
	at   int64 // ns since 1970
	link uint32
	data []byte // valid until the next one
	ok   bool   // false if what holds it makes no sense
}

// blockLimit is the longest packet or block: four times the largest snapshot length of tcpdump.
const blockLimit = 1 << 20

// packets hands out the packets of a capture in the order of the file.
func packets(r io.Reader, each func(packet) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	magic, err := beginning(in, 4)
	if err != nil {
		return err
	}
	// draft-ietf-opsawg-pcap, section 4: the magic number says the byte order and the unit of time.
	switch {
	case binary.LittleEndian.Uint32(magic) == 0xa1b2c3d4:
		err = classic(in, binary.LittleEndian, 1000, each)
	case binary.LittleEndian.Uint32(magic) == 0xa1b23c4d:
		err = classic(in, binary.LittleEndian, 1, each)
	case binary.BigEndian.Uint32(magic) == 0xa1b2c3d4:
		err = classic(in, binary.BigEndian, 1000, each)
	case binary.BigEndian.Uint32(magic) == 0xa1b23c4d:
		err = classic(in, binary.BigEndian, 1, each)
	case binary.LittleEndian.Uint32(magic) == sectionHeader: // reads the same both ways
		err = blocks(in, each)
	default:
		return ErrNotCapture
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // it was cut, as captures are whose tcpdump was killed
	}
	return err
}

// beginning returns the first bytes of a file, which remain to be read.
func beginning(in *bufio.Reader, size int) ([]byte, error) {
	b, err := in.Peek(size)
	if errors.Is(err, io.EOF) {
		return nil, ErrNotCapture
	}
	return b, err
}

func classic(in *bufio.Reader, order binary.ByteOrder, unit int64, each func(packet) error) error {
	head, err := beginning(in, 24)
	if err != nil {
		return err
	}
	link := order.Uint32(head[20:]) & 0xffff // above are the length of a checksum, and zeros
	if _, err := in.Discard(len(head)); err != nil {
		return err
	}
	var buffer []byte
	for {
		var record [16]byte
		if _, err := io.ReadFull(in, record[:]); err != nil {
			return err
		}
		size := order.Uint32(record[8:])
		if size > blockLimit {
			_ = each(packet{}) // nothing after it can be found
			return nil
		}
		var err error
		if buffer, err = fill(in, buffer, size); err != nil {
			return err
		}
		at := int64(order.Uint32(record[:]))*1e9 + int64(order.Uint32(record[4:]))*unit
		if err := each(packet{at, link, buffer, true}); err != nil {
			return err
		}
	}
}

// Types of blocks of pcapng (draft-ietf-opsawg-pcapng, section 4).
const (
	sectionHeader  = 0x0a0d0d0a
	interfaceBlock = 1
	obsoletePacket = 2
	simplePacket   = 3 // without a time
	enhancedPacket = 6
)

// byteOrder is the number by which a section tells its own.
const byteOrder = 0x1a2b3c4d

// interfaces is what pcapng says of an interface: its link, and how many ticks of its time are a second.
type interfaces struct {
	link  uint32
	ticks uint64
}

func blocks(in *bufio.Reader, each func(packet) error) error {
	var order binary.ByteOrder = binary.LittleEndian
	var known []interfaces
	var buffer []byte
	head, err := beginning(in, 28) // as long as a section header is at least
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head[8:]) != byteOrder && binary.BigEndian.Uint32(head[8:]) != byteOrder {
		return ErrNotCapture
	}
	for {
		head, err := in.Peek(12)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(head) == sectionHeader {
			known, order = nil, binary.LittleEndian
			if binary.BigEndian.Uint32(head[8:]) == byteOrder {
				order = binary.BigEndian
			}
		}
		kind, size := order.Uint32(head), order.Uint32(head[4:])
		if size < 12 || size%4 != 0 || size > blockLimit {
			_ = each(packet{})
			return nil
		}
		if buffer, err = fill(in, buffer, size); err != nil {
			return err
		}
		body := buffer[8 : size-4]
		switch {
		case kind == interfaceBlock && len(body) >= 8 && len(known) < 1<<16:
			known = append(known, interfaces{uint32(order.Uint16(body)), resolution(order, body[8:])})
		case kind == enhancedPacket:
			if err := each(enhanced(order, known, body)); err != nil {
				return err
			}
		case kind == obsoletePacket || kind == simplePacket:
			if err := each(packet{}); err != nil {
				return err
			}
		}
	}
}

func enhanced(order binary.ByteOrder, known []interfaces, body []byte) packet {
	if len(body) < 20 {
		return packet{}
	}
	number, size := order.Uint32(body), order.Uint32(body[12:])
	if int64(number) >= int64(len(known)) || int64(size) > int64(len(body)-20) {
		return packet{}
	}
	i := known[number]
	ticks := new(big.Int).SetUint64(uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:])))
	at := ticks.Mul(ticks, big.NewInt(1e9)).Div(ticks, new(big.Int).SetUint64(i.ticks))
	if !at.IsInt64() || at.Int64() > 1<<62 {
		return packet{}
	}
	return packet{at.Int64(), i.link, body[20 : 20+size], true}
}

// resolution reads the option if_tsresol; without it, ticks are microseconds.
func resolution(order binary.ByteOrder, options []byte) uint64 {
	const tsresol = 9
	for len(options) >= 4 {
		code, size := order.Uint16(options), int(order.Uint16(options[2:]))
		if code == 0 || size > len(options)-4 {
			break
		}
		if code == tsresol && size == 1 {
			n := options[4]
			switch power := n & 0x7f; {
			case n&0x80 != 0 && power < 63:
				return 1 << power
			case n&0x80 == 0 && power < 19:
				return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(power)), nil).Uint64()
			}
		}
		options = options[min(len(options), 4+(size+3)/4*4):]
	}
	return 1e6
}

// fill reads so many bytes into a buffer that may be too small.
func fill(in io.Reader, buffer []byte, size uint32) ([]byte, error) {
	if uint32(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	if _, err := io.ReadFull(in, buffer); err != nil {
		return buffer, fmt.Errorf("read packet: %w", err)
	}
	return buffer, nil
}
