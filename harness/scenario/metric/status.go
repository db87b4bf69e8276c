package metric

import (
	"slices"
	"strings"
)

// Figure is a number of a program's status. It is a series of the timeline under its own name, and one metric or two.
type Figure struct {
	// Name without the node: fpm.active. Its first part is the kind of the program.
	Name string
	// Level tells what goes up and down from what only grows. Of a level, a run has the mean and the most of its
	// readings, such as fpm.active.mean; of the other, what it grew by in the measured window, such as fpm.accepted.
	Level  bool
	Unit   string
	Better Better
	// About is one line without a full stop.
	About string
	// From is what the program itself calls it.
	From string
}

// kinds of programs whose status is read.
var kinds = []string{"fpm", "nginx", "mariadb", "redis", "haproxy"}

// status are the figures, by kind, in the order in which they are read.
var status = map[string][]Figure{
	"fpm": {
		{"fpm.active", true, One, Lower, "workers of PHP-FPM that have a request", "active processes"},
		{"fpm.idle", true, One, Higher, "workers of PHP-FPM that wait for one", "idle processes"},
		{"fpm.queue", true, One, Lower, "connections that wait for a worker of PHP-FPM, as it counts them once a second",
			"listen queue"},
		{"fpm.longest_queue", true, One, Lower, "most of these since PHP-FPM was started, warm-up included",
			"max listen queue"},
		{"fpm.accepted", false, One, Neither, "requests that workers of PHP-FPM took", "accepted conn"},
		{"fpm.exhausted", false, One, Lower, "times that PHP-FPM found no room for another worker; 0 of a static pool",
			"max children reached"},
		{"fpm.slow", false, One, Lower, "requests that took longer than request_slowlog_timeout, if that is set",
			"slow requests"},
	},
	"nginx": {
		{"nginx.active", true, One, Neither, "connections of visitors that nginx has, idle ones included",
			"Active connections"},
		{"nginx.reading", true, One, Neither, "of these: nginx reads the head of a request", "Reading"},
		{"nginx.writing", true, One, Neither, "of these: nginx works at an answer, or waits for the server behind it",
			"Writing"},
		{"nginx.waiting", true, One, Neither, "of these: idle, kept for the next request", "Waiting"},
		{"nginx.accepted", false, One, Neither, "connections that nginx took", "accepts"},
		{"nginx.handled", false, One, Neither, "of these: those for which it had room (worker_connections)", "handled"},
		{"nginx.requests", false, One, Neither, "requests that nginx began to read", "requests"},
	},
	"mariadb": {
		{"mariadb.connected", true, One, Neither, "connections that MariaDB has", "Threads_connected"},
		{"mariadb.running", true, One, Lower, "of these: a statement is carried out", "Threads_running"},
		{"mariadb.lock_waiting", true, One, Lower, "statements that wait for a lock of a row",
			"Innodb_row_lock_current_waits"},
		{"mariadb.connections", false, One, Neither, "attempts to connect to MariaDB, whether or not they went well",
			"Connections"},
		{"mariadb.questions", false, One, Neither, "statements that clients sent to MariaDB", "Questions"},
		{"mariadb.queries", false, One, Neither, "statements that MariaDB carried out, those of stored programs included",
			"Queries"},
		{"mariadb.slow", false, One, Lower, "statements that took longer than long_query_time", "Slow_queries"},
		{"mariadb.aborted_clients", false, One, Lower, "connections that ended without a farewell, or were timed out",
			"Aborted_clients"},
		{"mariadb.aborted_connects", false, One, Lower, "attempts to connect that failed", "Aborted_connects"},
		{"mariadb.connection_errors", false, One, Lower, "connections refused by errors of the server, of all kinds",
			"Connection_errors_*, the sum"},
		{"mariadb.lock_waits", false, One, Lower, "times that a statement had to wait for a lock of a row",
			"Innodb_row_lock_waits"},
	},
	"redis": {
		{"redis.clients", true, One, Neither, "connections that redis has", "connected_clients"},
		{"redis.blocked", true, One, Neither, "of these: in a command that waits for something", "blocked_clients"},
		{"redis.memory", true, Bytes, Lower, "memory that redis has taken", "used_memory"},
		{"redis.commands", false, One, Neither, "commands that redis carried out", "total_commands_processed"},
		{"redis.rejected", false, One, Lower, "connections refused because there were too many (maxclients)",
			"rejected_connections"},
		{"redis.evicted", false, One, Lower, "keys that had to go because redis was full", "evicted_keys"},
		{"redis.hits", false, One, Neither, "keys that were asked for and there", "keyspace_hits"},
		{"redis.misses", false, One, Lower, "keys that were asked for and not there", "keyspace_misses"},
	},
	"haproxy": {
		{"haproxy.queue", true, One, Lower, "requests that wait in HAProxy for a server", "qcur of the backend"},
		{"haproxy.sessions", true, One, Neither, "connections of visitors that HAProxy has", "scur of the frontend"},
		{"haproxy.connections", false, One, Neither, "connections of visitors that HAProxy took", "stot of the frontend"},
		{"haproxy.requests", false, One, Neither, "requests that HAProxy got; 0 in the mode tcp", "req_tot of the frontend"},
		{"haproxy.request_errors", false, One, Lower, "requests of visitors that were broken off or malformed",
			"ereq of the frontend"},
		{"haproxy.connect_errors", false, One, Lower, "connections to servers that could not be made", "econ of the backend"},
		{"haproxy.response_errors", false, One, Lower, "answers of servers that were broken off or malformed",
			"eresp of the backend"},
		{"haproxy.retries", false, One, Lower, "times that a connection to a server was tried again", "wretr of the backend"},
		{"haproxy.redispatches", false, One, Lower, "requests that went to another server after that",
			"wredis of the backend"},
	},
}

// StatusKinds are the kinds of programs whose status is read, as the names of their figures begin.
func StatusKinds() []string { return slices.Clone(kinds) }

// Status returns the figures of a kind of program, in the order in which they are read.
func Status(kind string) []Figure { return slices.Clone(status[kind]) }

// Figures returns those of all kinds of programs.
func Figures() (list []Figure) {
	for _, kind := range kinds {
		list = append(list, status[kind]...)
	}
	return list
}

// Kind of the program that has it.
func (f *Figure) Kind() string {
	kind, _, _ := strings.Cut(f.Name, ".")
	return kind
}

// Metrics are those that a run has of a figure, without the node.
func (f *Figure) Metrics() []Metric {
	if !f.Level {
		return []Metric{{f.Name, f.Unit, f.Better, f.About, false}}
	}
	return []Metric{
		{f.Name + ".mean", f.Unit, f.Better, f.About + ", in the mean of the readings", false},
		{f.Name + ".max", f.Unit, f.Better, f.About + ", in the reading with the most", false},
	}
}

// programStatus are the metrics of all kinds, without the node.
var programStatus = func() (list []Metric) {
	for _, f := range Figures() {
		list = append(list, f.Metrics()...)
	}
	return list
}()
