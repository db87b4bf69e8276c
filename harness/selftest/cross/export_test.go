package cross

import (
	"encoding/binary"
	"slices"
)

// blocks calls f with each packet's block and its point.
func blocks(capture []byte, f func(point string, at, size int)) {
	var points []string
	for at := 0; at < len(capture); {
		size := int(binary.LittleEndian.Uint32(capture[at+4:]))
		switch binary.LittleEndian.Uint32(capture[at:]) {
		case interfaceDescription:
			points = append(points, interfaceName(capture[at:at+size]))
		case enhancedPacket:
			f(points[binary.LittleEndian.Uint32(capture[at+8:])], at, size)
		}
		at += size
	}
}

// PointsOf counts the packets at each point of a capture that has some.
func PointsOf(capture []byte) map[string]int {
	count := map[string]int{}
	blocks(capture, func(point string, _, _ int) { count[point]++ })
	return count
}

// middle finds the packet in the middle of those at a point.
func middle(capture []byte, point string) (at, size int) {
	n := PointsOf(capture)[point] / 2
	blocks(capture, func(p string, a, s int) {
		if p == point {
			if n == 0 {
				at, size = a, s
			}
			n--
		}
	})
	return at, size
}

// Without returns a capture less one packet at a point.
func Without(capture []byte, point string) []byte {
	at, size := middle(capture, point)
	return slices.Delete(slices.Clone(capture), at, at+size)
}

// Damaged returns a capture in which a bit of one packet at a point is another, in its last byte.
func Damaged(capture []byte, point string) []byte {
	at, _ := middle(capture, point)
	length := int(binary.LittleEndian.Uint32(capture[at+20:]))
	changed := slices.Clone(capture)
	changed[at+28+length-1] ^= 1
	return changed
}
