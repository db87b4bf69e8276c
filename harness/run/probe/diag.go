package probe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// sockDiagByFamily asks for sockets, include/uapi/linux/sock_diag.h.
const sockDiagByFamily = 20

// sizes and offsets of struct inet_diag_req_v2 and inet_diag_msg, include/uapi/linux/inet_diag.h.
const (
	diagRequest     = 56
	diagState       = 1
	diagReceiveQ    = 56 // of a listening socket: connections that wait for accept(2)
	diagMessage     = 72
	netlinkHeader   = 16
	diagBufferBytes = 32 << 10 // the kernel sends no larger pieces of a dump
)

// diag asks one namespace for its TCP sockets. The socket belongs to the namespace
// that it was opened in, for good.
type diag struct {
	fd       int
	sequence uint32
	request  [netlinkHeader + diagRequest]byte
	listens  [len(families)]bool // whether count has found listening sockets
	answer   []byte
}

// openDiag opens the socket in the namespace of the calling thread.
func openDiag() (*diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("open sock_diag: %w", err),
			"load the module: modprobe inet_diag")
	}
	return &diag{fd: fd, answer: make([]byte, diagBufferBytes)}, nil
}

func (d *diag) Close() error { return unix.Close(d.fd) }

// sockets is a count of TCP sockets, IPv4 and IPv6 together.
type sockets struct {
	state  [13]int64 // by TCP state
	accept int64     // the longest accept queue
}

var families = [...]byte{unix.AF_INET, unix.AF_INET6}

// count counts the sockets in the states of the mask (1<<state). For states other than LISTEN the kernel
// walks the whole table of connections, whosever they are: 0.4 ms in a guest and more where memory is large.
func (d *diag) count(states uint32) (s sockets, err error) {
	for i, family := range families {
		before := s.state[tcpListen]
		err := d.ask(family, states, &s)
		if states&(1<<tcpListen) != 0 {
			d.listens[i] = s.state[tcpListen] > before
		}
		if err != nil {
			// A kernel without IPv6 has no handler to ask.
			if family == unix.AF_INET6 && errors.Is(err, unix.ENOENT) {
				continue
			}
			err = fmt.Errorf("list TCP sockets: %w", err)
			if errors.Is(err, unix.ENOENT) {
				err = problem.Wrap(problem.Machine, err, "load the module: modprobe tcp_diag")
			}
			return s, err
		}
	}
	return s, nil
}

// acceptQueue returns the length of the longest accept queue among the sockets of the
// families in which the last count has found any that listen.
func (d *diag) acceptQueue() (int64, error) {
	var s sockets
	for i, family := range families {
		if !d.listens[i] {
			continue
		}
		if err := d.ask(family, 1<<tcpListen, &s); err != nil {
			return 0, fmt.Errorf("list listening TCP sockets: %w", err)
		}
	}
	return s.accept, nil
}

func (d *diag) ask(family byte, states uint32, s *sockets) error {
	d.sequence++
	r := d.request[:]
	order := binary.NativeEndian
	order.PutUint32(r[0:], uint32(len(r)))
	order.PutUint16(r[4:], sockDiagByFamily)
	order.PutUint16(r[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	order.PutUint32(r[8:], d.sequence)
	r[netlinkHeader] = family
	r[netlinkHeader+1] = unix.IPPROTO_TCP
	order.PutUint32(r[netlinkHeader+4:], states)
	if _, err := unix.Write(d.fd, r); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	for {
		n, err := unix.Read(d.fd, d.answer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive answer: %w", err)
		}
		done, err := parseDiag(d.answer[:n], d.sequence, s)
		if done || err != nil {
			return err
		}
	}
}

// parseDiag adds the sockets in one piece of a dump to s; done says that it was the last.
func parseDiag(b []byte, sequence uint32, s *sockets) (done bool, err error) {
	order := binary.NativeEndian
	for len(b) >= netlinkHeader {
		size := int(order.Uint32(b))
		if size < netlinkHeader || size > len(b) {
			return false, fmt.Errorf("message of %d bytes in %d", size, len(b))
		}
		kind, answers, body := order.Uint16(b[4:]), order.Uint32(b[8:]), b[netlinkHeader:size]
		b = b[min((size+3)&^3, len(b)):]
		switch {
		case answers != sequence: // left over from a dump that was given up
		case kind == unix.NLMSG_DONE:
			return true, nil
		case kind == unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, fmt.Errorf("error message of %d bytes", len(body))
			}
			if code := -int32(order.Uint32(body)); code != 0 {
				return false, unix.Errno(code)
			}
		case kind == sockDiagByFamily:
			if len(body) < diagMessage {
				return false, fmt.Errorf("socket message of %d bytes", len(body))
			}
			if state := body[diagState]; int(state) < len(s.state) {
				s.state[state]++
			}
			if body[diagState] == tcpListen {
				s.accept = max(s.accept, int64(order.Uint32(body[diagReceiveQ:])))
			}
		}
	}
	return false, nil
}
