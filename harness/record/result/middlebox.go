package result

// Kinds of rules.
const (
	NATRule      = "nat"
	FirewallRule = "firewall"
)

// Middlebox is what a node did that translates, tracks or filters.
type Middlebox struct {
	Node string `json:"node"`
	// Max is how many entries the node's table of connections may have, and Buckets how many lists its hash table has, by
	// the kernel's word; 0 on a node that tracks nothing.
	Max     int64 `json:"max,omitempty"`
	Buckets int64 `json:"buckets,omitempty"`
	// Rules are those of nat, then those of the firewall, in the scenario's order.
	Rules []Rule `json:"rules,omitempty"`
	// Forgot are the moments at which the table was emptied.
	Forgot []Forgot `json:"forgot,omitempty"`
}

// Rule is what a rule of a middlebox matched, by the kernel's counters. A rule of nat meets the first packet of each
// connection only, so its packets are connections.
type Rule struct {
	Kind    string `json:"kind"` // nat or firewall
	Name    string `json:"name"`
	Packets int64  `json:"packets"` // within the measured window
	Bytes   int64  `json:"bytes"`   // of them, with the IP header
	All     int64  `json:"all"`     // packets in the whole run
}

// Forgot is a moment at which a table of connections was emptied.
type Forgot struct {
	At      float64 `json:"at"`      // s after the start of the measured window
	Entries int64   `json:"entries"` // removed
}
