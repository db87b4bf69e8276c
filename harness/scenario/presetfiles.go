package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// presetDir is where the configuration of presets is in a node.
const presetDir = "/etc/ruleout/"

// expansion is what a preset stands for.
type expansion struct {
	programs []Program
	files    map[string]string
	key      string // of the service
	http     bool   // it answers requests for pages
}

// presets returns what the presets of a node stand for, in the order in which they start: databases before those who
// ask them, web servers last.
func (s *Scenario) presets(node string) (list []expansion) {
	n := s.Nodes[node]
	if n == nil || n.Service == nil {
		return nil
	}
	v := n.Service
	if v.MariaDB != nil {
		list = append(list, v.MariaDB.expand())
	}
	if v.Redis != nil {
		list = append(list, v.Redis.expand())
	}
	if v.Dnsmasq != nil {
		list = append(list, v.Dnsmasq.expand())
	}
	if v.Unbound != nil {
		list = append(list, v.Unbound.expand(s, node))
	}
	if v.PHPFPM != nil {
		list = append(list, v.PHPFPM.expand())
	}
	if v.Nginx != nil {
		list = append(list, v.Nginx.expand(s.fpm(node, v.Nginx.PHP)))
	}
	if v.HAProxy != nil {
		list = append(list, v.HAProxy.expand())
	}
	return list
}

// fpm finds the pool of PHP that a web server on a node asks: its address and itself; nil without one.
func (s *Scenario) fpm(node, named string) (address string, p *PHPFPM) {
	host := "127.0.0.1"
	if named != "" && named != node {
		node, host = named, named
	}
	n := s.Nodes[node]
	if n == nil || n.Service == nil || n.Service.PHPFPM == nil {
		return "", nil
	}
	return fmt.Sprintf("%s:%d", host, n.Service.PHPFPM.Port), n.Service.PHPFPM
}

// NodeFiles are the files of a node on top of its image: those of presets, and those that the scenario writes itself.
func (s *Scenario) NodeFiles(node string) map[string]string {
	files := map[string]string{}
	for _, e := range s.presets(node) {
		maps.Copy(files, e.files)
	}
	if n := s.Nodes[node]; n != nil {
		maps.Copy(files, n.Files)
	}
	return files
}

func (n *Nginx) expand(fastcgi string, pool *PHPFPM) expansion {
	var b strings.Builder
	seconds := func(d Duration) string { return fmt.Sprintf("%dms", time.Duration(d).Milliseconds()) }
	fmt.Fprintf(&b, `user www-data;
daemon off;
worker_processes %d;
error_log /dev/stderr warn;
pid /run/nginx.pid;
events { worker_connections %d; }
http {
  access_log off;
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout %s;
`, n.Workers, n.Connections, seconds(*n.Keepalive))
	if len(n.Proxy) > 0 {
		b.WriteString("  upstream servers {\n")
		for _, server := range n.Proxy {
			fmt.Fprintf(&b, "    server %s;\n", server)
		}
		if n.Reuse > 0 {
			fmt.Fprintf(&b, "    keepalive %d;\n", n.Reuse)
		}
		b.WriteString("  }\n")
	}
	fmt.Fprintf(&b, `  server {
    listen [::]:%d ipv6only=off backlog=%d;
    root %s;
    index index.php index.html;
    location = /nginx-status { stub_status; allow 127.0.0.1; allow ::1; deny all; }
`, n.Port, n.Backlog, n.Root)
	timeout := seconds(n.Timeout)
	switch {
	case len(n.Proxy) > 0:
		fmt.Fprintf(&b, `    location / {
      proxy_pass http://servers;
      proxy_connect_timeout %[1]s; proxy_send_timeout %[1]s; proxy_read_timeout %[1]s;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
`, timeout)
		if n.Reuse > 0 {
			b.WriteString("      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n")
		}
		b.WriteString("    }\n")
	case pool != nil:
		fmt.Fprintf(&b, `    location / { try_files $uri $uri/ /index.php?$query_string; }
    location ~ \.php$ {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_pass %s;
      fastcgi_connect_timeout %[2]s; fastcgi_send_timeout %[2]s; fastcgi_read_timeout %[2]s;
    }
`, fastcgi, timeout)
	}
	b.WriteString("  }\n")
	if !isOff(n.Status) {
		// One connection for all readings of a run; they are taken off its figures.
		fmt.Fprintf(&b, "  server {\n    listen unix:%s;\n    keepalive_timeout 1d;\n    keepalive_requests 1000000;\n"+
			"    location / { stub_status; }\n  }\n", nginxSocket)
	}
	b.WriteString("}\n")
	warm := n.Warm
	if warm == nil && pool != nil && len(n.Proxy) == 0 {
		// Opcache compiles once; from the second request on, a worker has what it needs.
		warm = &Warm{Requests: 2 * pool.Workers, Parallel: pool.Workers, Path: "/"}
	}
	return expansion{
		key: "nginx", http: true, files: map[string]string{presetDir + "nginx.conf": b.String()},
		programs: []Program{{
			Name: "nginx", Command: []string{"nginx", "-c", presetDir + "nginx.conf"}, Port: n.Port, Warm: warm, Stop: "QUIT",
		}},
	}
}

