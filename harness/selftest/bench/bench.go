package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Options of a measurement.
type Options struct {
	// File of the scenario whose runs are counted.
	File     string
	Scenario *scenario.Scenario
	// Recorded and Unrecorded are one scenario with its timeline on and off.
	Recorded, Unrecorded *scenario.Scenario
	Kernel               string // in the store, or empty
	Runs                 int    // to be counted, at least 4
	Jobs                 int    // at a time
	// Progress reports what is being measured. It may be nil.
	Progress func(string)
}

// Better says which direction of a figure is good.
type Better string

// Directions.
const (
	AtMost  Better = "at most"
	AtLeast Better = "at least"
)

// Figure is one number, and what it was meant to be.
type Figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Better Better  `json:"better,omitempty"` // empty where there is no target
	Target float64 `json:"target,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Met says whether the figure is as it was meant to be.
func (f Figure) Met() bool {
	switch f.Better {
	case AtMost:
		return f.Value <= f.Target
	case AtLeast:
		return f.Value >= f.Target
	}
	return true
}

// Run makes all measurements. It takes a few minutes.
func Run(ctx context.Context, o Options) ([]Figure, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	machine, err := machine.OpenVM(ctx, machine.VMOptions{Kernel: o.Kernel})
	if err != nil {
		return nil, err
	}
	m := &measurement{Options: o, machine: machine}
	for _, step := range []func(context.Context) error{m.runs, m.restore, m.commands, m.recording} {
		if err := step(ctx); err != nil {
			return m.figures, err
		}
	}
	return m.figures, nil
}

type measurement struct {
	Options
	machine *machine.VM
	figures []Figure
}

func (m *measurement) add(f Figure) { m.figures = append(m.figures, f) }

// runs counts whole runs a second. The first run is not counted: it may make the template.
func (m *measurement) runs(ctx context.Context) error {
	m.Progress(fmt.Sprintf("%d runs of %s, %d at a time", m.Runs, m.Scenario.Name, m.Jobs))
	first, err := m.machine.Run(ctx, machine.Request{Scenario: m.Scenario, Seed: 1, Kernel: m.Kernel})
	if err != nil {
		return err
	}
	if !first.Valid {
		return fmt.Errorf("a run of %s is invalid: %s", m.Scenario.Name, first.InvalidBecause)
	}
	began := time.Now()
	err = atATime(m.Jobs, m.Runs, func(i int) error {
		_, err := m.machine.Run(ctx, machine.Request{Scenario: m.Scenario, Seed: uint64(i + 2), Kernel: m.Kernel})
		return err
	})
	if err != nil {
		return err
	}
	wall := time.Since(began).Seconds()
	m.add(Figure{Name: "whole runs of " + m.Scenario.Name, Value: float64(m.Runs) / wall, Unit: "1/s",
		Better: AtLeast, Target: 1.5,
		Note: fmt.Sprintf("%d at a time", m.Jobs)})
	m.add(Figure{Name: "virtual time a wall second", Value: first.Time.Virtual * float64(m.Runs) / wall, Unit: "s",
		Note: fmt.Sprintf("a run lasts %.1f s of its own", first.Time.Virtual)})
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	m.add(Figure{Name: "memory of the harness", Value: peak / 1e6, Unit: "MB", Better: AtMost, Target: 100,
		Note: "peak, during these runs"})
	return nil
}

// restore measures how long a clone takes to its first instructions.
func (m *measurement) restore(ctx context.Context) error {
	const clones = 31
	m.Progress(fmt.Sprintf("%d clones, one after the other", clones))
	t, err := m.machine.Template(ctx, m.Scenario, nil)
	if err != nil {
		return err
	}
	m.add(Figure{Name: "instructions before the freeze", Value: float64(t.Instructions()) / 1e6, Unit: "million",
		Better: AtMost, Target: 2147,
		Note: "record mode allows 2^31"})
	var restore, whole []time.Duration
	for range clones {
		c := t.Command([]byte("nothing that a guest could run")) // it says so, and ends
		if err := c.Run(ctx); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if c.Usage().Restore == 0 {
			return fmt.Errorf("a clone did not wake")
		}
		restore, whole = append(restore, c.Usage().Restore), append(whole, c.Usage().Wall)
	}
	m.add(Figure{Name: "clone to its first instructions", Value: milliseconds(quantile(restore, 0.5)), Unit: "ms",
		Better: AtMost, Target: 60,
		Note: fmt.Sprintf("median; 90 %% within %.0f ms", milliseconds(quantile(restore, 0.9)))})
	m.add(Figure{Name: "clone, from start to gone", Value: milliseconds(quantile(whole, 0.5)), Unit: "ms",
		Note: "median; a run that ends at once"})

	payload, err := json.Marshal(protocol.Draw{Seed: 1})
	if err != nil {
		return err
	}
	prepared, err := m.machine.Prepare(ctx, m.Scenario, nil)
	if err != nil {
		return err
	}
	defer prepared.Close()
	c := prepared.Command(payload)
	if err := c.Run(ctx); err != nil {
		return err
	}
	m.add(Figure{Name: "memory of a clone", Value: float64(c.Usage().Memory) / 1e6, Unit: "MB",
		Note: "peak, most of it shared between clones"})
	return nil
}

// recording compares the nodes' CPU with the timeline on and off. Recording moves what happens by nanoseconds, after
// which a run with chance in it may go another way: such as by a retransmission more, 2 % of the nodes' CPU. So it
// takes several seeds.
func (m *measurement) recording(ctx context.Context) error {
	const seeds = 8
	m.Progress(fmt.Sprintf("%s with and without its timeline, %d seeds", m.Recorded.Name, seeds))
	var cpu [2][seeds]map[string]float64
	arms := [2]*scenario.Scenario{m.Recorded, m.Unrecorded}
	err := atATime(m.Jobs, 2*seeds, func(i int) error {
		r, err := m.machine.Run(ctx, machine.Request{Scenario: arms[i%2], Seed: uint64(i/2 + 1), Kernel: m.Kernel})
		if err == nil {
			cpu[i%2][i/2] = nodeCPU(r)
		}
		return err
	})
	if err != nil {
		return err
	}
	m.figures = append(m.figures, recorded(m.Recorded.Name, cpu[0][:], cpu[1][:])...)
	return nil
}

// recorded says by how much recording changes the CPU of all nodes and of the busiest one: on and off have the nodes'
// shares of a CPU with and without it, seed by seed.
func recorded(name string, on, off []map[string]float64) []Figure {
	var all, each []float64 // percent, by seed
	mean := map[string]float64{}
	for _, nodes := range off {
		for node, v := range nodes {
			mean[node] += v / float64(len(off))
		}
	}
	worst := slices.MaxFunc(slices.Sorted(maps.Keys(mean)), func(a, b string) int { return cmp.Compare(mean[a], mean[b]) })
	sum := 0.0
	for _, v := range mean {
		sum += v
	}
	for i := range off {
		with, without := 0.0, 0.0
		for node := range off[i] {
			with += on[i][node]
			without += off[i][node]
		}
		all = append(all, 100*(with-without)/without)
		each = append(each, 100*(on[i][worst]-off[i][worst])/off[i][worst])
	}
	figure := func(of string, changes []float64, note string) Figure {
		total := 0.0
		for _, c := range changes {
			total += c
		}
		return Figure{Name: "recording changes " + of + " CPU by", Value: math.Abs(total / float64(len(changes))), Unit: "%",
			Better: AtMost, Target: 1,
			Note: fmt.Sprintf("mean of %d seeds, %+.2f to %+.2f; %s", len(changes), slices.Min(changes),
				slices.Max(changes), note)}
	}
	return []Figure{
		figure("all nodes'", all, fmt.Sprintf("%s: %.3f %% of a CPU without a timeline", name, 100*sum)),
		figure("the busiest node's", each, fmt.Sprintf("%s: %.3f %% without", worst, 100*mean[worst])),
	}
}

// nodeCPU returns each node's share of the CPU.
func nodeCPU(r *result.Record) map[string]float64 {
	out := map[string]float64{}
	for name, m := range r.Metrics {
		if node, ok := strings.CutSuffix(name, ".cpu.total"); ok && node != "machine" {
			out[node] = m.Value
		}
	}
	return out
}

// atATime calls f with 0 to n-1, some at a time, and returns the first error.
func atATime(jobs, n int, f func(i int) error) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		next  int
		first error
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == n || first != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	for range jobs {
		wg.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := f(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}

// peakMemory returns the most memory that this process had resident, in bytes
// (VmHWM of proc(5)). rusage would count the children in.
func peakMemory() (float64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read own memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("read own memory: no VmHWM in /proc/self/status")
}

// quantile returns the q-quantile of the times, which it sorts.
func quantile(times []time.Duration, q float64) time.Duration {
	slices.Sort(times)
	return times[min(len(times)-1, int(q*float64(len(times))))]
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
