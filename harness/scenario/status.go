package scenario

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Status is where the status of a preset's program is read.
type Status struct {
	// Program is its name on the node, which is that of the preset.
	Program string
	// Kind is that of the program, as the names of its metrics begin.
	Kind string
	// Socket is the Unix socket on which it answers.
	Socket string
	// Needs is a word that the program has to know, or else the lines of its configuration that begin with it are left
	// out, and there is no status. Config is that configuration.
	Needs, Config string
	// Every is the time between readings; 0 for none.
	Every time.Duration
	// Missing says why there is none although it is not off.
	Missing string
}

// Sockets of programs' status, in the node. Those of MariaDB and redis are in directories of their users.
const (
	nginxSocket   = "/run/nginx-status.sock"
	fpmSocket     = "/run/fpm-status.sock"
	mariadbSocket = "/run/mysqld/mysqld.sock"
	redisSocket   = "/run/redis/status.sock"
	haproxySocket = "/run/haproxy-status.sock"
)

// StatusUser is the account of MariaDB that readings use: it may connect from the node itself, and has no rights.
const StatusUser = "ruleout"

// fpmListen is the setting of PHP-FPM with which its status has a process of its own; PHP has it from 8.0 on.
const fpmListen = "pm.status_listen"

// How often a status is read if nothing is said, so that it costs less than 2 % of what the guest executes in a shop.
// That of MariaDB costs it 0.3 ms of a CPU of 2.6 GHz, twenty times as much as a small query; that of the others is at
// most 0.04 ms.
const (
	usualStatus   = Duration(300 * time.Millisecond)
	mariadbStatus = Duration(3 * time.Second)
)

// mostReadings of one program in a run.
const mostReadings = 100_000

// isOff reports whether a status is never read.
func isOff(status *Duration) bool { return status != nil && *status == 0 }

// every is the time between readings: a whole number of the timeline's intervals.
func (s *Scenario) every(status *Duration, usual Duration) time.Duration {
	if isOff(status) {
		return 0
	}
	wish := usual
	if status != nil {
		wish = *status
	}
	wish = max(wish, (s.Duration+mostReadings-1)/mostReadings)
	if s.Timeline != nil && *s.Timeline > 0 {
		wish = (wish + *s.Timeline - 1) / *s.Timeline * *s.Timeline
	}
	return time.Duration(wish)
}

// Statuses are those of a node's programs, in the order in which they start.
func (s *Scenario) Statuses(node string) (list []Status) {
	n := s.Nodes[node]
	if n == nil || n.Service == nil {
		return nil
	}
	v := n.Service
	add := func(of Status, status *Duration) {
		usual := usualStatus
		if of.Kind == "mariadb" {
			usual = mariadbStatus
		}
		of.Every = s.every(status, usual)
		if of.Every > 0 && of.Config != "" {
			if text, own := n.Files[of.Config]; own && !strings.Contains(text, of.Socket) {
				of.Missing = fmt.Sprintf("%s is the scenario's own and does not have it listen on %s", of.Config, of.Socket)
			}
		}
		list = append(list, of)
	}
	if m := v.MariaDB; m != nil {
		socket := cmp.Or(m.Settings[mariadbName("socket", m.Settings)], mariadbSocket)
		add(Status{Program: "mariadb", Kind: "mariadb", Socket: socket}, m.Status)
	}
	if r := v.Redis; r != nil {
		add(Status{Program: "redis", Kind: "redis", Socket: redisSocket}, r.Status)
	}
	if p := v.PHPFPM; p != nil {
		add(Status{Program: "php-fpm", Kind: "fpm", Socket: fpmSocket, Needs: fpmListen,
			Config: presetDir + "php-fpm.conf"}, p.Status)
	}
	if n := v.Nginx; n != nil {
		add(Status{Program: "nginx", Kind: "nginx", Socket: nginxSocket, Config: presetDir + "nginx.conf"}, n.Status)
	}
	if h := v.HAProxy; h != nil {
		add(Status{Program: "haproxy", Kind: "haproxy", Socket: haproxySocket, Config: presetDir + "haproxy.cfg"}, h.Status)
	}
	return list
}

// plainStatus leaves out what is as if nothing were said, so that it has one canonical form.
func (v *Service) plainStatus() {
	plain := func(status **Duration, usual Duration) {
		if *status != nil && **status == usual {
			*status = nil
		}
	}
	if v.Nginx != nil {
		plain(&v.Nginx.Status, usualStatus)
	}
	if v.PHPFPM != nil {
		plain(&v.PHPFPM.Status, usualStatus)
	}
	if v.MariaDB != nil {
		plain(&v.MariaDB.Status, mariadbStatus)
	}
	if v.Redis != nil {
		plain(&v.Redis.Status, usualStatus)
	}
	if v.HAProxy != nil {
		plain(&v.HAProxy.Status, usualStatus)
	}
}
