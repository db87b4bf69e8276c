package scenario

// Traffic is load that one node puts on a service of another.
type Traffic struct {
	// From is the node that asks.
	From string `yaml:"from" json:"from"`
	// To is the node that answers; it has a php service.
	To string `yaml:"to" json:"to"`
	// HTTP is the kind of traffic, the only one so far.
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
	// Port of the php service. Without it, the port that the php service of the node has.
	Port int `yaml:"port,omitempty" json:"port" min:"1" max:"65535"`
	// Arrivals is constant (evenly spaced) or poisson (exponential gaps drawn from the seed).
	Arrivals Arrivals `yaml:"arrivals,omitempty" json:"arrivals" default:"poisson" enum:"constant,poisson"`
	// Rate of arrivals, such as 40/s.
	Rate Frequency `yaml:"rate" json:"rate" above:"0/s" max:"100000/s"`
	// Timeout of a request from its planned time.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout" default:"5s" min:"1ms" max:"1h"`
	// Keepalive reuses connections, instead of one connection a request.
	Keepalive bool `yaml:"keepalive,omitempty" json:"keepalive,omitempty"`
	// Connections is the most that may be open at once. Without it there is no limit.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty" min:"1" max:"65535"`
	// Probes has the kernel send keepalive probes on idle connections (SO_KEEPALIVE), at the times of the sysctls net.ipv4.tcp_keepalive_time,
	// tcp_keepalive_intvl and tcp_keepalive_probes of the node. It goes with keepalive.
	Probes bool `yaml:"probes,omitempty" json:"probes,omitempty"`
	// Writes is how many pieces of about equal length a request is handed to the kernel in, one right after the other, by
	// a call of write(2) each. Without it, one.
	Writes int `yaml:"writes,omitempty" json:"writes,omitempty" min:"2" max:"16"`
	// NoDelay turns Nagle's algorithm off (TCP_NODELAY), which holds a short segment back while an earlier one is not acknowledged.
	NoDelay bool `yaml:"nodelay,omitempty" json:"nodelay,omitempty"`
	// IPv6 uses the node's IPv6 address.
	IPv6 bool `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	// Phase is the name of the phase in which requests arrive; it stands for at and for.
	Phase string `yaml:"phase,omitempty" json:"-"`
	// At is when the load starts, relative to the start of the measured window. Without it, the load starts with the warm-up.
	At *Duration `yaml:"at,omitempty" json:"at,omitempty" min:"0s"`
	// For is how long requests arrive. Without it, to the end of the measured window.
	For Duration `yaml:"for,omitempty" json:"for" min:"1ms"`
	// Late is the bound on the 99th percentile of how far the generator may fall behind
	// its own plan before the run is invalid.
	Late Duration `yaml:"late,omitempty" json:"late" default:"5ms" min:"1us" max:"1m"`
}
