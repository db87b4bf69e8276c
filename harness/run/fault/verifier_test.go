package fault

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

var classes = []scenario.Packets{
	scenario.AnyPacket, scenario.TCPPacket, scenario.UDPPacket, scenario.ICMPPacket, scenario.Fragment,
	scenario.DataSegment,
	scenario.PureACK, scenario.DupACK, scenario.SYN, scenario.SYNACK, scenario.FIN, scenario.RST,
}

// testScenario is a network of a client, an edge and a server with a fault that selects so.
func testScenario(f scenario.Fault) *scenario.Scenario {
	f.Name, f.Link = "some-fault", [2]string{"edge", "server"}
	return &scenario.Scenario{
		Nodes: map[string]*scenario.Node{"client": {}, "edge": {Role: scenario.Router}, "server": {}},
		Links: []scenario.Link{{Between: [2]string{"client", "edge"}}, {Between: [2]string{"edge", "server"}}},
		Flows: map[string]*scenario.Flow{
			"web": {From: "client", To: "server", Port: 80},
			"all": {From: "edge", To: "server"},
		},
		Faults: []scenario.Fault{f},
	}
}

// ordinals are the most that a scenario may name, far apart.
func ordinals(n int) (list []int) {
	for i := range n {
		list = append(list, 1+i*15_000_000)
	}
	return list
}

// Whatever a scenario may ask for, the verifier of this kernel takes the program. (Run it
// on each kernel: RULEOUT_KERNEL.)
func TestTheVerifierTakesEverySelector(t *testing.T) {
	half := scenario.Share(.5)
	whole := scenario.Share(1)
	selects := map[string]scenario.Select{
		"all":          {},
		"chance":       {Chance: &half},
		"burst":        {Chance: &half, Burst: 16, Every: 3, First: 1e9},
		"nth":          {Nth: 1e9, Burst: 2},
		"per link":     {Chance: &half, Per: scenario.PerLink, Burst: 3},
		"ports":        {Port: 80, FromPort: 443, ToPort: 65535, Chance: &half},
		"IPv4":         {Family: scenario.IPv4, First: 3},
		"IPv6":         {Family: scenario.IPv6, Every: 3},
		"IPv4, all":    {Family: scenario.IPv4},
		"flow":         {Flow: "web"},
		"flow, chance": {Flow: "web", Chance: &half, Longer: 100},
		"flow, any":    {Flow: "all", Chance: &half},
		"flow, IPv6":   {Flow: "all", Family: scenario.IPv6, Longer: 64000},
		"longer":       {Longer: 100},
		"ordinals":     {Ordinals: ordinals(64), Burst: 16, Chance: &half},
		"class":        {ECN: scenario.ECT, DSCP: new(int)},
		"class, IPv6":  {ECN: scenario.CE, Family: scenario.IPv6, Chance: &half},
		"payload":      {Payload: &scenario.Payload{Min: 1, Max: 100}, ECN: scenario.NotECT},
		"after": {After: &scenario.After{Age: 1e9, Bytes: 1000}, Chance: &half, Flow: "all",
			Payload: &scenario.Payload{Max: 100}},
		"last": {Last: true, Burst: 2, Chance: &half},
	}
	whens := map[string]scenario.Fault{
		"ever":    {},
		"a while": {For: scenario.Duration(time.Hour)},
		"again":   {For: 1000, Every: scenario.Duration(time.Hour), Times: 1e6},
		"ramp":    {For: 1e9, Every: 2e9, Ramp: &scenario.Ramp{Over: 1e9, Steps: 14, Chance: &whole}},
	}
	require.NoError(t, rlimit.RemoveMemlock())
	r := rand.New(rand.NewPCG(1, 1)) // not all combinations: they would take a minute
	for _, class := range classes {
		for _, name := range slices.Sorted(maps.Keys(selects)) {
			choose := selects[name]
			portless := class == scenario.Fragment || class == scenario.ICMPPacket
			hopeless := portless && (choose.Port > 0 || choose.Flow == "web" || choose.Last) ||
				class == scenario.ICMPPacket && choose.Flow != "" ||
				!class.TCP() && !choose.Last && (choose.After != nil || choose.Payload != nil && class != scenario.UDPPacket)
			for range 2 {
				when := slices.Sorted(maps.Keys(whens))[r.IntN(len(whens))]
				f := whens[when]
				f.Select = choose
				f.Select.Packets = class
				c, err := newSelector(testScenario(f), 0, r.IntN(2))
				if hopeless {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				do := []selector{{bands: 1}, {bands: 1, through: true}, {bands: c.when.steps()}, {clones: 16}, {}}[r.IntN(5)]
				c.bands, c.clones, c.through = do.bands, do.clones, do.through
				t.Run(fmt.Sprintf("%s, %s, %s, %d bands, %d clones", class, name, when, c.bands, c.clones),
					func(t *testing.T) { newBenchOf(t, c) })
			}
		}
	}
}
