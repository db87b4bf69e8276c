package discipline

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Attributes of include/uapi/linux/pkt_sched.h.
const (
	codelTarget, codelLimit, codelInterval, codelECN, codelThreshold = 1, 2, 3, 4, 5

	fqCodelFlows, fqCodelQuantum, fqCodelThreshold, fqCodelMemory = 5, 6, 7, 9

	fqLimit, fqFlowLimit, fqQuantum, fqInitial, fqThreshold = 1, 2, 3, 4, 12

	pieTarget, pieLimit, pieUpdate, pieAlpha, pieBeta, pieECN, pieBytes = 1, 2, 3, 4, 5, 6, 7

	fqPIELimit, fqPIEFlows, fqPIETarget, fqPIEUpdate, fqPIEAlpha, fqPIEBeta = 1, 2, 3, 4, 5, 6
	fqPIEQuantum, fqPIEMemory, fqPIEProb, fqPIEECN, fqPIEBytes              = 7, 8, 9, 10, 11

	cakeRate, cakeDiffserv, cakeFlow, cakeRTT, cakeMemory, cakeWash, cakeACK = 2, 3, 5, 7, 10, 13, 16
)

// Limits of tc and of the kernel, where the link says nothing.
const (
	fewPackets  = 1000 // codel, pie
	fqPackets   = 10_000
	manyPackets = 10_240 // fq_codel, fq_pie
	memory      = 32 << 20
)

// parameters are the options of a link's discipline below a token bucket.
func parameters(l *scenario.Link) []attr {
	switch d := l.Discipline; {
	case d.CoDel != nil:
		c := d.CoDel
		return threshold([]attr{
			micros(codelTarget, c.Target), micros(codelInterval, c.Interval), word(codelLimit, cmp.Or(l.Queue, fewPackets)),
			flag(codelECN, c.ECN),
		}, codelThreshold, c.CEThreshold)
	case d.FQCoDel != nil:
		c := d.FQCoDel
		return threshold([]attr{
			micros(codelTarget, c.Target), micros(codelInterval, c.Interval), word(codelLimit, cmp.Or(l.Queue, manyPackets)),
			flag(codelECN, !c.NoECN), word(fqCodelFlows, c.Flows), word(fqCodelQuantum, c.Quantum),
			word(fqCodelMemory, cmp.Or(l.QueueBytes, memory)),
		}, fqCodelThreshold, c.CEThreshold)
	case d.FQ != nil:
		f := d.FQ
		return threshold([]attr{
			word(fqLimit, cmp.Or(l.Queue, fqPackets)), word(fqFlowLimit, f.FlowLimit), word(fqQuantum, f.Quantum),
			word(fqInitial, f.InitialQuantum),
		}, fqThreshold, f.CEThreshold)
	case d.PIE != nil:
		p := d.PIE
		return []attr{
			micros(pieTarget, p.Target), word(pieLimit, cmp.Or(l.Queue, fewPackets)), ticked(pieUpdate, p.Update),
			word(pieAlpha, p.Alpha), word(pieBeta, p.Beta), flag(pieECN, p.ECN), flag(pieBytes, p.ByteMode),
		}
	case d.FQPIE != nil:
		p := d.FQPIE
		return []attr{
			micros(fqPIETarget, p.Target), word(fqPIELimit, cmp.Or(l.Queue, manyPackets)), ticked(fqPIEUpdate, p.Update),
			word(fqPIEAlpha, p.Alpha), word(fqPIEBeta, p.Beta), flag(fqPIEECN, p.ECN),
			flag(fqPIEBytes, p.ByteMode), word(fqPIEProb, uint32(math.Round(float64(p.ECNProb)*100))),
			word(fqPIEFlows, p.Flows), word(fqPIEQuantum, p.Quantum),
			word(fqPIEMemory, cmp.Or(l.QueueBytes, memory)),
		}
	case d.RED != nil:
		return red(l)
	}
	panic("discipline: none below a token bucket")
}

// threshold adds that of marks, which the kernel has only where it is set.
func threshold(list []attr, kind uint16, d scenario.Duration) []attr {
	if d > 0 {
		list = append(list, micros(kind, d))
	}
	return list
}

// ticked is a time in microseconds that the kernel rounds up to whole ticks: of 10 ms at the most (HZ=100).
func ticked(kind uint16, d scenario.Duration) attr {
	const longest = 10_000
	return rounded(kind, uint32(d/1000), 1, longest)
}

// Numbers of cake's words, in the order of enum cake_flow_mode, cake_diffserv_mode and cake_ack_filter.
var (
	cakeFlows = []string{"flowblind", "srchost", "dsthost", "hosts", "flows", "dual-srchost", "dual-dsthost",
		"triple-isolate"}
	cakePriority = []string{"diffserv3", "diffserv4", "diffserv8", "besteffort", "precedence"}
	cakeFilter   = []string{"no", "yes", "aggressive"}
)

func cake(l *scenario.Link) []attr {
	c, rate := l.Discipline.CAKE, l.Rate.Bytes()
	list := []attr{
		{cakeRate, u64(rate), func(got []byte) bool { return len(got) >= 8 && order.Uint64(got) == rate }},
		micros(cakeRTT, c.RTT), word(cakeFlow, slices.Index(cakeFlows, c.Isolation)),
		word(cakeDiffserv, slices.Index(cakePriority, c.Priority)), word(cakeACK, slices.Index(cakeFilter, c.AckFilter)),
		flag(cakeWash, c.Wash),
	}
	if l.QueueBytes > 0 {
		list = append(list, word(cakeMemory, l.QueueBytes))
	}
	return list
}
