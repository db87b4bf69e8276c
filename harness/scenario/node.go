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
	// Sysctls are set in the node's namespace and read back. Keys are the kernel's dotted names below net, such as
	// net.ipv4.tcp_sack; values are numbers or strings. One whose key ends in a question mark is left out on kernels that
	// do not have it. In a virtual machine, the module of the congestion control that net.ipv4.tcp_congestion_control
	// names is loaded.
	Sysctls map[string]string `yaml:"sysctls,omitempty" json:"sysctls,omitempty" most:"1000"`
	// Image is the file system of the node's programs, one of the scenario's images. What they write is the node's own.
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// Files are written on top of the image: absolute paths, each with the text.
	Files map[string]string `yaml:"files,omitempty" json:"files,omitempty" most:"1000" empty:"yes"`
	// Resolver is how loads of the node look names up (http.host).
	Resolver *Resolver `yaml:"resolver,omitempty" json:"resolver,omitempty"`
	// Service that runs on the node.
	Service *Service `yaml:"service,omitempty" json:"service,omitempty"`
	// Conntrack is the node's table of connections. A node has one if it has this key, nat, or a rule of its firewall with
	// a state; other nodes track nothing.
	Conntrack *Conntrack `yaml:"conntrack,omitempty" json:"conntrack,omitempty"`
	// NAT are the rules by which a router changes addresses and ports. Faults, flows and captures go by the addresses that
	// packets have on their link: behind a NAT, the flow from the NAT's node to the server is the one to name.
	NAT []NAT `yaml:"nat,omitempty" json:"nat,omitempty" most:"100"`
	// Firewall are the rules that packets meet on the node.
	Firewall []FirewallRule `yaml:"firewall,omitempty" json:"firewall,omitempty" most:"500"`
}

// Service is what a node serves; more than one kind may run on a node, on different ports.
type Service struct {
	// PHP is a pool of PHP-like workers behind HTTP.
	PHP *PHP `yaml:"php,omitempty" json:"php,omitempty"`
	// SQL is a database for the PHP workers of this or another node.
	SQL *SQL `yaml:"sql,omitempty" json:"sql,omitempty"`
	// UDP takes datagrams, and may answer them.
	UDP *UDP `yaml:"udp,omitempty" json:"udp,omitempty"`
	// DNS is a name server for names of the scenario.
	DNS *DNS `yaml:"dns,omitempty" json:"dns,omitempty"`
	// Bulk takes bulk data.
	Bulk *Bulk `yaml:"bulk,omitempty" json:"bulk,omitempty"`
	// Nginx is the web server nginx.
	Nginx *Nginx `yaml:"nginx,omitempty" json:"nginx,omitempty"`
	// PHPFPM is PHP's own pool, behind nginx.
	PHPFPM *PHPFPM `yaml:"php-fpm,omitempty" json:"php-fpm,omitempty"`
	// MariaDB is a database.
	MariaDB *MariaDB `yaml:"mariadb,omitempty" json:"mariadb,omitempty"`
	// Redis is a key-value store.
	Redis *Redis `yaml:"redis,omitempty" json:"redis,omitempty"`
	// HAProxy is a load balancer.
	HAProxy *HAProxy `yaml:"haproxy,omitempty" json:"haproxy,omitempty"`
	// Dnsmasq is a name server.
	Dnsmasq *Dnsmasq `yaml:"dnsmasq,omitempty" json:"dnsmasq,omitempty"`
	// Unbound is a caching name server.
	Unbound *Unbound `yaml:"unbound,omitempty" json:"unbound,omitempty"`
	// Exec are programs of the node's image. They start in this order, each when those before it are ready.
	Exec []Program `yaml:"exec,omitempty" json:"exec,omitempty" most:"100"`
}

