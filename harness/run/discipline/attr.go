package discipline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
)

var order = binary.NativeEndian

func u32(v uint32) []byte { return order.AppendUint32(nil, v) }
func u64(v uint64) []byte { return order.AppendUint64(nil, v) }

// attr is one attribute of a qdisc's options.
type attr struct {
	kind  uint16
	value []byte
	// same tells whether the kernel has what it was told, by what it answers; nil for one that it does not tell again.
	same func(got []byte) bool
}

// sent is an attribute that the kernel keeps in another form.
func sent(kind uint16, value []byte) attr { return attr{kind: kind, value: value} }

// word is a number that comes back as it went.
func word[T ~int | ~uint32 | ~uint64](kind uint16, v T) attr { return rounded(kind, uint32(v), 0, 0) }

// flag is a number that is 1 or 0.
func flag(kind uint16, on bool) attr {
	if on {
		return word(kind, 1)
	}
	return word(kind, 0)
}

// rounded is a number that the kernel may make smaller or larger by so much.
func rounded(kind uint16, v, less, more uint32) attr {
	return attr{kind, u32(v), func(got []byte) bool {
		if len(got) < 4 {
			return false
		}
		n := int64(order.Uint32(got))
		return n >= int64(v)-int64(less) && n <= int64(v)+int64(more)
	}}
}

// micros is a time in microseconds, which comes back a little shorter.
func micros[T ~int64](kind uint16, d T) attr {
	return rounded(kind, uint32(time.Duration(d)/time.Microsecond), 2, 0)
}

// options is the value of TCA_OPTIONS.
func (l *level) options() []byte {
	b := bytes.Clone(l.head)
	for _, a := range l.attrs {
		size := unix.SizeofRtAttr + len(a.value)
		b = order.AppendUint16(b, uint16(size))
		b = order.AppendUint16(b, a.kind)
		b = append(b, a.value...)
		b = append(b, make([]byte, (4-size%4)%4)...)
	}
	return b
}

// compare compares options, as they were read back, with those that were asked for.
func (l *level) compare(got []byte) error {
	if len(l.head) > 0 {
		if len(got) < len(l.head) || !bytes.Equal(got[:len(l.head)], l.head) {
			return fmt.Errorf("asked for %x, the kernel has %x", l.head, got)
		}
		return nil
	}
	list, err := netem.Attributes(got)
	if err != nil {
		return err
	}
	by := make(map[uint16][]byte, len(list))
	for _, a := range list {
		by[a.Kind] = a.Value
	}
	for _, a := range l.attrs {
		if a.same == nil {
			continue
		}
		v, ok := by[a.kind]
		if !ok {
			return fmt.Errorf("the kernel does not know attribute %d", a.kind)
		}
		if !a.same(v) {
			return fmt.Errorf("asked for attribute %d to be %x, the kernel has %x", a.kind, a.value, v)
		}
	}
	return nil
}
