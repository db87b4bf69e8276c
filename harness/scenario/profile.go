package scenario

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Profile is a kind of line with usual figures: one-way delay, rate from the subscriber (up), rate to the subscriber
// (down). Each is one that its source states; a real line of the kind may be far from it. None has a loss or a queue
// of its own: state them where they matter, since sources differ. Round trips are divided by two.
type Profile string

// Kinds of lines.
const (
	// DSL has 25 ms, 384 kbit/s up, 1.5 Mbit/s down: "DSL" of WebPageTest (connectivity.ini.sample), 50 ms both ways.
	DSL Profile = "dsl"
	// Cable has 14 ms, 1 Mbit/s up, 5 Mbit/s down: "Cable" of WebPageTest, 28 ms both ways.
	Cable Profile = "cable"
	// Fiber has 2 ms, 5 Mbit/s up, 20 Mbit/s down: "FIOS" of WebPageTest, 4 ms both ways.
	Fiber Profile = "fiber"
	// LTE has 35 ms, 12 Mbit/s both ways: "LTE" of WebPageTest, 70 ms both ways.
	LTE Profile = "lte"
	// ThreeG has 150 ms, 768 kbit/s up, 1.6 Mbit/s down: "3G" of WebPageTest, 300 ms both ways.
	ThreeG Profile = "3g"
	// FiveG has 4 ms, 50 Mbit/s up, 100 Mbit/s down: what ITU-R M.2410-0 (2017) asks of a network of the kind for
	// broadband, sections 4.7.1 and 4.3: requirements, not measurements.
	FiveG Profile = "5g"
	// GEO has 279 ms: a geostationary satellite at the edge of its view (RFC 2488, section 2). State the rate.
	GEO Profile = "geo"
	// LEO has 40 ms: a low satellite, half of the "as much as 80 ms" of RFC 2488, section 2. State the rate.
	LEO Profile = "leo"
	// Intercontinental has 75 ms: California to the Netherlands and back in 150 ms (Dean, "Designs, Lessons and Advice
	// from Building Large Distributed Systems", LADIS 2009).
	Intercontinental Profile = "intercontinental"
	// Datacenter has 250 us: 500 us for a round trip within a data centre (Dean 2009).
	Datacenter Profile = "datacenter"
	// Rack has 50 us and 1 Gbit/s: round trips of 100 us on gigabit Ethernet (Vasudevan et al., "Safe and Effective
	// Fine-grained TCP Retransmissions for Datacenter Communication", SIGCOMM 2009).
	Rack Profile = "rack"
)

// profiles has the figures.
var profiles = map[Profile]struct {
	delay    Duration
	up, down Rate
}{
	DSL: {25e6, 384e3, 1500e3}, Cable: {14e6, 1e6, 5e6}, Fiber: {2e6, 5e6, 20e6}, LTE: {35e6, 12e6, 12e6},
	ThreeG: {150e6, 768e3, 1600e3}, FiveG: {4e6, 50e6, 100e6}, GEO: {delay: 279e6}, LEO: {delay: 40e6},
	Intercontinental: {delay: 75e6}, Datacenter: {delay: 250e3}, Rack: {50e3, 1e9, 1e9},
}

// applyProfiles sets what links with a profile do not state.
func (s *Scenario) applyProfiles(d *yamldoc.Document) {
	for i := range s.Links {
		l, path := &s.Links[i], fmt.Sprintf("links[%d]", i)
		p, ok := profiles[l.Profile]
		if !ok {
			continue
		}
		if !d.Written(path + ".delay") {
			l.Delay = p.delay
		}
		if l.Rate > 0 { // as stated, in both directions
			continue
		}
		l.Rate = p.up
		if p.down == p.up {
			continue
		}
		back := Back{}
		if l.Back != nil {
			back = *l.Back
		}
		if back.Rate == 0 {
			back.Rate = p.down
		}
		l.Back = &back
	}
}
