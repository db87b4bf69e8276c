package netem

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Attribute is one struct rtattr with its flags taken off the type.
type Attribute struct {
	Kind  uint16
	Value []byte
}

// Attributes splits b. The netlink library's own splitter panics when the last
// attribute lacks its padding.
func Attributes(b []byte) ([]Attribute, error) {
	var list []Attribute
	for len(b) >= unix.SizeofRtAttr {
		size := int(order.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return nil, errors.New("attribute with a wrong length")
		}
		kind := order.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		list = append(list, Attribute{kind, b[unix.SizeofRtAttr:size]})
		b = b[min((size+3)&^3, len(b)):]
	}
	return list, nil
}