// PHP is a prefork pool as the kernel sees it: one task a worker, each of which blocks
// in accept, reads a request, burns CPU, queries its database and answers.
type PHP struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"80" min:"1" max:"65535"`
	// Like is a program whose defaults stand in for keys that are not written: timeouts, requests on a connection. The
	// table of them, each with its source, is in docs/architecture/traffic.md.
	Like string `yaml:"like,omitempty" json:"-" enum:"apache,aws-alb,haproxy,nginx,php-fpm"`
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
	// Reconnect says what becomes of a query whose connection to the database ends before a byte of the answer: off
	// fails it, and the visitor gets a 500 ("MySQL server has gone away": PHP's drivers never send a query again;
	// mysqlnd ignores mysqli.reconnect). idle connects again if the connection was kept from an earlier request and
	// this is the request's first query, as PDO and mysqli do when they hand out a persistent connection (they ask
	// with COM_PING or COM_CHANGE_USER first; that round trip is not made here). always connects again for every
	// query, once. The metric NODE.sql.reconnects counts them.
	Reconnect Retry `yaml:"reconnect,omitempty" json:"reconnect,omitzero" default:"idle" enum:"off,idle,always"`
	// KeepaliveRequests is the most requests on one connection; with the answer to the last, the pool closes it. Without
	// it there is no limit. Apache's MaxKeepAliveRequests is 100, nginx's keepalive_requests 1000 (since 1.19.10).
	KeepaliveRequests int `yaml:"keepalive-requests,omitempty" json:"keepalive-requests,omitempty" min:"1" max:"1000000"`
	// Writes is how many pieces of about equal length an answer is handed to the kernel in, one right after the other, by
	// a system call each. Without it, one.
	Writes int `yaml:"writes,omitempty" json:"writes,omitempty" min:"2" max:"16"`
	// Nagle leaves Nagle's algorithm on, which holds a short segment back while an earlier one is not acknowledged, as
	// every program has it that sets nothing. Without the key it is off (TCP_NODELAY), as nginx (tcp_nodelay) and Apache
	// have it.
	Nagle bool `yaml:"nagle,omitempty" json:"nagle,omitempty"`
	// Timeouts are how long a worker waits for others. All but idle may end up to an eighth later, as the kernel's own
	// timers of sockets do.
	Timeouts PHPTimeouts `yaml:"timeouts,omitempty" json:"timeouts,omitzero"`
	// Request is the cost of one request.
	Request PHPRequest `yaml:"request,omitempty" json:"request"`
}

// PHPTimeouts are how long a worker waits for others; they hold it all the while.
type PHPTimeouts struct {
	// Idle is how long a worker waits for the next request on a kept connection before it closes the connection. The
	// default is that of Apache's KeepAliveTimeout.
	Idle Duration `yaml:"idle,omitempty" json:"idle" default:"5s" min:"1ms" max:"24h"`
	// Read is how long the client may take from when a worker first waits for its request to the last byte of that.
	// Then the worker closes the connection without an answer. The default is that of Apache's RequestReadTimeout for
	// a head.
	Read Duration `yaml:"read,omitempty" json:"read" default:"20s" min:"1ms" max:"24h"`
	// Write is how long an answer may wait for room in the send buffer. The default is that of Apache's Timeout.
	Write Duration `yaml:"write,omitempty" json:"write" default:"60s" min:"1ms" max:"24h"`
	// Query bounds connecting to the database, and each wait for a part of an answer; then the query has failed, and
	// the visitor gets a 500. The default is a choice: PHP itself would wait for a day (mysqlnd.net_read_timeout),
	// since its max_execution_time of 30 s does not count waiting.
	Query Duration `yaml:"query,omitempty" json:"query" default:"30s" min:"1ms" max:"24h"`
}

// IsZero reports whether all are the defaults, which the canonical form leaves out.
func (t PHPTimeouts) IsZero() bool { return atDefaults(t) }

// PHPRequest is what one request costs the node and its database.
type PHPRequest struct {
	// CPU is user time on an otherwise idle machine.
	CPU *Duration `yaml:"cpu,omitempty" json:"cpu" default:"1ms" min:"0s" max:"1m"`
	// Queries made one after the other.
	Queries int `yaml:"queries,omitempty" json:"queries" default:"0" min:"0" max:"1000"`
	// FirstByte is time that passes without CPU before the first byte of the answer, after CPU and queries: a service
	// that is asked and is no node here.
	FirstByte Duration `yaml:"first-byte,omitempty" json:"first-byte,omitempty" min:"1us" max:"1h"`
	// Spread is how requests differ in what they cost: constant, not at all; exponential, cpu and first-byte of each are
	// multiplied by a number from the exponential distribution with mean 1, of which the seed draws one for each request
	// in the order in which workers take them.
	Spread Spread `yaml:"spread,omitempty" json:"spread,omitzero" default:"constant" enum:"constant,exponential"`
	// Response is the size of the body.
	Response *Size `yaml:"response,omitempty" json:"response" default:"16kB" min:"0B" max:"64MB"`
}

// Spread is a distribution of cost.
type Spread string

// Distributions of cost.
const (
	// SpreadConstant has all alike. The default.
	SpreadConstant Spread = "constant"
	// SpreadExponential has a standard deviation as large as the mean.
	SpreadExponential Spread = "exponential"
)

// IsZero reports whether it is the default, which the canonical form leaves out.
func (s Spread) IsZero() bool { return s == "" || s == SpreadConstant }

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
	// Connections is the most that are served at once; further ones wait in the backlog until one ends (MySQL would
	// turn them away: "Too many connections"). Without it, there are two for each worker of the pools that use the
	// database, and 16 more, so that none waits.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty" min:"1" max:"4096"`
	// Timeouts are how long the database waits for others. Write may end up to an eighth later, as the kernel's own timers
	// of sockets do.
	Timeouts SQLTimeouts `yaml:"timeouts,omitempty" json:"timeouts,omitzero"`
}

// SQLTimeouts are how long the database waits for others.
type SQLTimeouts struct {
	// Idle is how long a connection may carry no query before the database closes it. The default is that of
	// MySQL's wait_timeout.
	Idle Duration `yaml:"idle,omitempty" json:"idle" default:"8h" min:"1ms" max:"24h"`
	// Read is how long the rest of a query that has begun may take to come. The default is that of
	// MySQL's net_read_timeout.
	Read Duration `yaml:"read,omitempty" json:"read" default:"30s" min:"1ms" max:"24h"`
	// Write is how long an answer may wait for room in the send buffer. The default is that of MySQL's net_write_timeout.
	Write Duration `yaml:"write,omitempty" json:"write" default:"60s" min:"1ms" max:"24h"`
}

// IsZero reports whether all are the defaults, which the canonical form leaves out.
func (t SQLTimeouts) IsZero() bool { return atDefaults(t) }
