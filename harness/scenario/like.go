package scenario

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Habit is a default of a program that is known for it: what stands in for a key that is not written.
type Habit struct {
	// Key and Value as they would stand in a file.
	Key, Value string
	// Source of the value.
	Source string
}

const never = "none; this format's longest"

var (
	nginxProxy  = "nginx.org, ngx_http_proxy_module: "
	nginxPool   = "nginx.org, ngx_http_upstream_module: "
	nginxCore   = "nginx.org, ngx_http_core_module: "
	debianProxy = "/etc/haproxy/haproxy.cfg of Debian: "
	balancer    = "docs.aws.amazon.com/elasticloadbalancing/latest/application: "
	libcurl     = "curl.se/libcurl/c: "
)

// Clients are the programs that a load can be like.
func Clients() map[string][]Habit {
	curl := []Habit{
		{"keepalive", "true", libcurl + "connections are kept in a cache"},
		{"idle", "118s", libcurl + "CURLOPT_MAXAGE_CONN"},
		{"connect-timeout", "300s", libcurl + "CURLOPT_CONNECTTIMEOUT"},
		{"timeout", "1h", libcurl + "CURLOPT_TIMEOUT, " + never},
		{"nodelay", "true", libcurl + "CURLOPT_TCP_NODELAY"},
		{"retry", "idle", "lib/transfer.c, Curl_retry_request"},
	}
	return map[string][]Habit{
		"chrome": {
			{"keepalive", "true", "RFC 9112, 9.3"},
			{"connections", "6", "net/socket/client_socket_pool_manager.cc, g_max_sockets_per_group"},
			{"idle", "300s", "net/socket/client_socket_pool.cc, g_used_idle_socket_timeout_s"},
			{"nodelay", "true", "net/socket/tcp_socket_posix.cc, SetDefaultOptionsForClient"},
			{"retry", "idle", "net/http/http_network_transaction.cc, HandleIOError"},
		},
		"curl": curl,
		// Guzzle's handler is libcurl; its own timeouts are 0, which is none, and 300 s to connect.
		"guzzle": curl,
		"nginx": {
			{"keepalive", "true", nginxPool + "keepalive, which before 1.29.7 has to be written"},
			{"idle", "60s", nginxPool + "keepalive_timeout"},
			{"keepalive-requests", "1000", nginxPool + "keepalive_requests"},
			{"connect-timeout", "60s", nginxProxy + "proxy_connect_timeout"},
			{"first-byte-timeout", "60s", nginxProxy + "proxy_read_timeout"},
			{"timeout", "1h", never},
			{"nodelay", "true", nginxCore + "tcp_nodelay"},
			{"retry", "idle", "src/http/ngx_http_upstream.c, ngx_http_upstream_next: a cached connection has a further try"},
		},
		"haproxy": {
			{"keepalive", "true", "docs.haproxy.org, http-reuse safe"},
			{"connect-timeout", "5s", debianProxy + "timeout connect"},
			{"first-byte-timeout", "50s", debianProxy + "timeout server"},
			{"timeout", "1h", never},
			{"retry", "off", "docs.haproxy.org, retry-on conn-failure: what was sent is not sent again"},
		},
		"aws-alb": {
			{"keepalive", "true", balancer + "connections to targets are kept"},
			{"idle", "60s", balancer + "idle_timeout.timeout_seconds"},
			{"connect-timeout", "10s", balancer + "troubleshooting, HTTP 504"},
			{"first-byte-timeout", "60s", balancer + "idle_timeout.timeout_seconds"},
			{"timeout", "1h", never},
			{"retry", "off", balancer + "troubleshooting, HTTP 502"},
		},
	}
}

// Servers are the programs that a php service can be like.
func Servers() map[string][]Habit {
	const apache = "httpd.apache.org/docs/2.4: "
	return map[string][]Habit{
		"apache": {
			{"keepalive-requests", "100", apache + "MaxKeepAliveRequests"},
			{"timeouts.idle", "5s", apache + "KeepAliveTimeout"},
			{"timeouts.read", "20s", apache + "RequestReadTimeout, header"},
			{"timeouts.write", "60s", apache + "Timeout"},
		},
		"nginx": {
			{"keepalive-requests", "1000", nginxCore + "keepalive_requests"},
			{"timeouts.idle", "75s", nginxCore + "keepalive_timeout"},
			{"timeouts.read", "60s", nginxCore + "client_header_timeout"},
			{"timeouts.write", "60s", nginxCore + "send_timeout"},
		},
		"php-fpm": {
			{"keepalive-requests", "1", "nginx.org, ngx_http_fastcgi_module: fastcgi_keep_conn off"},
			{"backlog", "511", "php.net, FPM configuration: listen.backlog"},
		},
		"haproxy": {
			{"timeouts.idle", "50s", debianProxy + "timeout client, for want of timeout http-keep-alive"},
			{"timeouts.read", "50s", debianProxy + "timeout client, for want of timeout http-request"},
			{"timeouts.write", "50s", debianProxy + "timeout client"},
		},
		"aws-alb": {
			{"timeouts.idle", "60s", balancer + "idle_timeout.timeout_seconds"},
			{"timeouts.read", "60s", balancer + "idle_timeout.timeout_seconds"},
			{"timeouts.write", "60s", balancer + "idle_timeout.timeout_seconds"},
		},
	}
}

// beLike gives loads and services the habits of the programs that they are to be like.
func (s *Scenario) beLike(d *yamldoc.Document) {
	for i := range s.Load {
		h := s.Load[i].HTTP
		if h == nil || h.Like == "" {
			continue
		}
		path := fmt.Sprintf("load[%d].http", i)
		adopt(d, path, reflect.ValueOf(h).Elem(), Clients()[h.Like])
		// What could not act beside the keys that were written is left out.
		for key, t := range map[string]*Duration{"connect-timeout": &h.ConnectTimeout,
			"first-byte-timeout": &h.FirstByteTimeout} {
			if *t >= h.Timeout && !d.Written(join(path, key)) {
				*t = 0
			}
		}
		if !h.Keepalive && !d.Written(join(path, "idle")) {
			h.Idle = 0
		}
		if !h.Keepalive && !d.Written(join(path, "keepalive-requests")) {
			h.KeepaliveRequests = 0
		}
	}
	for name, n := range s.Nodes {
		if n != nil && n.Service != nil && n.Service.PHP != nil {
			adopt(d, join("nodes", name)+".service.php", reflect.ValueOf(n.Service.PHP).Elem(), Servers()[n.Service.PHP.Like])
		}
	}
}

// adopt sets the keys of a struct that were not written.
func adopt(d *yamldoc.Document, path string, x reflect.Value, habits []Habit) {
	for _, h := range habits {
		if d.Written(join(path, h.Key)) {
			continue
		}
		v, key := x, h.Key
		for outer, inner, nested := strings.Cut(key, "."); nested; outer, inner, nested = strings.Cut(key, ".") {
			f := fieldOf(v, outer)
			v, key = v.Field(f.Index), inner
		}
		f := fieldOf(v, key)
		v.Field(f.Index).Set(f.Parse(h.Value))
	}
}

func fieldOf(v reflect.Value, key string) yamldoc.Field {
	for _, f := range yamldoc.FieldsOf(v.Type()) {
		if f.Name == key {
			return f
		}
	}
	panic("no key " + key + " in " + v.Type().Name()) // a test goes through them all
}
