package scenario

// Scenario is one experiment: a small network, what its nodes serve, the load
// that is put on them, the faults on its links and what is expected of all that.
//
// A Scenario is a value. Its canonical form, and so its [Scenario.Hash], does not
// depend on the order of keys, on comments or on how a unit is spelt.
type Scenario struct {
	// Version of the file format: 1.
	Version int `yaml:"version" json:"version"`
	// Name of the scenario: letters, digits and dashes, at most 64.
	Name string `yaml:"name" json:"name"`
	// About says in a sentence or two what is tested and why. Not part of the hash.
	About string `yaml:"about,omitempty" json:"about,omitempty"`
	// Machine is the emulated computer; it has a meaning in the vm backend only.
	Machine Machine `yaml:"machine,omitempty" json:"machine"`
	// Warmup is how long the load runs before anything is measured. Default 1s.
	Warmup Duration `yaml:"warmup,omitempty" json:"warmup"`
	// Duration of the measured window that follows the warm-up.
	Duration Duration `yaml:"duration" json:"duration"`
	// Timeline is the interval at which nodes are sampled. Default 100ms; 0s records no timeline.
	Timeline *Duration `yaml:"timeline,omitempty" json:"timeline"`
	// Nodes are the computers of the network, each a network namespace.
	Nodes map[string]*Node `yaml:"nodes" json:"nodes"`
	// Links join nodes in pairs.
	Links []Link `yaml:"links" json:"links"`
	// Load is the traffic that is put on the network.
	Load []Load `yaml:"load,omitempty" json:"load,omitempty"`
	// Faults happen on links.
	Faults []Fault `yaml:"faults,omitempty" json:"faults,omitempty"`
	// Expect holds conditions on the record, such as "http.errors == 0".
	Expect []Expectation `yaml:"expect,omitempty" json:"expect,omitempty"`
}

// Machine is the emulated computer of the vm backend.
type Machine struct {
	// Speed of the emulated CPU: 1000mips, 500mips (the default), 250mips or 125mips.
	Speed Speed `yaml:"speed,omitempty" json:"speed"`
	// Memory of the guest, 128MiB to 8GiB. Default 384MiB.
	Memory Size `yaml:"memory,omitempty" json:"memory"`
}

// Role of a node.
type Role string

// Roles of a node.
const (
	// Host is an end system; it does not forward packets. The default.
	Host Role = "host"
	// Router forwards packets between its links.
	Router Role = "router"
)

// Node is one computer: a network namespace and a control group of its own.
type Node struct {
	// Role is host (the default) or router.
	Role Role `yaml:"role,omitempty" json:"role"`
	// Sysctls are set in the node's namespace and read back. Keys are the kernel's
	// dotted names, such as net.ipv4.tcp_sack.
	Sysctls map[string]string `yaml:"sysctls,omitempty" json:"sysctls,omitempty"`
	// Service that runs on the node.
	Service *Service `yaml:"service,omitempty" json:"service,omitempty"`
}

// Service is what a node serves; more than one kind may run on a node, on different ports.
type Service struct {
	PHP *PHP `yaml:"php,omitempty" json:"php,omitempty"`
	SQL *SQL `yaml:"sql,omitempty" json:"sql,omitempty"`
}

// PHP is a prefork pool as the kernel sees it: one task a worker, each of which blocks
// in accept, reads a request, burns CPU, queries its database and answers.
type PHP struct {
	// Port to listen on, 1 to 65535. Default 80.
	Port int `yaml:"port,omitempty" json:"port"`
	// Workers is the number of tasks, 1 to 1024. Default 5.
	Workers int `yaml:"workers,omitempty" json:"workers"`
	// Backlog given to listen(2), 1 to 65535. Default 511, as PHP-FPM has it.
	Backlog int `yaml:"backlog,omitempty" json:"backlog"`
	// Database is the node whose sql service is queried; needed when a request makes queries.
	Database string `yaml:"database,omitempty" json:"database,omitempty"`
	// Persistent keeps a worker's database connection open between requests, as
	// PHP's persistent connections do. Default false: a connection a request.
	Persistent bool `yaml:"persistent,omitempty" json:"persistent,omitempty"`
	// Request is the cost of one request.
	Request PHPRequest `yaml:"request,omitempty" json:"request"`
}

// PHPRequest is what one request costs.
type PHPRequest struct {
	// CPU is user time on an otherwise idle machine. Default 1ms.
	CPU *Duration `yaml:"cpu,omitempty" json:"cpu"`
	// Queries made one after the other, 0 to 1000.
	Queries int `yaml:"queries,omitempty" json:"queries"`
	// Response is the size of the body. Default 16kB.
	Response *Size `yaml:"response,omitempty" json:"response"`
}

// SQL is a small request-response backend with a service time.
type SQL struct {
	// Port to listen on, 1 to 65535. Default 3306.
	Port int `yaml:"port,omitempty" json:"port"`
	// Latency is the time between a query and its answer. Default 500us.
	Latency *Duration `yaml:"latency,omitempty" json:"latency"`
	// Row is the size of an answer. Default 1kB.
	Row *Size `yaml:"row,omitempty" json:"row"`
	// Backlog given to listen(2), 1 to 65535. Default 151, as MySQL's max_connections.
	Backlog int `yaml:"backlog,omitempty" json:"backlog"`
}

