package dns

import (
	"bytes"
	"errors"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// types are those of the two questions of a lookup, in the order in which glibc asks them.
var types = [2]dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}

// question appends a query for the records of a type.
func question(text []byte, id uint16, name dnsmessage.Name, of dnsmessage.Type) ([]byte, error) {
	return ask(text, dnsmessage.Header{ID: id, RecursionDesired: true},
		dnsmessage.Question{Name: name, Type: of, Class: dnsmessage.ClassINET})
}

// ask appends a message that is a header and a question.
func ask(text []byte, head dnsmessage.Header, q dnsmessage.Question) ([]byte, error) {
	b := dnsmessage.NewBuilder(text, head)
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	return b.Finish()
}

// fullName is a name as a message has it.
func fullName(name string) (dnsmessage.Name, error) { return dnsmessage.NewName(name + ".") }

// plain appends the key of a name: lower case, since DNS does not tell cases apart in ASCII (RFC 4343), without the
// last dot.
func plain(key []byte, n *dnsmessage.Name) []byte {
	for _, c := range bytes.TrimSuffix(n.Data[:n.Length], []byte(".")) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		key = append(key, c)
	}
	return key
}

// same tells whether two names have the same key.
func same(a, b *dnsmessage.Name) bool { return bytes.EqualFold(a.Data[:a.Length], b.Data[:b.Length]) }

// reply is what an answer says.
type reply struct {
	id      uint16
	name    dnsmessage.Name
	of      dnsmessage.Type
	code    dnsmessage.RCode
	refers  bool // neither answers nor claims to know: glibc asks the next server
	address netip.Addr
}

// readReply takes an answer apart; false if it is none, or one that nobody can read.
func readReply(b []byte) (r reply, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response {
		return r, false
	}
	q, err := p.Question()
	if err != nil || p.SkipAllQuestions() != nil {
		return r, false
	}
	r = reply{id: h.ID, name: q.Name, of: q.Type, code: h.RCode}
	answers := 0
	for {
		rh, err := p.AnswerHeader()
		if err != nil {
			r.refers = answers == 0 && h.RCode == dnsmessage.RCodeSuccess && !h.Authoritative && !h.RecursionAvailable
			return r, errors.Is(err, dnsmessage.ErrSectionDone)
		}
		answers++
		switch {
		case rh.Type == dnsmessage.TypeA && !r.address.IsValid():
			a, err := p.AResource()
			if err != nil {
				return r, false
			}
			r.address = netip.AddrFrom4(a.A)
		case rh.Type == dnsmessage.TypeAAAA && !r.address.IsValid():
			a, err := p.AAAAResource()
			if err != nil {
				return r, false
			}
			r.address = netip.AddrFrom16(a.AAAA)
		default:
			if p.SkipAnswer() != nil {
				return r, false
			}
		}
	}
}
