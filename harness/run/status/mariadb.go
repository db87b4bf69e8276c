package status

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
)

// mariadb speaks MariaDB's client protocol, of version 10.
type mariadb struct {
	ask   []byte
	names []string // of status variables, of the figures in their order
	errs  int      // the figure that is a sum, of variables that begin with errPrefix
}

// Capabilities of a client (MariaDB's "Connection Phase", capabilities).
const (
	clientProtocol41       = 1 << 9
	clientSecureConnection = 1 << 15
	clientPluginAuth       = 1 << 19
)

// First bytes of packets.
const (
	packetOK         = 0x00
	packetEOF        = 0xfe
	packetError      = 0xff
	packetHead       = 4
	protocolVersion  = 10
	commandQuery     = 3
	utf8General      = 33
	connectionErrors = "Connection_errors_"
)

var (
	mariadbOnce  = sparse("mariadb", map[string]int64{"mariadb.questions": 1, "mariadb.queries": 1})
	mariadbConn  = sparse("mariadb", map[string]int64{"mariadb.connections": 1})
	mariadbLevel = sparse("mariadb", map[string]int64{"mariadb.connected": 1, "mariadb.running": 1})
)

func newMariaDB() *mariadb {
	m := &mariadb{names: sources("mariadb"), errs: place("mariadb", "mariadb.connection_errors")}
	var list []string
	for i, name := range m.names {
		if i != m.errs {
			list = append(list, name)
		}
	}
	for _, kind := range []string{"accept", "internal", "max_connections", "peer_address", "select", "tcpwrap"} {
		list = append(list, connectionErrors+kind)
	}
	sql := "SHOW GLOBAL STATUS WHERE Variable_name IN ('" + strings.Join(list, "','") + "')"
	m.ask = packet(0, append([]byte{commandQuery}, sql...))
	return m
}

// packet is one of the protocol.
func packet(sequence byte, content []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(content)))
	b[3] = sequence
	return append(b, content...)
}

// next takes the first packet off; ok is false while more has to come.
func next(b []byte) (content, rest []byte, ok bool, err error) {
	if len(b) < packetHead {
		return nil, b, false, nil
	}
	size := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if size > bufferSize-packetHead {
		return nil, b, false, malformed("a packet of MariaDB is too long")
	}
	if len(b) < packetHead+size {
		return nil, b, false, nil
	}
	return b[packetHead : packetHead+size], b[packetHead+size:], true, nil
}

// refusal is what an error packet says: a number, a state in five letters behind a #, and a text.
func refusal(p []byte) error {
	text := p[min(3, len(p)):]
	if len(text) >= 6 && text[0] == '#' {
		text = text[6:]
	}
	return malformed(string(text))
}

func (m *mariadb) greet(c *conn) error {
	var sequence byte
	take := func(use func(p []byte) error) error {
		return c.until(func(b []byte) (int, error) {
			p, rest, ok, err := next(b)
			if !ok || err != nil {
				return 0, err
			}
			sequence = b[3]
			if len(p) == 0 {
				return 0, malformed("an empty packet of MariaDB")
			}
			if p[0] == packetError {
				return 0, refusal(p)
			}
			return len(b) - len(rest), use(p)
		})
	}
	if err := take(func(p []byte) error {
		if p[0] != protocolVersion {
			return malformed("MariaDB speaks another protocol")
		}
		return nil
	}); err != nil {
		return err
	}
	hello := binary.LittleEndian.AppendUint32(nil, clientProtocol41|clientSecureConnection|clientPluginAuth)
	hello = binary.LittleEndian.AppendUint32(hello, bufferSize)
	hello = append(append(hello, utf8General), make([]byte, 23)...)
	hello = append(append(hello, scenario.StatusUser...), 0, 0) // no password
	hello = append(append(hello, "mysql_native_password"...), 0)
	if err := c.send(packet(sequence+1, hello)); err != nil {
		return err
	}
	for range 4 { // as many methods as a server may offer
		var first byte
		if err := take(func(p []byte) error { first = p[0]; return nil }); err != nil {
			return err
		}
		if first == packetOK {
			return nil
		}
		if first != packetEOF {
			break
		}
		if err := c.send(packet(sequence+1, nil)); err != nil { // another method, with which no password is empty too
			return err
		}
	}
	return malformed("MariaDB does not let readings in")
}

func (m *mariadb) question() []byte { return m.ask }

func (*mariadb) own() (question, connection, level []int64) {
	return mariadbOnce, mariadbConn, mariadbLevel
}

// answer reads a result in text: the number of columns, a packet for each, an EOF, a packet for each row, an EOF.
func (m *mariadb) answer(b []byte, into []int64) (n int, err error) {
	found, ends := marks(1)<<m.errs, 0 // of what is summed up, a server may lack some
	into[m.errs] = 0
	for rest := b; ; {
		p, after, ok, err := next(rest)
		if !ok || err != nil {
			return 0, err
		}
		first := len(rest) == len(b)
		rest = after
		switch {
		case len(p) == 0:
			return 0, malformed("an empty packet of MariaDB")
		case p[0] == packetError:
			return 0, refusal(p)
		case first && p[0] != 2:
			return 0, malformed("no result of two columns")
		case p[0] == packetEOF && len(p) < 9:
			if ends++; ends < 2 {
				continue
			}
			if found != whole(len(m.names)) {
				return 0, malformed("figures are missing")
			}
			return len(b) - len(rest), nil
		case ends == 0: // names of columns
		default:
			some, err := m.row(p, into)
			if err != nil {
				return 0, err
			}
			found |= some
		}
	}
}

// row reads a name and a value, each behind its length in one byte.
func (m *mariadb) row(p []byte, into []int64) (found marks, err error) {
	name, rest, ok := short(p)
	value, _, ok2 := short(rest)
	if !ok || !ok2 {
		return 0, malformed("a row of MariaDB is cut off")
	}
	sum := bytes.HasPrefix(name, []byte(connectionErrors))
	for i, want := range m.names {
		if string(name) != want && !(sum && i == m.errs) {
			continue
		}
		v, ok := number(value)
		if !ok {
			return 0, malformed(want + " is no number")
		}
		if sum {
			into[i] += v
			return 0, nil
		}
		into[i] = v
		found |= 1 << i
	}
	return found, nil
}

// short is a text behind its length, which is below 251 for all that is asked for.
func short(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] > 250 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+b[0]], b[1+b[0]:], true
}