// Link joins two nodes by way of a wire: a namespace in the middle in which the
// link's delay, rate and faults act, out of both nodes' sight.
type Link struct {
	// Between names the two ends.
	Between [2]string `yaml:"between" json:"between"`
	// Delay is the one-way propagation delay, the same in both directions.
	Delay Duration `yaml:"delay,omitempty" json:"delay"`
	// Rate in each direction; 0 means as fast as the machine can.
	Rate Rate `yaml:"rate,omitempty" json:"rate"`
	// Queue is the most packets that may wait in each direction. Default: enough that nothing
	// is dropped at the rate and delay asked for (1000 at least).
	Queue int `yaml:"queue,omitempty" json:"queue"`
	// MTU of both ends, 576 to 9000 bytes (1280 at least for IPv6). Default 1500.
	MTU int `yaml:"mtu,omitempty" json:"mtu"`
}

// Load is traffic from one node to a service on another.
type Load struct {
	From string    `yaml:"from" json:"from"`
	To   string    `yaml:"to" json:"to"`
	HTTP *HTTPLoad `yaml:"http" json:"http"`
}

// Arrivals is the process by which requests arrive.
type Arrivals string

// Arrival processes.
const (
	// Constant spaces requests evenly.
	Constant Arrivals = "constant"
	// Poisson draws exponential gaps from the seed.
	Poisson Arrivals = "poisson"
)

// HTTPLoad is an open-loop HTTP/1.1 client: requests leave when planned, whether or
// not earlier ones were answered, and latency counts from the planned time.
type HTTPLoad struct {
	// Port of the php service; default: the port of the php service on the node.
	Port int `yaml:"port,omitempty" json:"port"`
	// Arrivals is constant or poisson (the default).
	Arrivals Arrivals `yaml:"arrivals,omitempty" json:"arrivals"`
	// Rate of arrivals, such as 40/s.
	Rate Frequency `yaml:"rate" json:"rate"`
	// Timeout of a request from its planned time. Default 5s.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout"`
	// Keepalive reuses connections. Default false: a connection a request.
	Keepalive bool `yaml:"keepalive,omitempty" json:"keepalive,omitempty"`
	// Connections is the most that may be open at once; 0 (the default) means no limit.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty"`
	// IPv6 uses the node's IPv6 address.
	IPv6 bool `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	// At is when the load starts, relative to the start of the measured window. Default: the warm-up's start.
	At *Duration `yaml:"at,omitempty" json:"at,omitempty"`
	// For is how long requests arrive. Default: to the end of the measured window.
	For Duration `yaml:"for,omitempty" json:"for,omitempty"`
	// Late is the bound on the 99th percentile of how far the generator may fall behind
	// its own plan before the run is invalid. Default 5ms.
	Late Duration `yaml:"late,omitempty" json:"late"`
}

// Fault is a selector, an action, a place and a time.
type Fault struct {
	// Name of the fault, unique in the scenario.
	Name string `yaml:"name" json:"name"`
	// Link names the two ends of the link on which it acts.
	Link [2]string `yaml:"link" json:"link"`
	// From is the end whose packets it acts on.
	From string `yaml:"from" json:"from"`
	// Select chooses packets. Default: all of them.
	Select Select `yaml:"select,omitempty" json:"select"`
	// Do is what happens to the chosen packets.
	Do Action `yaml:"do" json:"do"`
	// At is when the fault begins, relative to the start of the measured window. Default 0s.
	At Duration `yaml:"at,omitempty" json:"at"`
	// For is how long it lasts. Default: to the end of the run.
	For Duration `yaml:"for,omitempty" json:"for,omitempty"`
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
	// Packets is the class: any (the default) or pure-ack.
	Packets Packets `yaml:"packets,omitempty" json:"packets"`
	// Chance with which a packet of the class is chosen, above 0% and up to 100% (the default).
	Chance *Share `yaml:"chance,omitempty" json:"chance"`
}

// Action is what happens to a chosen packet. Exactly one of Drop, Delay, Reorder,
// Duplicate and Rate is set; Jitter goes with Delay.
type Action struct {
	// Drop loses the packet.
	Drop bool `yaml:"drop,omitempty" json:"drop,omitempty"`
	// Delay holds the packet back, in addition to the link's own delay.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
	// Jitter varies Delay by up to so much either way, uniformly; at most Delay.
	Jitter Duration `yaml:"jitter,omitempty" json:"jitter,omitempty"`
	// Reorder holds the packet back for so long that later ones overtake it.
	Reorder Duration `yaml:"reorder,omitempty" json:"reorder,omitempty"`
	// Duplicate is the number of extra copies right behind the packet, 1 to 16.
	Duplicate int `yaml:"duplicate,omitempty" json:"duplicate,omitempty"`
	// Rate squeezes the chosen packets through a bottleneck.
	Rate Rate `yaml:"rate,omitempty" json:"rate,omitempty"`
}

// Expectation is a condition on the record, such as "http.latency.p99 < 400ms".
type Expectation string
