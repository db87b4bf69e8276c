package run

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/load"
	"github.com/ruleout/ruleout/harness/run/probe"
)

// program is an agent with the name under which it is reported, such as "web/php".
type program struct {
	name    string
	process *agent.Process
	counts  []probe.Count // what it counts, as metrics
}

// programs are all agents of a run.
type programs struct {
	services []program
	boxes    []boxed
	loads    []program
	senders  []program // of udp loads
	sinks    []program // udp services
	drawing  []program // services that draw from the seed
	pumps    []program // of bulk loads
	drains   []program // bulk services
}

// serving is how many services there are, programs of images among them.
func (p *programs) serving() int {
	n := len(p.services) + len(p.sinks) + len(p.drains)
	for _, b := range p.boxes {
		n += len(b.programs) - b.clients
	}
	return n
}

// begin tells the generators when the measured window starts, and services that draw from the seed. The others serve
// as soon as they are ready; to wake them all would only cost time.
func (p *programs) begin(b agent.Beginning) error {
	for _, a := range slices.Concat(p.sinks, p.drains, p.drawing, p.loads, p.senders, p.pumps) {
		if err := a.process.Begin(b); err != nil {
			return fmt.Errorf("begin %s: %w", a.name, err)
		}
	}
	for i := range p.boxes {
		if err := p.boxes[i].begin(b); err != nil {
			return err
		}
	}
	return nil
}

// finishLoads waits until every generator has had its last answer.
func (p *programs) finishLoads(ctx context.Context) ([]load.Result, error) {
	return finish[load.Result](ctx, p.loads, (*agent.Process).Wait)
}

// finish takes the results of agents, which end as a function has them end.
func finish[T any](ctx context.Context, of []program,
	end func(*agent.Process, context.Context) (json.RawMessage, error),
) ([]T, error) {
	var results []T
	for _, a := range of {
		raw, err := end(a.process, ctx)
		if err != nil {
			return nil, err
		}
		var r T
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("read result of %s: %w", a.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// counts are what all services count.
func (p *programs) counts() (list []probe.Count) {
	for _, a := range slices.Concat(p.services, p.sinks) {
		list = append(list, a.counts...)
	}
	return list
}

// broken says which services have ended by themselves: what such a run showed, it did not show of the
// scenario. The others are not stopped in order, which would take a guest some
// milliseconds of CPU; they have nothing to say.
func (p *programs) broken(to *result.Reasons) {
	for _, a := range slices.Backward(slices.Concat(p.sinks, p.drains, p.services)) {
		if err := a.process.Ended(); err != nil {
			to.Add(result.ServiceEnded, "service "+a.name, "%v", err)
		}
	}
}
