package scenario

// Scenario is one experiment: a small network, what its nodes serve, the load
// that is put on them, the faults on its links and what is expected of all that.
//
// A Scenario is a value. Its canonical form, and so its [Scenario.Hash], does not
// depend on the order of keys, on comments or on how a unit is spelt.
//
// The tags of a field are all that the decoder, the schema and the reference know of it: a key without omitempty is
// required; default is what stands in for a missing key; min, max and above (min, itself excluded) bound a value that
// was written; enum lists the values allowed; off is a word for zero; most is the most items of a list or mapping;
// empty allows "" for the texts in one.
type Scenario struct {
	// Version of the file format, which is 1.
	Version int `yaml:"version" json:"version"`
	// Name of the scenario: up to 64 letters, digits and dashes, a letter or digit first.
	Name string `yaml:"name" json:"name"`
	// About says in a sentence or two what is tested and why. Not part of the hash.
	About string `yaml:"about,omitempty" json:"about,omitempty"`
	// Source of the numbers in expect: the section of an RFC, a file and commit of the kernel, a paper. Not part of the
	// hash.
	Source string `yaml:"source,omitempty" json:"source,omitempty"`
	// Seeds is how many runs ruleout validate makes, each with a seed of its own, before it checks expect against all
	// of them: for numbers that are true of many packets and by chance not of few. Not part of the hash; other commands
	// make one run.
	Seeds int `yaml:"seeds,omitempty" json:"seeds,omitempty" min:"1" max:"100"`
	// Since is the first kernel release on which the scenario has a meaning, such as 6.5. Older ones are refused.
	Since string `yaml:"since,omitempty" json:"since,omitempty"`
	// Until is the last kernel release on which the scenario has a meaning. Newer ones are refused.
	Until string `yaml:"until,omitempty" json:"until,omitempty"`
	// Machine is the emulated computer; it has a meaning in the vm backend only.
	Machine Machine `yaml:"machine,omitempty" json:"machine"`
	// Warmup is how long the load runs before anything is measured.
	Warmup Duration `yaml:"warmup,omitempty" json:"warmup" default:"1s" min:"0s" max:"1h"`
	// Duration of the measured window that follows the warm-up.
	Duration Duration `yaml:"duration" json:"duration" min:"1ms" max:"24h"`
	// Timeline is the interval at which nodes are sampled; off (0s) records no timeline.
	Timeline *Duration `yaml:"timeline,omitempty" json:"timeline" default:"100ms" min:"1ms" max:"1h" off:"off"`
	// Images are file systems with programs, for nodes. In a virtual machine only.
	Images map[string]*Image `yaml:"images,omitempty" json:"images,omitempty" most:"20"`
	// Nodes are the computers of the network, each a network namespace. A name is a lower-case letter followed
	// by up to 14 lower-case letters, digits and dashes; machine, http and fault are taken.
	Nodes map[string]*Node `yaml:"nodes" json:"nodes" most:"250"`
	// Links join nodes in pairs.
	Links []Link `yaml:"links,omitempty" json:"links" most:"500"`
	// Phases are spans of the measured window that faults and loads can name.
	Phases map[string]*Phase `yaml:"phases,omitempty" json:"phases,omitempty" most:"100"`
	// Flows are names for connections, for selectors and injections.
	Flows map[string]*Flow `yaml:"flows,omitempty" json:"flows,omitempty" most:"100"`
	// Load is the traffic that is put on the network.
	Load []Traffic `yaml:"load,omitempty" json:"load,omitempty" most:"100"`
	// Faults happen on links.
	Faults []Fault `yaml:"faults,omitempty" json:"faults,omitempty" most:"250"`
	// Expect holds conditions on the record, such as "http.errors == 0".
	Expect []Expectation `yaml:"expect,omitempty" json:"expect,omitempty" most:"1000"`

	root string            // directory of the file
	pins map[string]string // hashes of images
}

// Machine is the emulated computer of the vm backend.
type Machine struct {
	// Speed of the emulated CPU in million instructions a second. A slower one reaches its limits with less
	// load, and a second of its time costs less to run.
	Speed Speed `yaml:"speed,omitempty" json:"speed" default:"500mips" enum:"1000mips,500mips,250mips,125mips"`
	// Memory of the guest, in whole MiB, without images. The default is 512MiB where nodes run programs of images.
	Memory Size `yaml:"memory,omitempty" json:"memory" default:"384MiB" min:"128MiB" max:"3GiB"`
}

// Link joins two nodes by way of a wire: a namespace in the middle in which the
// link's delay, rate and faults act, out of both nodes' sight.
type Link struct {
	// Between names the two ends, two different nodes. Two nodes have at most one link.
	Between [2]string `yaml:"between" json:"between"`
	// Profile is a kind of line, whose delay and rates stand in for those that the link does not state; its queue is that
	// of a link without a profile. The first end of between is the subscriber's.
	Profile Profile `yaml:"profile,omitempty" json:"profile,omitempty" enum:"dsl,cable,fiber,lte,3g,5g,geo,leo,intercontinental,datacenter,rack"`
	// Delay is the one-way propagation delay.
	Delay Duration `yaml:"delay,omitempty" json:"delay" default:"0s" min:"0s" max:"1m"`
	// Rate in each direction. Without it packets go as fast as the machine can.
	Rate Rate `yaml:"rate,omitempty" json:"rate" min:"1kbit" max:"100gbit"`
	// Back is what differs for packets from the second end.
	Back *Back `yaml:"back,omitempty" json:"back,omitempty"`
	// Queue is the most packets that may be on the way or wait, in each direction; with a rate, that wait or are being
	// sent. Without it the queue is large enough that nothing is dropped at the rate and delay asked for, and 10,000 at
	// least; a run in which it overflows all the same is invalid. It is also that of faults on the link that do rate or
	// slot, and has no effect where there are neither these nor a rate or a delay.
	Queue int `yaml:"queue,omitempty" json:"queue" min:"1" max:"1000000"`
	// QueueBytes is the same in bytes of Ethernet frames. It goes with a rate.
	QueueBytes Size `yaml:"queue-bytes,omitempty" json:"queue-bytes,omitzero" min:"64B" max:"1GB"`
	// Discipline is that of the queue in front of the rate, in each direction. Without it, packets leave in the order in
	// which they came, and those are dropped for which there is no room.
	Discipline *Discipline `yaml:"discipline,omitempty" json:"discipline,omitempty"`
	// MTU of both ends in bytes. Below 1280 the link has no IPv6.
	MTU int `yaml:"mtu,omitempty" json:"mtu" default:"1500" min:"576" max:"9000"`
}

// Expectation is a condition on the record, such as "http.latency.p99 < 400ms".
type Expectation string