func (p *PHPFPM) expand() expansion {
	var b strings.Builder
	fmt.Fprintf(&b, `[global]
error_log = /dev/stderr
log_level = notice
daemonize = no
[www]
user = www-data
group = www-data
listen = %d
listen.backlog = %d
pm = static
pm.max_children = %d
pm.max_requests = %d
pm.status_path = /fpm-status
request_terminate_timeout = %d
catch_workers_output = yes
decorate_workers_output = no
clear_env = no
`, p.Port, p.Backlog, p.Workers, p.MaxRequests, int64(time.Duration(*p.RequestTimeout).Seconds()))
	if !isOff(p.Status) {
		fmt.Fprintf(&b, "%s = %s\n", fpmListen, fpmSocket)
	}
	e := expansion{
		key: "php-fpm", files: map[string]string{presetDir + "php-fpm.conf": b.String()},
		programs: []Program{{
			Name: "php-fpm", Command: []string{"php-fpm*", "--nodaemonize", "--fpm-config", presetDir + "php-fpm.conf"},
			Port: p.Port, Stop: "QUIT",
		}},
	}
	if len(p.Settings) > 0 {
		e.files[presetDir+"php/settings.ini"] = p.ini()
		// After the empty entry, which is the directory that PHP was built with: the last value of a setting holds.
		e.programs[0].Env = map[string]string{"PHP_INI_SCAN_DIR": ":" + presetDir + "php"}
	}
	return e
}

// ini is a file with the settings of PHP. A line of the pool, php_admin_value, would come too late for a setting that
// PHP reads when it starts: an extension, the memory of opcache.
func (p *PHPFPM) ini() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p.Settings)) {
		fmt.Fprintf(&b, "%s = %s\n", key, iniValue(p.Settings[key]))
	}
	return b.String()
}

// iniPlain is a value that needs no quotes: a word, a number, a path, or constants such as E_ALL & ~E_NOTICE, which
// quotes would make a text.
var iniPlain = regexp.MustCompile(`^([A-Za-z0-9_.,:/+*@%-]+|~?[A-Z0-9_]+( *[&|^] *~?[A-Z0-9_]+)*)$`)

