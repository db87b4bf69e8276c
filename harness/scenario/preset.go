package scenario

// Presets are programs that many networks have, with the configuration written for them. They run from the node's
// image. ruleout plan --files shows what is written, and a file of the node with the same path takes its place.

// Nginx is the web server: static files, FastCGI to PHP-FPM, a reverse proxy. Package nginx or nginx-light.
type Nginx struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"80" min:"1" max:"65535"`
	// Root is the directory of the site in the image.
	Root string `yaml:"root,omitempty" json:"root" default:"/srv"`
	// PHP is the node whose php-fpm answers what ends in .php, and what is no file. Without it, that of the same node.
	PHP string `yaml:"php,omitempty" json:"php,omitempty"`
	// Proxy are the servers to which requests are passed on by turns, each NODE:PORT. It goes without php.
	Proxy []string `yaml:"proxy,omitempty" json:"proxy,omitempty" most:"100"`
	// Reuse is how many idle connections to the servers of proxy are kept open; without it, each request has its own.
	Reuse int `yaml:"reuse,omitempty" json:"reuse,omitempty" min:"1" max:"10000"`
	// Workers is the number of worker processes.
	Workers int `yaml:"workers,omitempty" json:"workers" default:"1" min:"1" max:"64"`
	// Connections is the most that a worker has open at once. The default is Debian's.
	Connections int `yaml:"connections,omitempty" json:"connections" default:"768" min:"16" max:"65535"`
	// Backlog given to listen(2). The default is nginx's.
	Backlog int `yaml:"backlog,omitempty" json:"backlog" default:"511" min:"1" max:"65535"`
	// Keepalive is how long an idle connection of a visitor is kept; off closes it after each answer. The default is
	// nginx's.
	Keepalive *Duration `yaml:"keepalive,omitempty" json:"keepalive" default:"75s" min:"0s" max:"24h" off:"off"`
	// Timeout is how long nginx waits for PHP or a server of proxy: for the connection, to send, and for each part of the
	// answer. Then the visitor gets a 504. The default is nginx's.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout" default:"60s" min:"1s" max:"24h"`
	// Warm has requests made before the run. Without it, there are two for each worker of PHP; none for static files.
	Warm *Warm `yaml:"warm,omitempty" json:"warm,omitempty"`
	// Status is how often its status is read, for the metrics NODE.nginx.…; off never does. Without it, each 300 ms.
	// A timeline that is coarser has it read as often as that has intervals.
	Status *Duration `yaml:"status,omitempty" json:"status,omitempty" min:"10ms" max:"1h" off:"off"`
}

// PHPFPM is the pool of PHP workers behind FastCGI. Package php-fpm.
type PHPFPM struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"9000" min:"1" max:"65535"`
	// Workers is the number of worker processes: pm = static, pm.max_children.
	Workers int `yaml:"workers,omitempty" json:"workers" default:"5" min:"1" max:"1024"`
	// Backlog given to listen(2). The default is PHP-FPM's.
	Backlog int `yaml:"backlog,omitempty" json:"backlog" default:"511" min:"1" max:"65535"`
	// MaxRequests is after how many a worker is replaced; 0 never does.
	MaxRequests int `yaml:"max-requests,omitempty" json:"max-requests" default:"0" min:"0" max:"1000000"`
	// RequestTimeout ends a request that takes longer, with its worker; off (0s) never does. PHP-FPM takes whole seconds.
	RequestTimeout *Duration `yaml:"request-timeout,omitempty" json:"request-timeout" default:"0s" min:"0s" max:"24h" off:"off"`
	// Settings of PHP, as in php.ini, without quotes. They are in a file of their own that PHP reads after the image's,
	// when it starts: extensions and the memory of opcache can be set too.
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" most:"200" empty:"yes"`
	// Status is how often its status is read, for the metrics NODE.fpm.…; off never does. Without it, each 300 ms.
	// A timeline that is coarser has it read as often as that has intervals.
	Status *Duration `yaml:"status,omitempty" json:"status,omitempty" min:"10ms" max:"1h" off:"off"`
}

