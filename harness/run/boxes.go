package run

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/box"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/status"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// boxed is a node's box with what the scenario says of its programs.
type boxed struct {
	program
	node     string
	programs []*scenario.Program
	places   []string // of them in the scenario
	clients  int      // of them, at the end
}

const (
	// boxNamespaces are those of a box: programs see one another, and nothing else of the machine.
	boxNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	// boxReserve is memory that programs of a node leave to the rest of the machine, bytes.
	boxReserve = 96 << 20
	// boxTasks is the most processes and threads that the programs of a node have at once.
	boxTasks = 1024
)

// startBoxes starts the programs of images. All nodes begin at once, since a program may wait for one of another node.
// Warm-up waits until all are ready, and code is made resident after that.
func (r *Prepared) startBoxes(ctx context.Context, groups map[string]*cgroup.Group) error {
	if err := r.outlive(); err != nil {
		return err
	}
	for _, node := range r.nodeNames() {
		list, places := r.scenario.Programs(node)
		if len(list) == 0 {
			continue
		}
		image, ok := r.images[r.scenario.Nodes[node].Image]
		if !ok {
			return problem.Wrap(problem.Machine,
				fmt.Errorf("node %s: image %s is not on this machine", node, r.scenario.Nodes[node].Image),
				"programs of images run in the backend vm")
		}
		if err := bound(groups[node], int64(r.scenario.Machine.Memory)-boxReserve); err != nil {
			return fmt.Errorf("node %s: %w", node, err)
		}
		config := r.boxConfig(node, image, list)
		config.Events = filepath.Join(groups[node].Path, "memory.events")
		p, err := r.launchIn(ctx, boxNamespaces, r.network.Node(node), groups[node], box.Role, node+"/box", config)
		if err != nil {
			return fmt.Errorf("node %s: %w", node, err)
		}
		r.programs.boxes = append(r.programs.boxes, boxed{program: p, node: node, programs: list, places: places,
			clients: config.Clients})
	}
	for _, step := range []func(*agent.Process) error{
		(*agent.Process).Ready, (*agent.Process).Proceed, (*agent.Process).Proceed,
	} {
		if err := eachBox(r.programs.boxes, step); err != nil {
			return err
		}
	}
	return nil
}

// eachBox has all boxes take a step at the same time. If one cannot, it does not wait for the others.
func eachBox(boxes []boxed, step func(*agent.Process) error) error {
	ends := make(chan error, len(boxes))
	for i := range boxes {
		b := &boxes[i]
		go func() {
			err := step(b.process)
			if err != nil {
				err = &problem.Error{Kind: problem.KindOf(err), Err: fmt.Errorf("node %s: %w", b.node, err),
					Hint: problem.HintOf(err), Place: placeOf(err, b.programs, b.places)}
			}
			ends <- err
		}()
	}
	for range boxes {
		if err := <-ends; err != nil {
			return err
		}
	}
	return nil
}

// outlive has the kernel end programs and nothing else where memory is short: not this process, nor agents.
func (r *Prepared) outlive() error {
	if !r.scenario.HasPrograms() {
		return nil
	}
	list := []string{"self"} // agents that are started from now on are as this process is
	for _, p := range r.programs.services {
		list = append(list, strconv.Itoa(p.process.PID()))
	}
	for _, pid := range list {
		if err := os.WriteFile("/proc/"+pid+"/oom_score_adj", []byte("-1000"), 0); err != nil {
			return fmt.Errorf("protect the run from its programs: %w", err)
		}
	}
	return nil
}

// placeOf finds the place in the scenario of the program that an error of a box names.
func placeOf(err error, list []*scenario.Program, places []string) string {
	for i, p := range list {
		if strings.Contains(err.Error(), "program "+p.Name+": ") {
			return places[i]
		}
	}
	return ""
}

// bound bounds what the programs of a node take from the machine that all nodes share.
func bound(g *cgroup.Group, memory int64) error {
	if err := g.Limit("memory.max", memory); err != nil {
		return err
	}
	return g.Limit("pids.max", boxTasks)
}

// boxConfig says what the box of a node is.
func (r *Prepared) boxConfig(node string, image protocol.Image, list []*scenario.Program) box.Config {
	c := box.Config{
		Node: node, Root: image.Dir, Image: image.Defaults, Files: r.scenario.NodeFiles(node),
		Layer: int64(r.scenario.Machine.Memory) / 2, Duration: time.Duration(r.scenario.Duration),
	}
	for i := range r.scenario.Load {
		if l := &r.scenario.Load[i]; l.Exec != nil && l.From == node {
			c.Clients++
		}
	}
	for _, other := range r.nodeNames() {
		addr, _, ok := r.network.Layout().Toward(node, other)
		if !ok {
			continue
		}
		c.Hosts = append(c.Hosts, box.Host{Name: other, Address: addr.String()})
	}
	fill := func(text string) string {
		return scenario.FillAddresses(text, func(other string) string {
			addr, _, _ := r.network.Layout().Toward(node, other)
			return addr.String()
		})
	}
	for _, file := range r.scenario.Fillable(node) {
		c.Files[file] = fill(c.Files[file])
	}
	for _, s := range r.scenario.Statuses(node) {
		if s.Every > 0 {
			c.Status = append(c.Status, box.Status{
				Source: status.Source{Program: s.Program, Kind: s.Kind, Socket: s.Socket},
				Needs:  s.Needs, Config: s.Config, Every: s.Every, Missing: s.Missing,
			})
		}
	}
	for _, p := range list {
		own := *p
		own.Command = make([]string, len(p.Command))
		for i, word := range p.Command {
			own.Command[i] = fill(word)
		}
		own.Env = make(map[string]string, len(p.Env))
		for key, value := range p.Env {
			own.Env[key] = fill(value)
		}
		c.Programs = append(c.Programs, own)
	}
	return c
}

