package nightly

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
)

// world is a program on a kernel, whose runs are numbers.
type world struct {
	build   string
	latency float64 // times that of the baseline
	resent  float64 // segments more than in the baseline
	noise   float64 // of the latency, which is the program's own
	invalid map[uint64]bool
	broken  map[uint64]bool
}

// runs makes a pool's runs.
func (w world) runs(scenario, kernel string, seeds int) *Runs {
	key := result.Sum([]byte(w.build))
	r := &Runs{Head: Head{Scenario: scenario, Hash: result.Sum([]byte(scenario)), Kernel: kernel, Release: kernel + ".0",
		Tool: "1 " + key, Key: key}, BySeed: map[uint64]*archive.Entry{}}
	for seed := uint64(1); seed <= uint64(seeds); seed++ {
		if w.broken[seed] {
			continue
		}
		level := rand.New(rand.NewPCG(seed, 1)).NormFloat64()
		own := rand.New(rand.NewPCG(seed, w.number())).NormFloat64() * w.noise
		latency := 0.2 * math.Exp(0.2*level+own)
		if w.latency != 0 {
			latency *= w.latency
		}
		values := []archive.Value{
			{Name: "http.errors"}, {Name: "http.latency.p99", Value: latency}, {Name: "web.Tcp.OutSegs", Value: 9000},
			{Name: "web.Tcp.RetransSegs", Value: 100 + w.resent}, {Name: "web.accept_queue.max", Value: 3}, {Name: "web.cpu.total", Value: 0.05},
		}
		r.BySeed[seed] = &archive.Entry{
			Run: result.Sum(fmt.Append(nil, key, seed)), Digest: result.Sum(fmt.Append(nil, values)), Key: key,
			Valid: !w.invalid[seed], Because: "x was late", Values: values,
		}
		if w.invalid[seed] {
			r.BySeed[seed].Because = "x was late"
		}
	}
	return r
}

// number is another one for each build.
func (w world) number() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(w.build))
	return h.Sum64()
}

// accepted is the baseline that all nights of the tests begin with.
func accepted(t *testing.T, seeds int) *Baseline {
	t.Helper()
	b, err := Accept(world{build: "old"}.runs("small", "6.1", seeds))
	require.NoError(t, err)
	data, err := b.Encode()
	require.NoError(t, err)
	return written(t, data)
}

// written is a baseline as it is read back.
func written(t *testing.T, data []byte) *Baseline {
	t.Helper()
	file := t.TempDir() + "/small-6.1.jsonl"
	require.NoError(t, writeFile(file, data))
	b, err := ReadBaseline(file)
	require.NoError(t, err)
	return b
}

// calendar is a series of nights.
type calendar struct {
	t     *testing.T
	b     *Baseline
	state *State
	day   int
}

func nights(t *testing.T, b *Baseline) *calendar {
	return &calendar{t: t, b: b, state: &State{Places: map[string]*Memory{}}}
}

func (c *calendar) name() string { return fmt.Sprintf("2026-%02d-%02d", 1+c.day/28, 1+c.day%28) }

// next is another night.
func (c *calendar) next(w world) *Report {
	c.day++
	return c.again(w)
}

// again judges a night once more.
func (c *calendar) again(w world) *Report {
	c.t.Helper()
	r, err := Judge(Night{
		Plan: Plan{Night: c.name(), Seeds: 20, Files: map[string]string{"small": "small.yaml"}}, Baselines: []*Baseline{c.b},
		Runs: []*Runs{w.runs("small", "6.1", len(c.b.Rows))}, State: c.state,
	})
	require.NoError(c.t, err)
	return r
}

// value of a run's metric.
func valueOf(t *testing.T, e *archive.Entry, name string) float64 {
	t.Helper()
	v, ok := e.Value(name)
	require.True(t, ok, name)
	return v
}

// without takes a metric from a run.
func without(e *archive.Entry, name string) {
	e.Values = slices.DeleteFunc(e.Values, func(v archive.Value) bool { return v.Name == name })
}
