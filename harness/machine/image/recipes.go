package image

// Maintainer scripts do not run, so a table says what those of common packages would have made. User ids are the same
// in each image, unlike on machines, where the order of installation decides.

// ownName is what Entry.From says about what ruleout itself adds.
const ownName = "ruleout"

// account is a user with a group.
type account struct {
	name, home string
	uid, gid   int
	group      string // if not that of the name
}

// place is a directory with its owner.
type place struct {
	path, user, group string
	mode              uint32
}

// link is a symbolic link, made if what it leads to is there.
type link struct{ path, target string }

// recipe is what a package gets besides its files.
type recipe struct {
	packages []string // patterns of path.Match
	users    []account
	places   []place
	links    []link
}

// system are Debian's accounts with fixed numbers, Debian policy 9.2.2 and the package base-passwd.
var system = []account{
	{"root", "/root", 0, 0, ""}, {"daemon", "/usr/sbin", 1, 1, ""}, {"bin", "/bin", 2, 2, ""}, {"sys", "/dev", 3, 3, ""},
	{"games", "/usr/games", 5, 60, ""}, {"man", "/var/cache/man", 6, 12, ""}, {"lp", "/var/spool/lpd", 7, 7, ""},
	{"mail", "/var/mail", 8, 8, ""}, {"news", "/var/spool/news", 9, 9, ""}, {"uucp", "/var/spool/uucp", 10, 10, ""},
	{"proxy", "/bin", 13, 13, ""}, {"www-data", "/var/www", 33, 33, ""}, {"backup", "/var/backups", 34, 34, ""},
	{"list", "/var/list", 38, 38, ""}, {"irc", "/run/ircd", 39, 39, ""}, {"_apt", "/nonexistent", 42, 65534, "nogroup"},
	{"nobody", "/nonexistent", 65534, 65534, "nogroup"},
}

// groups are Debian's groups without a user.
var groups = []struct {
	name string
	gid  int
}{
	{"adm", 4}, {"tty", 5}, {"disk", 6}, {"kmem", 15}, {"dialout", 20}, {"fax", 21}, {"voice", 22},
	{"cdrom", 24}, {"floppy", 25},
	{"tape", 26}, {"sudo", 27}, {"audio", 29}, {"dip", 30}, {"operator", 37}, {"src", 40}, {"shadow", 42},
	{"utmp", 43}, {"video", 44},
	{"sasl", 45}, {"plugdev", 46}, {"staff", 50}, {"users", 100},
}