// finishBoxes ends the boxes and takes their reports.
func (r *Prepared) finishBoxes(ctx context.Context) error {
	for _, b := range r.programs.boxes {
		raw, err := b.process.Stop(ctx)
		if err != nil {
			r.invalid.Add(result.ServiceEnded, "node "+b.node, "%v", err)
			continue
		}
		var report box.Report
		if err := json.Unmarshal(raw, &report); err != nil {
			return fmt.Errorf("read report of %s: %w", b.name, err)
		}
		for i, o := range report.Programs {
			r.outcomes = append(r.outcomes, r.outcome(b.node, &o))
			r.judgeEnd(b, i, &r.outcomes[len(r.outcomes)-1])
		}
		r.takeStatus(b.node, report.Status)
		if killed := report.Killed; killed > 0 {
			r.invalid.Add(result.OutOfMemory, "node "+b.node, "the kernel ended %s for lack of memory",
				quantity.Plural(killed, "process"))
		}
	}
	return nil
}

// outcome puts a box's report of a program into the record's terms.
func (r *Prepared) outcome(node string, o *box.Outcome) result.Program {
	at := func(ns int64) float64 { return float64(ns-r.begin.Nanoseconds()) / 1e9 }
	moment := func(ns int64) *float64 {
		if ns == 0 {
			return nil
		}
		s := at(ns)
		return &s
	}
	p := result.Program{
		Node: node, Name: o.Name, Started: moment(o.Started), Ready: moment(o.Ready), Ended: moment(o.Ended),
		Exit: o.Exit, Signal: o.Signal, Restarts: o.Restarts, Stopped: o.Stopped, OOM: o.OOM, Failed: o.Failed,
		Dropped: o.Dropped,
	}
	for _, l := range o.Output {
		p.Output = append(p.Output, result.Line{At: at(l.At), Error: l.Error, Text: strings.ToValidUTF8(l.Text, "\ufffd")})
	}
	return p
}

// judgeEnd says when the end of a program makes the run invalid: where the scenario does not plan it. A client may end
// with status 0, and with another one only if the scenario says so: without its load, a run shows nothing.
func (r *Prepared) judgeEnd(b boxed, i int, o *result.Program) {
	p, place := b.programs[i], "program "+b.node+"/"+o.Name
	client := i >= len(b.programs)-b.clients
	switch {
	case o.Failed != "":
		r.invalid.Add(result.ProgramFailed, place, "%s", o.How())
	case o.Ended == nil || o.Stopped:
	case o.OOM && !p.Restart && p.ExpectExit == nil: // nor does may-exit plan it
		r.invalid.Add(result.OutOfMemory, place, "%s at %.3f s", o.How(), *o.Ended)
	case client && o.Exit == 0, p.MayExit, p.Restart && o.Restarts < box.MostRestarts, p.ExpectExit != nil:
	default:
		last := ""
		if n := len(o.Output); n > 0 {
			last = o.Output[n-1].Text
		}
		about := box.Explain(o.Signal, o.Exit, last)
		if last != "" {
			last = ": " + last
		}
		r.invalid.Add(result.ProgramEnded, place, "%s at %.3f s, which the scenario does not plan (may-exit)%s%s",
			o.How(), *o.Ended, about, last)
	}
}

// programMetrics are those of programs that have ended.
func programMetrics(list []result.Program) map[string]float64 {
	m := make(map[string]float64)
	for i := range list {
		p := &list[i]
		prefix := p.Node + ".exec." + p.Name + "."
		m[prefix+"restarts"] = float64(p.Restarts)
		if p.Started != nil && p.Ended != nil && p.Failed == "" {
			m[prefix+"exit"] = float64(p.Exit)
			m[prefix+"seconds"] = *p.Ended - *p.Started
		}
	}
	return m
}

// exits holds the expected exit statuses against what became of the programs.
func (r *Prepared) exits() (list []result.Expectation) {
	for _, b := range r.programs.boxes {
		for i, p := range b.programs {
			// A step of the set-up, for whose end the next one waited, has been held against it already.
			step := p.At == nil && p.Port == 0 && p.Ready == nil && i < len(b.programs)-b.clients
			if p.ExpectExit == nil || step {
				continue
			}
			e := result.Expectation{Expr: fmt.Sprintf("%s.exec.%s.exit == %d", b.node, p.Name, *p.ExpectExit)}
			o := r.outcomeOf(b.node, b.programs[i].Name)
			switch {
			case o == nil || o.Ended == nil:
				e.Error = "the program has not ended"
				if o != nil && o.Failed != "" {
					e.Error = o.How()
				}
			default:
				e.Value, e.OK = float64(o.Exit), o.Exit == *p.ExpectExit
			}
			list = append(list, e)
		}
	}
	return list
}

func (r *Prepared) outcomeOf(node, name string) *result.Program {
	for i := range r.outcomes {
		if o := &r.outcomes[i]; o.Node == node && o.Name == name {
			return o
		}
	}
	return nil
}

// begin tells the boxes when the measured window starts.
func (b *boxed) begin(first agent.Beginning) error {
	if err := b.process.Begin(first); err != nil {
		return fmt.Errorf("begin %s: %w", b.name, err)
	}
	return nil
}
