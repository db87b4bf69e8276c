package dns

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
)

// Roles collect no garbage: neither a lookup nor its two answers may take memory, with answers that wait in the server
// and without.
func TestNoMemoryPerLookup(t *testing.T) {
	for name, delay := range map[string]time.Duration{"at once": 0, "delayed": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, good)
			s := w.servers[0]
			s.config.Delay, s.count = delay, make(agent.Tally, serverCounters)
			r, err := NewResolver(w.options(), sourceport.Ports{}, 1, 0)
			require.NoError(t, err)
			watch := func(socket.FD) socket.Errno { return 0 }
			found := 0
			n := testing.AllocsPerRun(200, func() {
				l, err := r.Start()
				if err != nil {
					return
				}
				for !l.Step(0, watch) {
					for s.take() {
					}
					s.sendDue(math.MaxInt64)
				}
				if l.Address().IsValid() {
					found++
				}
				l.Close()
			})
			require.Equal(t, 201, found)
			require.Zero(t, n)
		})
	}
}

// Answers are byte for byte those of dnsmessage, which makes a map for each.
func TestAnswersAreThoseOfTheLibrary(t *testing.T) {
	known := Addresses{A: netip.MustParseAddr("10.0.0.7"), AAAA: netip.MustParseAddr("fd00::7")}
	s := &server{config: ServerConfig{TTL: 300, Names: map[string]Addresses{"www.shop.example": known}}}
	for _, of := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeMX} {
		name := dnsmessage.MustNewName("WWW.shop.example.")
		query, err := question(nil, 9, name, of)
		require.NoError(t, err)
		m := dnsmessage.Message{
			Header: dnsmessage.Header{ID: 9, Response: true, Authoritative: true, RecursionDesired: true,
				RecursionAvailable: true},
			Questions: []dnsmessage.Question{{Name: name, Type: of, Class: dnsmessage.ClassINET}},
		}
		head := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 300}
		switch of {
		case dnsmessage.TypeA:
			m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: known.A.As4()}}}
		case dnsmessage.TypeAAAA:
			m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: known.AAAA.As16()}}}
		}
		want, err := m.Pack() // with compression
		require.NoError(t, err)
		text, kind := s.answer(nil, query)
		require.Equal(t, countAnswers, kind)
		require.Equal(t, want, text, "%s", of)
		require.LessOrEqual(t, len(text), longest)
	}
}
