package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Frame is the length of the longest Ethernet frame of a link, which is what its rate is charged for.
func (l *Link) Frame() Size { return Size(l.MTU) + 14 }

// bottleneck checks the queue in front of a link's rate.
func (v *validation) bottleneck(path string, l *Link) {
	if !l.Bottleneck() || !v.sound(path) {
		return
	}
	d := l.Discipline
	at := path + ".discipline"
	if d == nil {
		at = path + ".queue-bytes"
	}
	if l.Rate == 0 {
		v.fail(at, "a queue without a rate: no packet would wait in it", "add the key rate to the link")
		return
	}
	if l.QueueBytes > 0 && l.QueueBytes < l.Frame() {
		v.fail(path+".queue-bytes", fmt.Sprintf("a queue of %v has no room for a packet of %v", l.QueueBytes, l.Frame()),
			"the longest packet is the MTU and 14 bytes of Ethernet")
		return
	}
	if d == nil {
		if l.Queue > 0 {
			v.fail(path+".queue-bytes", "a queue is limited by packets or by bytes, not by both",
				"fq_codel and fq_pie know both: add the key discipline")
		}
		return
	}
	switch set := d.set(); len(set) {
	case 0:
		v.fail(at, "a discipline without a name", "one of: "+strings.Join(disciplines, ", "))
		return
	case 1:
	default:
		v.fail(at, "a link has one discipline, not "+strings.Join(set, " and "), "")
		return
	}
	kind := d.Kind()
	at += "." + kind
	for _, c := range []struct {
		key   string
		given bool
		goes  []string
	}{
		{"queue", l.Queue > 0, []string{"codel", "fq_codel", "fq", "pie", "fq_pie", "tbf"}},
		{"queue-bytes", l.QueueBytes > 0, []string{"fq_codel", "fq_pie", "red", "cake", "tbf"}},
	} {
		if c.given && !slices.Contains(c.goes, kind) {
			v.fail(path+"."+c.key, fmt.Sprintf("%s has no limit of this kind", kind),
				c.key+" goes with "+strings.Join(c.goes, ", "))
			return
		}
	}
	v.parameters(at, l)
}

// parameters checks those of a discipline that depend on one another.
func (v *validation) parameters(at string, l *Link) {
	d := l.Discipline
	switch {
	case d.CoDel != nil:
		v.codel(at, d.CoDel.Target, d.CoDel.Interval)
	case d.FQCoDel != nil:
		v.codel(at, d.FQCoDel.Target, d.FQCoDel.Interval)
	case d.FQPIE != nil && !d.FQPIE.ECN && d.FQPIE.ECNProb != 0.1:
		v.fail(at+".ecn-prob", "a probability of marks without ecn", "add the key ecn")
	case d.RED != nil:
		v.red(at, l)
	case d.TBF != nil:
		v.tbf(at, l)
	}
}

func (v *validation) codel(at string, target, interval Duration) {
	if target >= interval {
		v.fail(at+".target", fmt.Sprintf("a target of %v is not below the interval of %v", target, interval),
			"RFC 8289 advises a twentieth to a tenth of the interval")
	}
}

// Thresholds returns min, max and burst of a link's RED with what is not stated worked out, as tc does.
func (l *Link) Thresholds() (least, most Size, burst int) {
	r := l.Discipline.RED
	least, most, burst = r.Min, r.Max, r.Burst
	if most == 0 {
		most = l.QueueBytes / 4
	}
	if least == 0 {
		least = most / 3
	}
	if burst == 0 {
		burst = int((2*least + most) / (3 * r.Packet))
	}
	return least, most, max(burst, 1)
}

func (v *validation) red(at string, l *Link) {
	if l.QueueBytes == 0 {
		v.fail(at, "red without a limit", "add the key queue-bytes to the link")
		return
	}
	r := l.Discipline.RED
	least, most, burst := l.Thresholds()
	switch {
	case least >= most:
		v.fail(at+".min", fmt.Sprintf("min is %v and max is %v: min must be smaller", least, most), "")
	case most > l.QueueBytes:
		v.fail(at+".max", fmt.Sprintf("max is %v, and the queue holds %v", most, l.QueueBytes), "")
	case burst*int(r.Packet) < int(least):
		v.fail(at+".burst", fmt.Sprintf("a burst of %d packets of %v is below min, which is %v", burst, r.Packet, least),
			fmt.Sprintf("%d at least", (int(least)+int(r.Packet)-1)/int(r.Packet)))
	case r.HardDrop && !r.ECN:
		v.fail(at+".harddrop", "harddrop without ecn", "without ecn, all are dropped")
	}
}

func (v *validation) tbf(at string, l *Link) {
	t := l.Discipline.TBF
	switch {
	case t.Burst < l.Frame():
		v.fail(at+".burst", fmt.Sprintf("a bucket of %v has no room for a packet of %v", t.Burst, l.Frame()),
			"the longest packet is the MTU and 14 bytes of Ethernet; the kernel would drop it")
	case t.Peak > 0 && t.Peak <= l.Rate:
		v.fail(at+".peak", fmt.Sprintf("a peak of %v is not above the rate of %v", t.Peak, l.Rate), "")
	case l.Queue == 0 && l.QueueBytes == 0:
		v.fail(at, "tbf without a limit", "add the key queue or queue-bytes to the link")
	case l.Queue > 0 && l.QueueBytes > 0:
		v.fail(at, "a queue is limited by packets or by bytes, not by both", "")
	}
}
