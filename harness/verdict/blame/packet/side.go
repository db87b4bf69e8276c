package packet

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// Side is the captures of one run: those that [pcapng.Spool.Write] wrote into a directory, and the run's scenario.
type Side struct {
	Dir      string
	Scenario *scenario.Scenario
}

// wire is what one link's file has.
type wire struct {
	points []capture.Point
	table
	// end is the time of the last packet. Later ones are missing if dropped is not 0.
	end     time.Duration
	dropped int64
}

// read reads the captures of all links, by the names of their files.
func (s *Side) read() (map[string]*wire, error) {
	wires := map[string]*wire{}
	for i, name := range pcapng.FileNames(s.Scenario) {
		w := &wire{points: capture.Points(s.Scenario, i), table: table{latest: map[pair]*conversation{}}}
		kinds := map[string]capture.Kind{}
		for j := range w.points {
			kinds[w.points[j].Name()] = w.points[j].Kind
		}
		var err error
		w.dropped, err = pcapng.Read(filepath.Join(s.Dir, name), func(f *pcapng.Frame) error {
			kind, ok := kinds[f.Point]
			if !ok {
				return fmt.Errorf("%s: frame %d is of %q, which the scenario does not have",
					filepath.Join(s.Dir, name), f.Number, f.Point)
			}
			w.add(decode(f.Data), seen{frame: f.Number, at: f.At, comment: f.Comment}, f.Point, kind)
			w.end = max(w.end, f.At)
			return nil
		})
		if err != nil {
			return nil, err
		}
		wires[name] = w
	}
	return wires, nil
}

// names are the nodes' names by their addresses.
func (s *Side) names() (map[netip.Addr]string, error) {
	plan, err := layout.Plan(s.Scenario)
	if err != nil {
		return nil, err
	}
	m := map[netip.Addr]string{}
	for i := range plan.Links {
		for _, end := range plan.Links[i].Ends {
			for _, a := range []netip.Prefix{end.Addr4, end.Addr6} {
				if a.IsValid() {
					m[a.Addr()] = plan.Nodes[end.Node].Name
				}
			}
		}
	}
	return m, nil
}
