package cross

import "iter"

// never is a time that does not come.
const never = int64(1) << 62

// Talk is a TCP connection as one of its ends saw it.
type Talk struct {
	Opener  bool // this end sent the SYN
	Packets []Moment

	Syn      int64 // the first SYN, sent or received
	SynAck   int64 // the first SYN-ACK, sent or received
	Open     int64 // this end may have taken the connection for established
	FinOut   int64 // the first FIN sent
	FinIn    int64 // the peer's FIN in its place in the stream
	FinAcked int64 // the peer has acknowledged the FIN
	ResetIn  int64
	ResetOut int64
	FirstOut int64 // first data sent

	in, out stream
	finEnd  uint32 // behind the FIN sent
}

// Moment is a packet of a connection.
type Moment struct {
	Packet
	Out bool
	New bool // has something that was not seen before in this direction
	// Early says that one that belongs in front of it is missing.
	Early bool
}

// stream is one direction: what has come in its order, and what came too early.
type stream struct {
	known bool
	next  uint32
	early []span
	fin   uint32
	ends  bool
}

type span struct{ from, to uint32 }

func newTalk() *Talk {
	return &Talk{Syn: never, SynAck: never, Open: never, FinOut: never, FinIn: never, FinAcked: never, ResetIn: never,
		ResetOut: never, FirstOut: never}
}

// after compares sequence numbers, which wrap.
func after(a, b uint32) bool { return int32(a-b) > 0 }

// take puts a segment in its place. early says that one in front of it is missing.
func (s *stream) take(p *Packet) (news, early bool) {
	if !s.known {
		s.known, s.next = true, p.Seq
	}
	end := p.end()
	if p.Flags&flagFIN != 0 {
		s.ends, s.fin = true, end
	}
	if end == p.Seq || !after(end, s.next) {
		return false, false
	}
	if after(p.Seq, s.next) {
		s.early = append(s.early, span{p.Seq, end})
		return true, true
	}
	s.next = end
	for again := true; again; {
		again = false
		for _, e := range s.early {
			if !after(e.from, s.next) && after(e.to, s.next) {
				s.next, again = e.to, true
			}
		}
	}
	return true, false
}

// finished tells whether all up to the FIN has come.
func (s *stream) finished() bool { return s.ends && s.next == s.fin }

func first(t *int64, now int64) { *t = min(*t, now) }

// add takes the next packet.
func (t *Talk) add(p Packet, out bool) {
	now := p.Time
	m := Moment{Packet: p, Out: out}
	defer func() { t.Packets = append(t.Packets, m) }()
	if p.BadSum {
		return
	}
	if p.Has(flagRST) {
		if out {
			first(&t.ResetOut, now)
		} else {
			first(&t.ResetIn, now)
		}
		return
	}
	s := &t.in
	if out {
		s = &t.out
	}
	m.New, m.Early = s.take(&p)
	switch {
	case p.Has(flagSYN | flagACK):
		first(&t.SynAck, now)
		if !out {
			first(&t.Open, now)
		}
	case p.Has(flagSYN):
		t.Opener = t.Opener || out
		first(&t.Syn, now)
	case !out && !t.Opener && p.Has(flagACK) && t.SynAck != never:
		first(&t.Open, now)
	}
	if out {
		if p.Payload > 0 {
			first(&t.FirstOut, now)
		}
		if p.Has(flagFIN) {
			first(&t.FinOut, now)
			t.finEnd = p.end()
		}
		return
	}
	if s.finished() {
		first(&t.FinIn, now)
	}
	if t.FinOut != never && p.Has(flagACK) && !after(t.finEnd, p.Ack) {
		first(&t.FinAcked, now)
	}
}

// Reset is when the connection ended by a RST.
func (t *Talk) Reset() int64 { return min(t.ResetIn, t.ResetOut) }

// closed reports whether the RST that ended the connection says that this end had closed it: it answers a segment for a
// connection that is none any more, and so has no ACK (RFC 9293, 3.10.7.1).
func (t *Talk) closed() bool {
	for _, m := range t.Packets {
		if m.Out && m.Has(flagRST) && m.Time == t.Reset() {
			return m.Flags&flagACK == 0
		}
	}
	return false
}

// arrivals are the times at which data came in its order, and how many bytes each time.
func (t *Talk) arrivals() iter.Seq2[int64, int] {
	return func(yield func(at int64, n int) bool) {
		var in stream
		for _, m := range t.Packets {
			if m.Out || m.BadSum || m.Has(flagRST) {
				continue
			}
			was, known := in.next, in.known
			in.take(&m.Packet)
			if n := int(in.next - was); known && n > 0 {
				if in.finished() {
					n-- // the FIN takes a number
				}
				if !yield(m.Time, n) {
					return
				}
			}
		}
	}
}
