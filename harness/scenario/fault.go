package scenario

// Fault is a selector, an action, a place and a time.
type Fault struct {
	// Name of the fault, unique in the scenario: up to 32 letters, digits and dashes, a letter first.
	Name string `yaml:"name" json:"name"`
	// Link names the two ends of the link on which it acts.
	Link [2]string `yaml:"link" json:"link"`
	// From is the end whose packets it acts on.
	From string `yaml:"from" json:"from"`
	// Select chooses packets. Without it, all of them.
	Select Select `yaml:"select,omitempty" json:"select"`
	// Do is what happens to the chosen packets. "do: drop" is short for "do: {drop: true}".
	Do Action `yaml:"do" json:"do"`
	// At is when the fault begins, relative to the start of the measured window.
	At Duration `yaml:"at,omitempty" json:"at" default:"0s" min:"0s"`
	// For is how long it lasts. Without it, to the end of the run, which is when the last request of the
	// measured window has been answered or has timed out.
	For Duration `yaml:"for,omitempty" json:"for,omitempty" min:"1ms"`
}

// Packets is a class of packets.
type Packets string

// Classes of packets.
const (
	// AnyPacket matches every IPv4 and IPv6 packet.
	AnyPacket Packets = "any"
	// PureACK matches TCP segments with ACK and without SYN, FIN or RST and with no payload.
	PureACK Packets = "pure-ack"
)

// Select chooses packets.
type Select struct {
	// Packets is the class: any, or pure-ack for TCP segments that carry an ACK and nothing else.
	Packets Packets `yaml:"packets,omitempty" json:"packets" default:"any" enum:"any,pure-ack"`
	// Chance with which a packet of the class is chosen, drawn from the seed for each packet.
	Chance *Share `yaml:"chance,omitempty" json:"chance" default:"100%" above:"0%" max:"100%"`
}

// Action is what happens to a chosen packet. Exactly one of drop, delay, reorder,
// duplicate and rate is set; jitter goes with delay.
type Action struct {
	// Drop loses the packet.
	Drop bool `yaml:"drop,omitempty" json:"drop,omitempty"`
	// Delay holds the packet back, in addition to the link's own delay.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty" min:"1us" max:"1m"`
	// Jitter varies the delay by up to so much either way, uniformly; at most the delay.
	Jitter Duration `yaml:"jitter,omitempty" json:"jitter,omitempty" min:"1us" max:"1m"`
	// Reorder holds the packet back for so long that later ones may overtake it.
	Reorder Duration `yaml:"reorder,omitempty" json:"reorder,omitempty" min:"1us" max:"1m"`
	// Duplicate is the number of extra copies right behind the packet.
	Duplicate int `yaml:"duplicate,omitempty" json:"duplicate,omitempty" min:"1" max:"16"`
	// Rate squeezes the chosen packets through a bottleneck.
	Rate Rate `yaml:"rate,omitempty" json:"rate,omitempty" min:"1kbit" max:"100gbit"`
}
