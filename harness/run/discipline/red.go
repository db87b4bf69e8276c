package discipline

import (
	"math"

	"github.com/ruleout/ruleout/harness/scenario"
)

const (
	redParms, redStab, redMaxP = 1, 2, 3

	redECN, redHardDrop, redAdaptive = 1, 2, 4
)

// red is struct tc_red_qopt (u32 limit, min, max, u8 Wlog, Plog, Scell_log, flags), a table, and the probability.
func red(l *scenario.Link) []attr {
	r := l.Discipline.RED
	least, most, burst := l.Thresholds()
	wlog := weight(float64(least), float64(burst), float64(r.Packet))
	plog := slope(float64(least), float64(most), float64(r.Probability))
	clog, table := damping(wlog, float64(r.Packet)/float64(l.Rate.Bytes())*1e6)
	var flags byte
	for bit, on := range map[byte]bool{redECN: r.ECN, redHardDrop: r.HardDrop, redAdaptive: r.Adaptive} {
		if on {
			flags |= bit
		}
	}
	parms := append(u32(uint32(l.QueueBytes)), u32(uint32(least))...)
	parms = append(append(parms, u32(uint32(most))...), byte(wlog), byte(plog), byte(clog), flags)
	probability := uint32(min(math.Round(float64(r.Probability)*(1<<32)), math.MaxUint32))
	return []attr{
		{redParms, parms, func(got []byte) bool { // limit, min, max, Wlog, Plog; the kernel does not tell Scell_log
			return len(got) >= 16 && string(got[:14]) == string(parms[:14]) && got[15] == flags
		}},
		sent(redStab, table),
		{redMaxP, u32(probability), func(got []byte) bool {
			return r.Adaptive || len(got) >= 4 && order.Uint32(got) == probability
		}},
	}
}

// weight returns the least Wlog with which a queue that grows packet by packet, from none to so many, has a mean below
// min: the weight of a packet is 2^-Wlog (Floyd and Jacobson 1993, equation 3). 31 where none does.
func weight(least, burst, packet float64) int {
	over := burst + 1 - least/packet
	for wlog := 1; wlog < 31; wlog++ {
		w := math.Ldexp(1, -wlog)
		if over <= (1-math.Pow(1-w, burst))/w {
			return wlog
		}
	}
	return 31
}

// slope returns Plog: the probability rises by 2^-Plog for each byte of the mean above min, so that it is at most the
// one asked for at max. Kernels since 3.3 use the probability itself.
func slope(least, most, probability float64) int {
	plog := int(math.Ceil(-math.Log2(probability / (most - least))))
	return min(max(plog, 0), 31)
}

// damping returns Scell_log and the table by which the mean falls while the queue is empty: for a time of i cells of
// 2^Scell_log us, it is shifted by entry i, as by as many packets of mean length as could have been sent
// (red_calc_qavg_from_idle_time in include/net/red.h). Packet is the time in which one is sent, in us.
//
// iproute2 computes the table in ticks of 64 ns and the kernel reads it in us, so that there the mean falls 15.6 times
// as slowly. This one is in us.
func damping(wlog int, packet float64) (clog int, table []byte) {
	perMicro := -math.Log2(1-math.Ldexp(1, -wlog)) / packet // halvings a microsecond
	for clog < 31 && 31/perMicro/math.Ldexp(1, clog) >= 255 {
		clog++
	}
	table = make([]byte, 256)
	for i := range table {
		table[i] = byte(min(math.Ldexp(float64(i), clog)*perMicro, 31))
	}
	table[255] = 31
	return clog, table
}