// iniValue writes a value as parse_ini_file reads it (Zend/zend_ini_scanner.l): nothing has a meaning between single
// quotes, and a backslash goes before a quote between double ones.
func iniValue(text string) string {
	switch {
	case iniPlain.MatchString(text):
		return text
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func (m *MariaDB) expand() expansion {
	reading := 1 // the connection of the status, which is none of the scenario's
	if isOff(m.Status) {
		reading = 0
	}
	settings := map[string]string{
		"datadir": "/var/lib/mysql", "bind-address": "*", "socket": mariadbSocket,
		"pid-file": "/run/mysqld/mysqld.pid", "skip-name-resolve": "ON", "skip-log-bin": "", "skip-external-locking": "",
		"performance_schema": "OFF", "innodb_log_file_size": "4M", "innodb_log_buffer_size": "2M",
		"innodb_flush_method": "fsync", "innodb_use_native_aio": "0", "innodb_flush_log_at_trx_commit": "2",
		"innodb_read_io_threads": "1", "innodb_write_io_threads": "1", "innodb_purge_threads": "1",
		"innodb_buffer_pool_dump_at_shutdown": "0", "innodb_buffer_pool_load_at_startup": "0",
		"innodb_temp_data_file_path": "ibtmp1:12M:autoextend", "key_buffer_size": "1M", "aria_pagecache_buffer_size": "1M",
		"query_cache_size": "0", "query_cache_type": "0", "thread_cache_size": "64",
		"port": fmt.Sprint(m.Port), "max_connections": fmt.Sprint(m.Connections + reading),
		"innodb_buffer_pool_size": fmt.Sprint(int64(m.Buffer)),
	}
	for key, value := range m.Settings {
		settings[mariadbName(key, settings)] = value
	}
	var b strings.Builder
	b.WriteString("[mariadbd]\n")
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if settings[key] == "" {
			b.WriteString(key + "\n")
			continue
		}
		fmt.Fprintf(&b, "%s = %s\n", key, settings[key])
	}
	end := fmt.Sprintf("flush privileges;\ncreate database if not exists `%[1]s`;\n"+
		"create user '%[2]s'@'%%';\ngrant all on *.* to '%[2]s'@'%%';\n", m.Database, m.User)
	if !isOff(m.Status) {
		end += "create user if not exists '" + StatusUser + "'@'localhost';\n"
	}
	end += fmt.Sprintf("use `%s`;\n", m.Database)
	const tables = "/usr/share/m*/m*_system_tables"
	return expansion{
		key: "mariadb",
		files: map[string]string{
			presetDir + "my.cnf": b.String(), presetDir + "mariadb-begin.sql": "use mysql;\n",
			presetDir + "mariadb-end.sql": end,
		},
		programs: []Program{
			{
				Name: "mariadb-tables", User: "mysql", Dirs: []string{"/var/lib/mysql", "/var/lib/mysql/mysql", "/run/mysqld"},
				Command: []string{"mariadbd", "--defaults-file=" + presetDir + "my.cnf", "--bootstrap", "--silent-startup"},
				Stdin: slices.Concat([]string{presetDir + "mariadb-begin.sql", tables + ".sql", tables + "_data.sql",
					presetDir + "mariadb-end.sql"}, m.Load),
				ExpectExit: new(int),
			},
			{
				Name: "mariadb", User: "mysql", Command: []string{"mariadbd", "--defaults-file=" + presetDir + "my.cnf"},
				Port: m.Port,
			},
		},
	}
}

// mariadbName is the name of a setting as the preset spells it: MariaDB takes a dash and an underscore for the same.
func mariadbName(key string, preset map[string]string) string {
	plain := strings.NewReplacer("-", "_")
	for name := range preset {
		if plain.Replace(name) == plain.Replace(key) {
			return name
		}
	}
	return key
}

func (r *Redis) expand() expansion {
	dirs := []string{"/var/lib/redis"}
	var status []string
	if !isOff(r.Status) {
		dirs = append(dirs, path.Dir(redisSocket))
		status = []string{"--unixsocket", redisSocket}
	}
	return expansion{key: "redis", programs: []Program{{
		Name: "redis", User: "redis", Port: r.Port, Dirs: dirs,
		Command: append([]string{
			"redis-server", "--port", fmt.Sprint(r.Port), "--bind", "*", "-::*", "--protected-mode", "no", "--save", "",
			"--appendonly", "no", "--dir", "/var/lib/redis", "--tcp-backlog", fmt.Sprint(r.Backlog),
			"--maxmemory", fmt.Sprint(int64(r.Memory)), "--maxmemory-policy", "allkeys-lru",
		}, status...),
	}}}
}

func (h *HAProxy) expand() expansion {
	ms := func(d Duration) int64 { return time.Duration(d).Milliseconds() }
	var b strings.Builder
	status := ""
	if !isOff(h.Status) {
		status = "  stats socket " + haproxySocket + " mode 600 level user\n  stats timeout 1d\n"
	}
	fmt.Fprintf(&b, `global
  log stderr format raw local0 notice
  maxconn %d
  nbthread 1
%sdefaults
  mode %s
  log global
  timeout connect %dms
  timeout client %dms
  timeout server %dms
  timeout http-keep-alive %dms
  retries %d
  http-reuse %s
frontend visitors
  bind :::%d v4v6
  default_backend servers
backend servers
  balance roundrobin
`, h.Connections, status, h.Mode, ms(h.Connect), ms(h.Client), ms(h.Server), ms(h.Keepalive), h.Retries, cmp.Or(h.Reuse, "safe"), h.Port)
	for i, server := range h.Servers {
		fmt.Fprintf(&b, "  server s%d %s\n", i+1, server)
	}
	return expansion{
		key: "haproxy", http: true, files: map[string]string{presetDir + "haproxy.cfg": b.String()},
		programs: []Program{{
			Name: "haproxy", Command: []string{"haproxy", "-db", "-f", presetDir + "haproxy.cfg"}, Port: h.Port, Stop: "USR1",
		}},
	}
}

func (d *Dnsmasq) expand() expansion {
	return expansion{key: "dnsmasq", programs: []Program{{
		Name: "dnsmasq", Port: d.Port,
		Command: []string{"dnsmasq", "--keep-in-foreground", "--log-facility=-", "--no-resolv", "--user=root",
			fmt.Sprintf("--port=%d", d.Port)},
	}}}
}
