package capture

import (
	"github.com/ruleout/ruleout/harness/scenario"
)

// Whole is the snap length that keeps all packets whole.
const Whole = 65535

// MinSnap is the least snap length, in bytes: the Ethernet header and the longest header of IPv4 or the header of IPv6.
const MinSnap = 64

// DefaultSnap keeps the headers of most packets: Ethernet 14, IPv6 40, TCP at most 60 bytes.
const DefaultSnap = 128

// Memory is how many bytes the rings of a scenario may take in all: a quarter of the machine's
// memory, on the host too, so that the same packets are kept there.
func Memory(s *scenario.Scenario) int64 { return int64(s.Machine.Memory) / 4 }

// Taken says what the rings of a run hold.
type Taken struct {
	// Begin is the start of the measured window, ns of CLOCK_MONOTONIC.
	Begin int64 `json:"begin"`
	// Wires are in the order of the scenario's links.
	Wires []Wire `json:"wires"`
}

// Wire says what a ring holds. Its counts are by points.
type Wire struct {
	// Size of the ring's content in bytes.
	Size int64 `json:"size"`
	// Room is the size of the ring.
	Room int64 `json:"room"`
	// Seen is how many packets came by, by the counters of package fault, which know nothing of the ring.
	Seen []int64 `json:"seen"`
	// Lost is how many of them came when the ring was full.
	Lost []int64 `json:"lost"`
}

// AllLost is how many packets the ring had no room for, at all points.
func (w *Wire) AllLost() (n int64) {
	for _, l := range w.Lost {
		n += l
	}
	return n
}
