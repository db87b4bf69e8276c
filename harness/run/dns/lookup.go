package dns

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
)

// mostServers is glibc's MAXNS.
const mostServers = 3

// Lookup is one call of getaddrinfo.
type Lookup struct {
	// Counts are of this lookup alone.
	Counts

	resolver *Resolver
	number   int
	id       [2]uint16
	query    [2][]byte
	first    int // index of the server that it begins with
	shift    int // how many servers after that
	attempt  int
	asking   bool // of the present server
	sockets  [mostServers]socket.FD
	opened   int // sockets so far, each with a source port of its own
	sent     [2]bool
	once     [2]bool // was sent before
	got      [2]bool
	useful   bool // an answer that was no error has come
	address  [2]netip.Addr
	deadline int64
	single   bool
	reopen   bool
	over     bool
}

// Watch adds a new socket to the owner's poll.
type Watch func(fd socket.FD) socket.Errno

// Deadline is when Step wants to be called even if nothing has come, in ns of the owner's clock.
func (l *Lookup) Deadline() int64 { return l.deadline }

// Address is what was found: invalid if there is none of the wanted family.
func (l *Lookup) Address() netip.Addr {
	if l.resolver.options.IPv6 {
		return l.address[1]
	}
	return l.address[0]
}

// Close closes its sockets and gives its memory back to the resolver: it must not be used any more.
func (l *Lookup) Close() {
	l.hangUp()
	l.resolver.free = append(l.resolver.free, l)
}

// hangUp closes its sockets.
func (l *Lookup) hangUp() {
	for i := range l.sockets {
		if l.sockets[i] != socket.None {
			l.sockets[i].Close()
			l.sockets[i] = socket.None
		}
	}
}

// server is the index of the one that is asked now.
func (l *Lookup) server() int { return (l.first + l.shift) % len(l.resolver.servers) }

// Step goes on as far as it can without waiting, and tells whether the lookup is over.
func (l *Lookup) Step(now int64, watch Watch) bool {
	for !l.over {
		if !l.asking {
			l.ask(now)
		}
		if !l.send(watch) {
			l.hangUp()
			l.next()
			continue
		}
		switch l.receive() {
		case sayMore:
			continue
		case sayNext:
			l.next()
			continue
		case sayDone:
			l.over = true
			continue
		}
		if now < l.deadline {
			return false
		}
		l.Timeouts++
		l.timedOut(now)
	}
	l.hangUp()
	return true
}

// ask begins with a server, or with the same again.
func (l *Lookup) ask(now int64) {
	l.asking = true
	l.deadline = now + l.resolver.wait(l.server())
	l.sent, l.got, l.useful = [2]bool{}, [2]bool{}, false
}

// next turns to the next server, in the next attempt to the first again; after the last the lookup has failed.
func (l *Lookup) next() {
	l.asking = false
	if l.shift++; l.shift == len(l.resolver.servers) {
		l.shift = 0
		l.attempt++
	}
	l.over = l.attempt == l.resolver.options.Attempts
}

// timedOut decides what becomes of a wait that ran out.
func (l *Lookup) timedOut(now int64) {
	if !l.useful {
		l.next()
		return
	}
	// One of two answers has come: perhaps the server, or a firewall, cannot do with two questions at once.
	switch {
	case !l.single:
		l.single = true
	case !l.reopen:
		l.reopen = true
		l.hangUp()
	default:
		l.over = true // with what there is
		return
	}
	l.Fallbacks++
	l.resolver.learned.Single, l.resolver.learned.Reopen = l.single, l.reopen
	l.ask(now)
}

// send sends the questions whose turn it is; false if the kernel refuses.
func (l *Lookup) send(watch Watch) bool {
	for i := range l.query {
		if l.sent[i] || i == 1 && l.single && !l.got[0] {
			continue
		}
		if !l.open(watch) {
			return false
		}
		fd := l.sockets[l.server()]
		if _, errno := fd.Write(l.query[i]); errno != 0 {
			if errno == unix.ECONNREFUSED {
				l.Unreachable++
			}
			return false
		}
		l.Queries++
		if l.once[i] {
			l.Retries++
		}
		l.sent[i], l.once[i] = true, true
	}
	return true
}

// open opens the socket to the present server unless it is open.
func (l *Lookup) open(watch Watch) bool {
	at := &l.sockets[l.server()]
	if *at != socket.None {
		return true
	}
	to := l.resolver.servers[l.server()]
	fd, errno := socket.Datagram(to.Family())
	if errno != 0 {
		return false
	}
	*at = fd
	l.resolver.ports.Bind(fd, to.Family(), sourceport.Socket{Load: l.resolver.load, Request: l.number, Number: l.opened})
	l.opened++
	return fd.Connect(&to) == 0 && watch(fd) == 0
}

// What an answer, or none, means for the lookup.
type say int

const (
	sayWait say = iota // for more
	sayMore            // there is another question to send, or another answer to take
	sayNext            // turn to the next server
	sayDone
)

// receive takes one answer.
func (l *Lookup) receive() say {
	fd := l.sockets[l.server()]
	n, errno := fd.Read(l.resolver.in)
	switch {
	case errno == unix.EINTR:
		return sayMore
	case errno == unix.EAGAIN:
		return sayWait
	case errno != 0:
		if errno == unix.ECONNREFUSED {
			l.Unreachable++
		}
		l.hangUp()
		return sayNext
	}
	r, ok := readReply(l.resolver.in[:n])
	i := -1
	for k := range l.id {
		if ok && r.id == l.id[k] && r.of == types[k] && same(&r.name, &l.resolver.name) && !l.got[k] {
			i = k
		}
	}
	if i < 0 {
		return sayMore // of another query; it is thrown away
	}
	if r.refers || r.code == dnsmessage.RCodeServerFailure || r.code == dnsmessage.RCodeNotImplemented ||
		r.code == dnsmessage.RCodeRefused {
		return l.rejected(i)
	}
	l.got[i], l.useful = true, true
	l.address[i] = r.address
	if !l.got[1-i] {
		if l.single && l.reopen {
			l.hangUp() // the other question gets a socket of its own
		}
		return sayMore
	}
	return sayDone
}

// rejected takes an error in the place of an answer.
func (l *Lookup) rejected(i int) say {
	l.Errors++
	switch {
	case l.got[1-i] && l.useful:
		return sayDone // with the other
	case l.got[1-i]:
		return sayNext
	case !l.single:
		l.got[i] = true // the other may be good
		return sayMore
	}
	l.hangUp()
	return sayNext
}