// MariaDB is the database. Package mariadb-server-core. Its tables are made before the run and are in memory.
type MariaDB struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"3306" min:"1" max:"65535"`
	// Database that is made.
	Database string `yaml:"database,omitempty" json:"database" default:"app"`
	// User who may do anything, and needs no password.
	User string `yaml:"user,omitempty" json:"user" default:"app"`
	// Load are files of the image with SQL for this database, which are carried out before the run.
	Load []string `yaml:"load,omitempty" json:"load,omitempty" most:"100"`
	// Connections is the most at once. The default is MariaDB's.
	Connections int `yaml:"connections,omitempty" json:"connections" default:"151" min:"1" max:"10000"`
	// Buffer is the size of InnoDB's buffer pool.
	Buffer Size `yaml:"buffer,omitempty" json:"buffer" default:"16MiB" min:"5MiB" max:"1GiB"`
	// Settings of the server, as in my.cnf, in the place of those that the preset has.
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" most:"200" empty:"yes"`
	// Status is how often its status is read, for the metrics NODE.mariadb.…; off never does. Without it, each 3 s,
	// since an answer costs MariaDB as much as twenty small queries. A timeline that is coarser has it read as often as
	// that has intervals.
	Status *Duration `yaml:"status,omitempty" json:"status,omitempty" min:"10ms" max:"1h" off:"off"`
}

// Redis is the key-value store, without persistence. Package redis-server.
type Redis struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"6379" min:"1" max:"65535"`
	// Memory is the most that it keeps; then the key that was used longest ago goes.
	Memory Size `yaml:"memory,omitempty" json:"memory" default:"64MiB" min:"1MiB" max:"1GiB"`
	// Backlog given to listen(2). The default is redis's.
	Backlog int `yaml:"backlog,omitempty" json:"backlog" default:"511" min:"1" max:"65535"`
	// Status is how often its status is read, for the metrics NODE.redis.…; off never does. Without it, each 300 ms.
	// A timeline that is coarser has it read as often as that has intervals.
	Status *Duration `yaml:"status,omitempty" json:"status,omitempty" min:"10ms" max:"1h" off:"off"`
}

// HAProxy is a load balancer. Package haproxy.
type HAProxy struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"80" min:"1" max:"65535"`
	// Servers to which it passes on by turns, each NODE:PORT.
	Servers []string `yaml:"servers" json:"servers" most:"100"`
	// Mode is http, or tcp for connections as they are.
	Mode string `yaml:"mode,omitempty" json:"mode" default:"http" enum:"http,tcp"`
	// Reuse of idle connections to the servers: haproxy's http-reuse. The default is haproxy's.
	Reuse string `yaml:"reuse,omitempty" json:"reuse" default:"safe" enum:"never,safe,aggressive,always"`
	// Retries is how often a connection to a server is tried again. The default is haproxy's.
	Retries int `yaml:"retries,omitempty" json:"retries" default:"3" min:"0" max:"100"`
	// Connect is how long a connection to a server may take. The default is Debian's, as those of the next three.
	Connect Duration `yaml:"connect,omitempty" json:"connect" default:"5s" min:"1ms" max:"24h"`
	// Client is how long a visitor may be silent.
	Client Duration `yaml:"client,omitempty" json:"client" default:"50s" min:"1ms" max:"24h"`
	// Server is how long a server may be silent.
	Server Duration `yaml:"server,omitempty" json:"server" default:"50s" min:"1ms" max:"24h"`
	// Keepalive is how long the next request of a visitor may take to come.
	Keepalive Duration `yaml:"keepalive,omitempty" json:"keepalive" default:"50s" min:"1ms" max:"24h"`
	// Connections is the most at once.
	Connections int `yaml:"connections,omitempty" json:"connections" default:"2000" min:"1" max:"65535"`
	// Status is how often its status is read, for the metrics NODE.haproxy.…; off never does. Without it, each 300 ms.
	// A timeline that is coarser has it read as often as that has intervals.
	Status *Duration `yaml:"status,omitempty" json:"status,omitempty" min:"10ms" max:"1h" off:"off"`
}

// Dnsmasq is a name server that knows the nodes. Package dnsmasq-base.
type Dnsmasq struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"53" min:"1" max:"65535"`
}

// Unbound is a caching name server. Package unbound. It knows the nodes that it can reach, by their names.
type Unbound struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"53" min:"1" max:"65535"`
	// Forward are the name servers that are asked for what is not known here, each NODE:PORT. Without it, there is no such
	// name.
	Forward []string `yaml:"forward,omitempty" json:"forward,omitempty" most:"100"`
	// Zones are domains of which it knows all names itself: the others below do not exist.
	Zones []string `yaml:"zones,omitempty" json:"zones,omitempty" most:"1000"`
	// Records are lines as in a zone's file, such as "shop.test. 60 IN A {web}". {NODE} stands for the IPv4 address of a
	// node, as this node reaches it.
	Records []string `yaml:"records,omitempty" json:"records,omitempty" most:"10000"`
	// Cache is the size of the cache of answers, and that of the cache of records. The default is unbound's.
	Cache Size `yaml:"cache,omitempty" json:"cache" default:"4MiB" min:"64KiB" max:"1GiB"`
	// Settings of the section server, as in unbound.conf, in the place of those that the preset has.
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" most:"200" empty:"yes"`
}
