package topology

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeSocket is a netlink socket that stays in the namespace in which it was opened. It
// differs from a [netlink.Handle] in that it takes many requests in one system call,
// which is most of what makes Build fast.
type routeSocket struct {
	fd   int
	port uint32 // the socket's address; the kernel puts it into what it answers
	seq  uint32
	buf  []byte
	// noticed is set when a notification was read while something else was waited for.
	noticed bool
}

// patience is the longest that the kernel may take for an answer.
const patience = 10 * time.Second

// receiveBuffer holds the largest message of a dump: the kernel uses up to 32 KiB (NLMSG_GOODSIZE).
const receiveBuffer = 32 << 10

// openRouteSocket opens a socket in the namespace of the calling thread.
func openRouteSocket() (*routeSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("open netlink socket", err)
	}
	s := &routeSocket{fd: fd}
	tv := unix.NsecToTimeval(int64(patience))
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1),
		// Without this an error repeats the whole request.
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up netlink socket: %w", err), s.close())
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("getsockname", err), s.close())
	}
	s.port = address.(*unix.SockaddrNetlink).Pid
	return s, nil
}

func (s *routeSocket) close() error {
	if s.fd < 0 {
		return nil
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return err
}

// batch is a list of requests that go to the kernel together and are answered in order.
type batch struct {
	requests []request
}

type request struct {
	// what the request does, for an error: "add address 10.0.0.1/24 to web/eth0".
	what  string
	bytes *nl.NetlinkRequest
}

// add appends a request; flags come on top of NLM_F_REQUEST and NLM_F_ACK.
func (b *batch) add(what string, message, flags int, data ...nl.NetlinkRequestData) {
	r := nl.NewNetlinkRequest(message, flags|unix.NLM_F_ACK)
	for _, d := range data {
		r.AddData(d)
	}
	b.requests = append(b.requests, request{what, r})
}

// chunk is how many requests go into one system call. Their acknowledgements have to fit
// into the socket's receive buffer, which holds some 270 in the default 208 KiB.
const chunk = 64

// run carries out the requests, empties the batch, and returns the first failure. Requests
// behind one that fails are carried out all the same: the kernel does not stop either.
func (b *batch) run(s *routeSocket) error {
	defer func() { b.requests = nil }()
	for len(b.requests) > 0 {
		n := min(chunk, len(b.requests))
		if err := s.send(b.requests[:n]); err != nil {
			return err
		}
		b.requests = b.requests[n:]
	}
	return nil
}

func (s *routeSocket) send(requests []request) error {
	var out []byte
	first := s.seq + 1
	for _, r := range requests {
		s.seq++
		r.bytes.Seq = s.seq
		out = append(out, r.bytes.Serialize()...)
		out = append(out, make([]byte, -len(out)&(unix.NLMSG_ALIGNTO-1))...)
	}
	if err := unix.Sendto(s.fd, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("%s: %w", requests[0].what, err)
	}
	var failure error
	for left := len(requests); left > 0; {
		err := s.receive(func(m message) error {
			i := m.seq - first
			if s.notices(m) || m.kind != unix.NLMSG_ERROR || i >= uint32(len(requests)) {
				return nil
			}
			left--
			if err := m.failure(); err != nil && failure == nil {
				failure = fmt.Errorf("%s: %w", requests[i].what, err)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: no answer: %w", requests[len(requests)-left].what, err)
		}
	}
	return failure
}

// dump asks for all objects of a kind and calls f with the body of each.
func (s *routeSocket) dump(what string, kind int, header nl.NetlinkRequestData, f func(body []byte) error) error {
	s.seq++
	r := nl.NewNetlinkRequest(kind, unix.NLM_F_DUMP)
	r.Seq = s.seq
	r.AddData(header)
	if err := unix.Sendto(s.fd, r.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	for done := false; !done; {
		err := s.receive(func(m message) error {
			switch {
			case s.notices(m), m.seq != s.seq:
				return nil
			case m.kind == unix.NLMSG_DONE:
				done = true
				return nil
			case m.kind == unix.NLMSG_ERROR:
				done = true
				return m.failure()
			}
			return f(m.body)
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
	}
	return nil
}

// subscribe makes await return on the given groups' notifications.
func (s *routeSocket) subscribe(groups ...int) error {
	for _, g := range groups {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g); err != nil {
			return fmt.Errorf("subscribe to netlink group %d: %w", g, err)
		}
	}
	return nil
}

// notices tells a notification from an answer, and remembers it: one that arrives among the
// answers of a dump may be about an object that the dump had already passed.
func (s *routeSocket) notices(m message) bool {
	if m.port == s.port {
		return false
	}
	s.noticed = true
	return true
}

// await returns when there has been a notification since it last returned.
func (s *routeSocket) await(ctx context.Context, limit time.Time) error {
	for {
		if s.noticed {
			s.noticed = false
			return nil
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		left := time.Until(limit)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		// A cancelled context is noticed within this long.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}},
			int(min(left, 20*time.Millisecond).Milliseconds())+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if n > 0 {
			s.noticed = true
			if err := s.receive(func(message) error { return nil }); err != nil && !overflowed(err) {
				return err
			}
		}
	}
}

// overflowed says that there were more notifications than the socket could hold, which is a
// notification too. A dump that meets it has to be asked for again.
func overflowed(err error) bool { return errors.Is(err, unix.ENOBUFS) }

type message struct {
	kind uint16
	seq  uint32
	port uint32
	body []byte
	// extended is set when attributes with the kernel's explanation follow the error.
	extended bool
}

// failure of a message of kind NLMSG_ERROR; nil if it is an acknowledgement.
func (m message) failure() error {
	if len(m.body) < 4 {
		return errors.New("short netlink answer")
	}
	code := int32(binary.NativeEndian.Uint32(m.body))
	if code == 0 {
		return nil
	}
	err := error(unix.Errno(-code))
	// The error code and the request's header come before the attributes (struct nlmsgerr, capped).
	if skip := 4 + unix.SizeofNlMsghdr; m.extended && len(m.body) > skip {
		if attrs, e := nl.ParseRouteAttrAsMap(m.body[skip:]); e == nil {
			if text, ok := attrs[unix.NLMSGERR_ATTR_MSG]; ok {
				err = fmt.Errorf("%w (%s)", err, unix.ByteSliceToString(text.Value))
			}
		}
	}
	return err
}

// receive reads once from the socket and calls f with each message, up to an error.
func (s *routeSocket) receive(f func(message) error) error {
	if s.buf == nil {
		s.buf = make([]byte, receiveBuffer)
	}
	var n int
	for {
		var err error
		if n, _, err = unix.Recvfrom(s.fd, s.buf, 0); err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	for b := s.buf[:n]; len(b) >= unix.SizeofNlMsghdr; {
		length := int(binary.NativeEndian.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return errors.New("malformed netlink message")
		}
		flags := binary.NativeEndian.Uint16(b[6:])
		m := message{
			kind:     binary.NativeEndian.Uint16(b[4:]),
			seq:      binary.NativeEndian.Uint32(b[8:]),
			port:     binary.NativeEndian.Uint32(b[12:]),
			body:     b[unix.SizeofNlMsghdr:length],
			extended: flags&unix.NLM_F_ACK_TLVS != 0,
		}
		if err := f(m); err != nil {
			return err
		}
		b = b[min(len(b), (length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return nil
}
