package netem

import (
	"errors"

	"golang.org/x/sys/unix"
)

// attribute is one struct rtattr with its flags taken off the type.
type attribute struct {
	kind  uint16
	value []byte
}

// attributes splits b. The netlink library's own splitter panics when the last
// attribute lacks its padding.
func attributes(b []byte) ([]attribute, error) {
	var list []attribute
	for len(b) >= unix.SizeofRtAttr {
		size := int(order.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return nil, errors.New("attribute with a wrong length")
		}
		kind := order.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		list = append(list, attribute{kind, b[unix.SizeofRtAttr:size]})
		b = b[min((size+3)&^3, len(b)):]
	}
	return list, nil
}