var recipes = []recipe{
	{
		packages: []string{"nginx", "nginx-*"},
		places: []place{
			{"/var/log/nginx", "www-data", "adm", 0o755}, {"/var/lib/nginx", "root", "root", 0o755},
			{"/var/lib/nginx/body", "www-data", "root", 0o700}, {"/var/lib/nginx/proxy", "www-data", "root", 0o700},
			{"/var/lib/nginx/fastcgi", "www-data", "root", 0o700}, {"/var/lib/nginx/uwsgi", "www-data", "root", 0o700},
			{"/var/lib/nginx/scgi", "www-data", "root", 0o700},
		},
		links: []link{{"/etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default"}},
	},
	{
		packages: []string{"apache2", "apache2-bin"},
		places: []place{{"/var/log/apache2", "root", "adm", 0o750}, {"/var/www/html", "root", "root", 0o755},
			{"/var/cache/apache2", "root", "root", 0o755}},
	},
	{
		packages: []string{"mariadb-server*", "mysql-server*", "default-mysql-server*"},
		users:    []account{{"mysql", "/nonexistent", 101, 101, ""}},
		places: []place{
			{"/var/lib/mysql", "mysql", "mysql", 0o755}, {"/var/log/mysql", "mysql", "adm", 0o2750},
			{"/run/mysqld", "mysql", "root", 0o755},
			{"/var/lib/mysql-files", "mysql", "mysql", 0o700},
		},
	},
	{packages: []string{"mariadb-common"}, links: []link{{"/etc/alternatives/my.cnf", "/etc/mysql/mariadb.cnf"},
		{"/etc/mysql/my.cnf", "/etc/alternatives/my.cnf"}}},
	{packages: []string{"mysql-common"}, links: []link{{"/etc/alternatives/my.cnf", "/etc/mysql/my.cnf.fallback"},
		{"/etc/mysql/my.cnf", "/etc/alternatives/my.cnf"}}},
	{
		packages: []string{"redis-server", "redis-sentinel", "redis", "valkey-server"},
		users:    []account{{"redis", "/var/lib/redis", 100, 109, ""}},
		places: []place{
			{"/var/lib/redis", "redis", "redis", 0o750}, {"/var/log/redis", "redis", "adm", 0o2750},
			{"/run/redis", "redis", "redis", 0o2755},
			{"/etc/redis", "redis", "redis", 0o2770},
		},
	},
	{
		packages: []string{"haproxy"},
		users:    []account{{"haproxy", "/var/lib/haproxy", 102, 102, ""}},
		places:   []place{{"/var/lib/haproxy", "haproxy", "haproxy", 0o755}, {"/run/haproxy", "haproxy", "haproxy", 0o2775}},
	},
	{
		packages: []string{"dnsmasq", "dnsmasq-base"},
		users:    []account{{"dnsmasq", "/var/lib/misc", 103, 65534, "nogroup"}},
		places:   []place{{"/var/lib/misc", "root", "root", 0o755}, {"/run/dnsmasq", "dnsmasq", "nogroup", 0o755}},
	},
	{
		packages: []string{"unbound"},
		users:    []account{{"unbound", "/var/lib/unbound", 104, 104, ""}},
		places:   []place{{"/var/lib/unbound", "unbound", "unbound", 0o755}},
	},
	{
		packages: []string{"memcached"},
		users:    []account{{"memcache", "/nonexistent", 105, 105, ""}},
	},
	{
		packages: []string{"postgresql", "postgresql-common", "postgresql-[0-9]*"},
		users:    []account{{"postgres", "/var/lib/postgresql", 106, 106, ""}},
		places: []place{
			{"/var/lib/postgresql", "postgres", "postgres", 0o755}, {"/run/postgresql", "postgres", "postgres", 0o2775},
			{"/var/log/postgresql", "postgres", "adm", 0o1775},
		},
	},
	{
		packages: []string{"bind9"},
		users:    []account{{"bind", "/var/cache/bind", 107, 107, ""}},
		places: []place{{"/var/cache/bind", "root", "bind", 0o775}, {"/run/named", "root", "bind", 0o775},
			{"/var/lib/bind", "root", "bind", 0o775}},
	},
	{
		packages: []string{"varnish"},
		users: []account{{"vcache", "/nonexistent", 108, 108, "varnish"},
			{"varnish", "/nonexistent", 110, 108, "varnish"}},
		places: []place{{"/var/lib/varnish", "varnish", "varnish", 0o755}},
	},
	{
		packages: []string{"rabbitmq-server"},
		users:    []account{{"rabbitmq", "/var/lib/rabbitmq", 111, 111, ""}},
		places: []place{{"/var/lib/rabbitmq", "rabbitmq", "rabbitmq", 0o750},
			{"/var/log/rabbitmq", "rabbitmq", "rabbitmq", 0o750}},
	},
	{
		packages: []string{"openssh-server"},
		users:    []account{{"sshd", "/run/sshd", 112, 65534, "nogroup"}},
		places:   []place{{"/run/sshd", "root", "root", 0o755}},
	},
	// update-alternatives, where programs count on the name.
	{packages: []string{"mawk"}, links: alternative("/usr/bin", "awk", "mawk")},
	{packages: []string{"gawk"}, links: alternative("/usr/bin", "awk", "gawk")},
	{packages: []string{"debianutils"}, links: alternative("/usr/bin", "which", "which.debianutils")},
	{packages: []string{"netcat-openbsd"},
		links: append(alternative("/bin", "nc", "nc.openbsd"), alternative("/bin", "netcat", "nc.openbsd")...)},
	{packages: []string{"netcat-traditional"},
		links: append(alternative("/bin", "nc", "nc.traditional"), alternative("/bin", "netcat", "nc.traditional")...)},
	{packages: []string{"iptables"}, links: append(alternative("/usr/sbin", "iptables", "iptables-nft"),
		alternative("/usr/sbin", "ip6tables", "ip6tables-nft")...)},
	{packages: []string{"libblas3"}, links: alternative("/usr/lib/x86_64-linux-gnu", "libblas.so.3", "blas/libblas.so.3")},
	{packages: []string{"liblapack3"},
		links: alternative("/usr/lib/x86_64-linux-gnu", "liblapack.so.3", "lapack/liblapack.so.3")},
	{packages: []string{"lua5.4"}, links: alternative("/usr/bin", "lua", "lua5.4")},
	{packages: []string{"lua5.3"}, links: alternative("/usr/bin", "lua", "lua5.3")},
	// OpenSSL reads this file if nothing else is said. The directory beside it would have to be hashed.
	{packages: []string{"libssl*", "openssl"},
		links: []link{{"/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"}}},
}

// alternative are the links that update-alternatives makes for a program.
func alternative(dir, name, target string) []link {
	return []link{{"/etc/alternatives/" + name, dir + "/" + target}, {dir + "/" + name, "/etc/alternatives/" + name}}
}

// standard are directories that each image has.
var standard = []place{
	{"/dev", "root", "root", 0o755}, {"/proc", "root", "root", 0o755}, {"/sys", "root", "root", 0o755},
	{"/run", "root", "root", 0o755},
	{"/tmp", "root", "root", 0o1777}, {"/root", "root", "root", 0o700}, {"/home", "root", "root", 0o755},
	{"/srv", "root", "root", 0o755},
	{"/mnt", "root", "root", 0o755}, {"/opt", "root", "root", 0o755}, {"/etc", "root", "root", 0o755},
	{"/usr", "root", "root", 0o755},
	{"/var", "root", "root", 0o755}, {"/var/log", "root", "root", 0o755}, {"/var/lib", "root", "root", 0o755},
	{"/var/cache", "root", "root", 0o755}, {"/var/tmp", "root", "root", 0o1777}, {"/var/spool", "root", "root", 0o755},
}

// standardLinks are links that each image has.
var standardLinks = []link{{"/var/run", "/run"}, {"/var/lock", "/run/lock"}}

// texts are files that each image has, unless a layer brings them.
var texts = []struct{ path, text string }{
	{"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"}, {"/etc/group", "root:x:0:\n"},
	{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"},
	{"/etc/resolv.conf", "# Names of nodes are in /etc/hosts.\n"},
	{"/etc/nsswitch.conf",
		"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"},
}
