package scenario

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
	// Role is host, or router for a node that forwards packets between its links.
	Role Role `yaml:"role,omitempty" json:"role" default:"host" enum:"host,router"`
	// Sysctls are set in the node's namespace and read back. Keys are the kernel's
	// dotted names below net, such as net.ipv4.tcp_sack; values are numbers or strings. One whose key ends
	// in a question mark is left out on kernels that do not have it. In a virtual machine, the module of the congestion control
	// that net.ipv4.tcp_congestion_control names is loaded.
	Sysctls map[string]string `yaml:"sysctls,omitempty" json:"sysctls,omitempty" most:"1000"`
	// Service that runs on the node.
	Service *Service `yaml:"service,omitempty" json:"service,omitempty"`
}

// Service is what a node serves; more than one kind may run on a node, on different ports.
type Service struct {
	// PHP is a pool of PHP-like workers behind HTTP.
	PHP *PHP `yaml:"php,omitempty" json:"php,omitempty"`
	// SQL is a database for the PHP workers of this or another node.
	SQL *SQL `yaml:"sql,omitempty" json:"sql,omitempty"`
}

// PHP is a prefork pool as the kernel sees it: one task a worker, each of which blocks
// in accept, reads a request, burns CPU, queries its database and answers.
type PHP struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"80" min:"1" max:"65535"`
	// Workers is the number of tasks.
	Workers int `yaml:"workers,omitempty" json:"workers" default:"5" min:"1" max:"1024"`
	// Backlog given to listen(2): so many connections, and one more, wait for a worker. The default is PHP-FPM's.
	// The kernel caps it at the sysctl net.core.somaxconn.
	Backlog int `yaml:"backlog,omitempty" json:"backlog" default:"511" min:"1" max:"65535"`
	// Database is the node whose sql service is queried; needed when a request makes queries.
	Database string `yaml:"database,omitempty" json:"database,omitempty"`
	// Persistent keeps a worker's database connection open between requests, as
	// PHP's persistent connections do, instead of one connection a request.
	Persistent bool `yaml:"persistent,omitempty" json:"persistent,omitempty"`
	// Request is the cost of one request.
	Request PHPRequest `yaml:"request,omitempty" json:"request"`
}

// PHPRequest is what one request costs the node and its database.
type PHPRequest struct {
	// CPU is user time on an otherwise idle machine.
	CPU *Duration `yaml:"cpu,omitempty" json:"cpu" default:"1ms" min:"0s" max:"1m"`
	// Queries made one after the other.
	Queries int `yaml:"queries,omitempty" json:"queries" default:"0" min:"0" max:"1000"`
	// Response is the size of the body.
	Response *Size `yaml:"response,omitempty" json:"response" default:"16kB" min:"0B" max:"64MB"`
}

// SQL is a small request-response backend with a service time.
type SQL struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"3306" min:"1" max:"65535"`
	// Latency is the time between a query and its answer.
	Latency *Duration `yaml:"latency,omitempty" json:"latency" default:"500us" min:"0s" max:"1m"`
	// Row is the size of an answer.
	Row *Size `yaml:"row,omitempty" json:"row" default:"1kB" min:"0B" max:"16MB"`
	// Backlog given to listen(2). The default is MySQL's max_connections.
	Backlog int `yaml:"backlog,omitempty" json:"backlog" default:"151" min:"1" max:"65535"`
}
