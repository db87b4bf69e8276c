package scenario

import (
	"strconv"
	"time"
)

// Program is a program of a node's image: a service, or a client of the user's own.
type Program struct {
	// Name of the program, one on its node: a lower-case letter, then up to 14 lower-case letters, digits and dashes.
	Name string `yaml:"name" json:"name"`
	// Command is the program and its arguments. A name without a slash is looked for in PATH; with a star, such as
	// php-fpm*, it is the first that fits. {NODE} stands for the IPv4 address of a node, as this node reaches it, and
	// {{NODE} for the text {NODE}; names of nodes are in /etc/hosts too.
	Command []string `yaml:"command" json:"command" most:"1000" empty:"yes"`
	// Env is added to the environment, which has PATH, HOME, LANG, TZ and what the image sets. Its values may have {NODE}.
	Env map[string]string `yaml:"env,omitempty" json:"env,omitempty" most:"1000" empty:"yes"`
	// User is the name or number of the user, and with a colon of the group. Without it, the image's, or root.
	User string `yaml:"user,omitempty" json:"user,omitempty"`
	// Dir is the working directory. Without it, the image's, or /.
	Dir string `yaml:"dir,omitempty" json:"dir,omitempty"`
	// Dirs are directories that are made for its user before it starts.
	Dirs []string `yaml:"dirs,omitempty" json:"dirs,omitempty" most:"100"`
	// Stdin are files of the image, or of files, that are its standard input, one after the other. Without it, that is
	// empty.
	Stdin []string `yaml:"stdin,omitempty" json:"stdin,omitempty" most:"100"`
	// Port on which it serves. A load goes there if it names no other; without ready, the program is ready when it
	// listens there.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
	// Ready says when the program can be relied on. Without it and without port, it is ready at once.
	Ready *Ready `yaml:"ready,omitempty" json:"ready,omitempty"`
	// Stop is the signal that ends it, at the end of for.
	Stop Signal `yaml:"stop,omitempty" json:"stop,omitzero" default:"TERM" enum:"TERM,INT,QUIT,HUP,USR1,USR2,WINCH,KILL"`
	// MayExit says that the program may end by itself, with any status. Without it and expect-exit, a run is invalid in
	// which a service did, or a client with another status than 0.
	MayExit bool `yaml:"may-exit,omitempty" json:"may-exit,omitempty"`
	// Restart has it started again when it has ended, as a supervisor would: after 100 ms, at most 100 times. Before it is
	// ready it may so wait for a program of another node; the metric counts from then on.
	Restart bool `yaml:"restart,omitempty" json:"restart,omitempty"`
	// ExpectExit is the status with which it has to end before the run does; an expectation of its own. A program that a
	// signal ended has 128 and the signal's number, as in a shell.
	ExpectExit *int `yaml:"expect-exit,omitempty" json:"expect-exit,omitempty" min:"0" max:"255"`
	// At is when it starts, relative to the start of the measured window. Without it, a service starts before the run,
	// and is the same in all runs; a client starts with the window.
	At *Duration `yaml:"at,omitempty" json:"at,omitempty" min:"0s"`
	// For is how long it runs before it gets the stop signal, and 2 s later KILL. Without it, to the end of the run.
	For Duration `yaml:"for,omitempty" json:"for,omitempty" min:"1ms"`
	// Warm has requests made to it before the run, when the programs of all nodes are ready, so that caches are as warm in
	// each run as they are in a program that has served for a while.
	Warm *Warm `yaml:"warm,omitempty" json:"warm,omitempty"`
}

// Ready says when a program can be relied on: when all that is stated is so.
type Ready struct {
	// Port is one on which something on the node listens.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
	// Path is an absolute path that exists.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Line is a text that stands in a line of its output.
	Line string `yaml:"line,omitempty" json:"line,omitempty"`
	// Within bounds the wait, on the node's own clock.
	Within Duration `yaml:"within,omitempty" json:"within" default:"1m" min:"1ms" max:"1h"`
}

// Warm is a number of HTTP requests over the loopback device.
type Warm struct {
	// Requests in all.
	Requests int `yaml:"requests" json:"requests" min:"1" max:"10000"`
	// Parallel is how many are on the way at once.
	Parallel int `yaml:"parallel,omitempty" json:"parallel" default:"1" min:"1" max:"256"`
	// Path of the page. {n} stands for the number of the request, from 0 on.
	Path string `yaml:"path,omitempty" json:"path" default:"/"`
	// Port to ask. Without it, the program's.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
	// Within bounds the time that all of them take, on the node's own clock. Without it, 1 min.
	Within Duration `yaml:"within,omitempty" json:"within,omitempty" min:"1ms" max:"1h"`
}

// Patience is the most time that a warm-up may take on the node's own clock.
func (w *Warm) Patience() time.Duration {
	if w.Within > 0 {
		return time.Duration(w.Within)
	}
	return time.Minute
}

// Signal is the name of a signal without SIG.
type Signal string

// IsZero reports whether it is the default, which the canonical form leaves out.
func (s Signal) IsZero() bool { return s == "" || s == "TERM" }

// Programs returns all programs of a node, services before clients, each with the place in the scenario
// that it is from.
func (s *Scenario) Programs(node string) (list []*Program, places []string) {
	for _, e := range s.presets(node) {
		for i := range e.programs {
			list = append(list, &e.programs[i])
			places = append(places, "nodes."+node+".service."+e.key)
		}
	}
	if n := s.Nodes[node]; n != nil && n.Service != nil {
		for i := range n.Service.Exec {
			list = append(list, &n.Service.Exec[i])
			places = append(places, "nodes."+node+".service.exec["+strconv.Itoa(i)+"]")
		}
	}
	for i := range s.Load {
		if l := &s.Load[i]; l.Exec != nil && l.From == node {
			list = append(list, l.Exec)
			places = append(places, "load["+strconv.Itoa(i)+"].exec")
		}
	}
	return list, places
}

// Patience is the most time that its start may take on the node's own clock.
func (p *Program) Patience() time.Duration {
	if p.Ready != nil {
		return time.Duration(p.Ready.Within)
	}
	return time.Minute
}

// HasPrograms reports whether a node runs programs of an image.
func (s *Scenario) HasPrograms() bool {
	for name := range s.Nodes {
		if list, _ := s.Programs(name); len(list) > 0 {
			return true
		}
	}
	return false
}
