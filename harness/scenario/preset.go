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
}

// MariaDB is the database. Package mariadb-server-core. Its tables are made before the run and are in memory.
type MariaDB struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"3306" min:"1" max:"65535"`
	// Database that is made.
	Database string `yaml:"database,omitempty" json:"database" default:"app"`
	// User of the database, who needs no password.
	User string `yaml:"user,omitempty" json:"user" default:"app"`
	// Load are files of the image with SQL for this database, which are carried out before the run.
	Load []string `yaml:"load,omitempty" json:"load,omitempty" most:"100"`
	// Connections is the most at once. The default is MariaDB's.
	Connections int `yaml:"connections,omitempty" json:"connections" default:"151" min:"1" max:"10000"`
	// Buffer is the size of InnoDB's buffer pool.
	Buffer Size `yaml:"buffer,omitempty" json:"buffer" default:"16MiB" min:"5MiB" max:"1GiB"`
	// Settings of the server, as in my.cnf, in the place of those that the preset has.
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" most:"200" empty:"yes"`
}

// Redis is the key-value store, without persistence. Package redis-server.
type Redis struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"6379" min:"1" max:"65535"`
	// Memory is the most that it keeps; then the key that was used longest ago goes.
	Memory Size `yaml:"memory,omitempty" json:"memory" default:"64MiB" min:"1MiB" max:"1GiB"`
	// Backlog given to listen(2). The default is redis's.
	Backlog int `yaml:"backlog,omitempty" json:"backlog" default:"511" min:"1" max:"65535"`
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
	// Connect is how long it waits for a connection to a server. The defaults of its timeouts are Debian's.
	Connect Duration `yaml:"connect,omitempty" json:"connect" default:"5s" min:"1ms" max:"24h"`
	// Client is how long it bears with the silence of a visitor.
	Client Duration `yaml:"client,omitempty" json:"client" default:"50s" min:"1ms" max:"24h"`
	// Server is how long it bears with the silence of a server.
	Server Duration `yaml:"server,omitempty" json:"server" default:"50s" min:"1ms" max:"24h"`
	// Keepalive is how long it waits for the next request of a visitor.
	Keepalive Duration `yaml:"keepalive,omitempty" json:"keepalive" default:"50s" min:"1ms" max:"24h"`
	// Connections is the most at once.
	Connections int `yaml:"connections,omitempty" json:"connections" default:"2000" min:"1" max:"65535"`
}

// Dnsmasq is a name server that knows the nodes. Package dnsmasq-base.
type Dnsmasq struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"53" min:"1" max:"65535"`
}
