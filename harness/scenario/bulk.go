package scenario

// BulkLoad sends as much as TCP carries, over a number of connections that begin at the same time.
type BulkLoad struct {
	// Port to send to. Without it, that of the node's bulk service.
	Port int `yaml:"port,omitempty" json:"port" min:"1" max:"65535"`
	// Flows is the number of connections.
	Flows int `yaml:"flows,omitempty" json:"flows" default:"1" min:"1" max:"500"`
	// Bytes is how much each flow sends before it ends. Without it, each sends to the end of the load.
	Bytes Size `yaml:"bytes,omitempty" json:"bytes,omitempty" min:"8B" max:"100GB"`
	// IPv6 uses the node's IPv6 address.
	IPv6 bool `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	// Phase is the name of the phase in which the load runs; it stands for at and for.
	Phase string `yaml:"phase,omitempty" json:"-"`
	// At is when the flows begin, relative to the start of the measured window. Without it, with the warm-up.
	At *Duration `yaml:"at,omitempty" json:"at,omitempty" min:"0s"`
	// For is how long they send at most. Without it, to the end of the measured window.
	For Duration `yaml:"for,omitempty" json:"for" min:"1ms"`
}

// Bulk takes what bulk loads send, and throws it away.
type Bulk struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"5001" min:"1" max:"65535"`
}
