package scenario

// Fault is a selector, an action, a place and a time.
type Fault struct {
	// Name of the fault, unique in the scenario: up to 32 letters, digits and dashes, a letter first.
	Name string `yaml:"name" json:"name"`
	// Link names the two ends of the link on which it acts.
	Link [2]string `yaml:"link,omitempty" json:"link"`
	// Node is the node whose processes it stops. It stands for link, and goes with pause.
	Node string `yaml:"node,omitempty" json:"node,omitempty"`
	// From is the end whose packets it acts on. Without it, it acts on both directions.
	From string `yaml:"from,omitempty" json:"from"`
	// Select chooses packets. Without it, all of them.
	Select Select `yaml:"select,omitempty" json:"select"`
	// Do is what happens to the chosen packets. "do: drop" is short for "do: {drop: true}"; so are watch,
	// corrupt, down and pause.
	Do Action `yaml:"do" json:"do"`
	// Phase is the name of the phase in which it acts; it stands for at and for.
	Phase string `yaml:"phase,omitempty" json:"-"`
	// At is when the fault begins, relative to the start of the measured window.
	At Duration `yaml:"at,omitempty" json:"at" default:"0s" min:"0s"`
	// For is how long it lasts. Without it, to the end of the run, which is when the last request of the
	// measured window has been answered or has timed out.
	For Duration `yaml:"for,omitempty" json:"for,omitempty" min:"1us"`
	// Every repeats the fault: the time from one beginning to the next. It needs for, and is longer.
	Every Duration `yaml:"every,omitempty" json:"every,omitempty" min:"2us"`
	// Times is how often it happens in all. Without it, every repeats it to the end of the run.
	Times int `yaml:"times,omitempty" json:"times,omitempty" min:"1" max:"1000000"`
	// Ramp changes a value of the fault in equal steps while it acts, again at each repetition.
	Ramp *Ramp `yaml:"ramp,omitempty" json:"ramp,omitempty"`
}

// Ramp changes one value from what the fault says to another. Exactly one of chance,
// delay and rate is set.
type Ramp struct {
	// Over is the time from the fault's beginning to the last step, whose value then stays.
	Over Duration `yaml:"over" json:"over" min:"1ms"`
	// Steps is the number of values, the first and the last included.
	Steps int `yaml:"steps,omitempty" json:"steps" default:"10" min:"2" max:"14"`
	// Chance that select.chance becomes.
	Chance *Share `yaml:"chance,omitempty" json:"chance,omitempty" above:"0%" max:"100%"`
	// Delay that do.delay becomes.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty" min:"1us" max:"1m"`
	// Rate that do.rate becomes.
	Rate Rate `yaml:"rate,omitempty" json:"rate,omitempty" min:"1kbit" max:"100gbit"`
}

// Phase is a span of the measured window with a name, so that faults and loads that belong together are moved together.
type Phase struct {
	// At is when the phase begins, relative to the start of the measured window.
	At Duration `yaml:"at" json:"at" min:"0s"`
	// For is how long it lasts. Without it, to the end of the run.
	For Duration `yaml:"for,omitempty" json:"for,omitempty" min:"1us"`
}

// Flow names connections: those from any address of one node to a TCP or UDP port of another.
// Both directions of a connection belong to it.
type Flow struct {
	// From is the node that opens the connections.
	From string `yaml:"from" json:"from"`
	// To is the node that accepts them.
	To string `yaml:"to" json:"to"`
	// Port of that node. Without it, all ports.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
}
