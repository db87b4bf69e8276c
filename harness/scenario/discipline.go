package scenario

// Discipline is how packets that wait for a link's rate are queued, and which of them are dropped or marked: one of the
// kernel's queue disciplines. Exactly one key is set. Names and defaults are those of tc(8). How much the queue holds
// at the most is said by the link's keys queue and queue-bytes.
type Discipline struct {
	// CoDel drops or marks at the head of one queue, as long as packets wait too long in it (RFC 8289).
	CoDel *CoDel `yaml:"codel,omitempty" json:"codel,omitempty"`
	// FQCoDel has a queue with CoDel for each flow, and serves them by turns (RFC 8290).
	FQCoDel *FQCoDel `yaml:"fq_codel,omitempty" json:"fq_codel,omitempty"`
	// FQ has a queue for each flow and serves them by turns, without dropping early.
	FQ *FQ `yaml:"fq,omitempty" json:"fq,omitempty"`
	// PIE drops or marks arriving packets, with a probability that follows the delay of the queue (RFC 8033).
	PIE *PIE `yaml:"pie,omitempty" json:"pie,omitempty"`
	// FQPIE has a queue with PIE for each flow, and serves them by turns.
	FQPIE *FQPIE `yaml:"fq_pie,omitempty" json:"fq_pie,omitempty"`
	// RED drops or marks arriving packets, with a probability that follows the mean length of the queue (Floyd and
	// Jacobson 1993). It needs queue-bytes.
	RED *RED `yaml:"red,omitempty" json:"red,omitempty"`
	// CAKE shapes to the link's rate itself, with a queue for each flow and hosts treated alike.
	CAKE *CAKE `yaml:"cake,omitempty" json:"cake,omitempty"`
	// TBF is a token bucket: what has been saved up passes at once. It needs queue or queue-bytes.
	TBF *TBF `yaml:"tbf,omitempty" json:"tbf,omitempty"`
}

// CoDel is the discipline of this name. Its queue holds 1000 packets, unless the link says otherwise.
type CoDel struct {
	// Target is the delay in the queue that is good.
	Target Duration `yaml:"target,omitempty" json:"target" default:"5ms" min:"1us" max:"10s"`
	// Interval is how long the delay must be above the target before the first packet is dropped.
	Interval Duration `yaml:"interval,omitempty" json:"interval" default:"100ms" min:"1us" max:"100s"`
	// ECN marks packets that allow it instead of dropping them.
	ECN bool `yaml:"ecn,omitempty" json:"ecn,omitempty"`
	// CEThreshold marks all packets that have waited longer. Without it, none.
	CEThreshold Duration `yaml:"ce-threshold,omitempty" json:"ce-threshold,omitempty" min:"1us" max:"10s"`
}

// FQCoDel is the discipline of this name. Its queues hold 10,240 packets and 32 MiB together, unless the link says
// otherwise.
type FQCoDel struct {
	// Target is the delay in the queue of a flow that is good.
	Target Duration `yaml:"target,omitempty" json:"target" default:"5ms" min:"1us" max:"10s"`
	// Interval is how long the delay must be above the target before the first packet is dropped.
	Interval Duration `yaml:"interval,omitempty" json:"interval" default:"100ms" min:"1us" max:"100s"`
	// NoECN drops packets that allow to be marked.
	NoECN bool `yaml:"no-ecn,omitempty" json:"no-ecn,omitempty"`
	// CEThreshold marks all packets that have waited longer. Without it, none.
	CEThreshold Duration `yaml:"ce-threshold,omitempty" json:"ce-threshold,omitempty" min:"1us" max:"10s"`
	// Flows is the number of queues. Flows are put into them by a hash of addresses and ports.
	Flows int `yaml:"flows,omitempty" json:"flows" default:"1024" min:"1" max:"65536"`
	// Quantum is how many bytes a flow may send by turn.
	Quantum int `yaml:"quantum,omitempty" json:"quantum" default:"1514" min:"256" max:"1048576"`
}

// FQ is the discipline of this name. Its queues hold 10,000 packets together, unless the link says otherwise.
type FQ struct {
	// FlowLimit is the most packets of one flow.
	FlowLimit int `yaml:"flow-limit,omitempty" json:"flow-limit" default:"100" min:"1" max:"1000000"`
	// Quantum is how many bytes a flow may send by turn.
	Quantum int `yaml:"quantum,omitempty" json:"quantum" default:"3028" min:"256" max:"1048576"`
	// InitialQuantum is how many bytes a new flow may send at first.
	InitialQuantum int `yaml:"initial-quantum,omitempty" json:"initial-quantum" default:"15140" min:"256" max:"1048576"`
	// CEThreshold marks all packets that have waited longer. Without it, none.
	CEThreshold Duration `yaml:"ce-threshold,omitempty" json:"ce-threshold,omitempty" min:"1us" max:"10s"`
}

// PIE is the discipline of this name. Its queue holds 1000 packets, unless the link says otherwise.
type PIE struct {
	// Target is the delay in the queue that is aimed at.
	Target Duration `yaml:"target,omitempty" json:"target" default:"15ms" min:"1us" max:"10s"`
	// Update is how often the probability is computed. The kernel rounds it up to whole ticks (jiffies).
	Update Duration `yaml:"update,omitempty" json:"update" default:"15ms" min:"1ms" max:"10s"`
	// Alpha weighs the delay's distance from the target, in 1/16 Hz: tc's own unit.
	Alpha int `yaml:"alpha,omitempty" json:"alpha" default:"2" min:"0" max:"32"`
	// Beta weighs the change of the delay, in the same unit.
	Beta int `yaml:"beta,omitempty" json:"beta" default:"20" min:"0" max:"32"`
	// ECN marks packets that allow it instead of dropping them, up to a probability of 10 %.
	ECN bool `yaml:"ecn,omitempty" json:"ecn,omitempty"`
	// ByteMode drops short packets with a smaller probability.
	ByteMode bool `yaml:"bytemode,omitempty" json:"bytemode,omitempty"`
}

// FQPIE is the discipline of this name. Its queues hold 10,240 packets and 32 MiB together, unless the link says
// otherwise.
type FQPIE struct {
	// Target is the delay in the queue of a flow that is aimed at.
	Target Duration `yaml:"target,omitempty" json:"target" default:"15ms" min:"1us" max:"10s"`
	// Update is how often the probabilities are computed. The kernel rounds it up to whole ticks (jiffies).
	Update Duration `yaml:"update,omitempty" json:"update" default:"15ms" min:"1ms" max:"10s"`
	// Alpha weighs the delay's distance from the target, in 1/16 Hz: tc's own unit.
	Alpha int `yaml:"alpha,omitempty" json:"alpha" default:"2" min:"0" max:"32"`
	// Beta weighs the change of the delay, in the same unit.
	Beta int `yaml:"beta,omitempty" json:"beta" default:"20" min:"0" max:"32"`
	// ECN marks packets that allow it instead of dropping them, up to a probability of ecn-prob.
	ECN bool `yaml:"ecn,omitempty" json:"ecn,omitempty"`
	// ECNProb is the greatest probability at which packets are marked and not dropped.
	ECNProb Share `yaml:"ecn-prob,omitempty" json:"ecn-prob" default:"10%" above:"0%" max:"100%"`
	// Flows is the number of queues.
	Flows int `yaml:"flows,omitempty" json:"flows" default:"1024" min:"1" max:"65536"`
	// Quantum is how many bytes a flow may send by turn.
	Quantum int `yaml:"quantum,omitempty" json:"quantum" default:"1514" min:"256" max:"1048576"`
	// ByteMode drops short packets with a smaller probability.
	ByteMode bool `yaml:"bytemode,omitempty" json:"bytemode,omitempty"`
}

// RED is the discipline of this name.
type RED struct {
	// Min is the mean length of the queue from which on packets are dropped or marked. Without it, a third of max.
	Min Size `yaml:"min,omitempty" json:"min,omitempty" min:"64B" max:"1GB"`
	// Max is the mean length at which the probability is the greatest. Without it, a quarter of queue-bytes.
	Max Size `yaml:"max,omitempty" json:"max,omitempty" min:"64B" max:"1GB"`
	// Packet is the mean length of a packet, by which the mean of the queue follows the queue.
	Packet Size `yaml:"packet,omitempty" json:"packet" default:"1000B" min:"64B" max:"9014B"`
	// Burst is how many packets of this length may come at once before the mean is above min. Without it,
	// (2 min + max) / (3 packet).
	Burst int `yaml:"burst,omitempty" json:"burst,omitempty" min:"1" max:"1000000"`
	// Probability is the greatest one.
	Probability Share `yaml:"probability,omitempty" json:"probability" default:"2%" above:"0%" max:"100%"`
	// ECN marks packets that allow it instead of dropping them.
	ECN bool `yaml:"ecn,omitempty" json:"ecn,omitempty"`
	// HardDrop goes with ecn: where the mean is above max, packets are dropped that could be marked.
	HardDrop bool `yaml:"harddrop,omitempty" json:"harddrop,omitempty"`
	// Adaptive moves the probability between 1 % and 50 % so that the mean stays between min and max.
	Adaptive bool `yaml:"adaptive,omitempty" json:"adaptive,omitempty"`
}

// CAKE is the discipline of this name. Its queues hold as many bytes as it thinks fit for the rate and RTT, unless the
// link says queue-bytes.
type CAKE struct {
	// RTT is the round-trip time of usual flows: CoDel's interval. Its target is a twentieth.
	RTT Duration `yaml:"rtt,omitempty" json:"rtt" default:"100ms" min:"1us" max:"100s"`
	// Isolation is between whom the rate is divided.
	Isolation string `yaml:"isolation,omitempty" json:"isolation" default:"triple-isolate" enum:"flowblind,srchost,dsthost,hosts,flows,dual-srchost,dual-dsthost,triple-isolate"`
	// Priority is how packets are divided into tins by their DSCP.
	Priority string `yaml:"priority,omitempty" json:"priority" default:"diffserv3" enum:"besteffort,precedence,diffserv3,diffserv4,diffserv8"`
	// AckFilter drops pure ACKs of a flow for which a later one waits.
	AckFilter string `yaml:"ack-filter,omitempty" json:"ack-filter" default:"no" enum:"no,yes,aggressive"`
	// Wash clears the DSCP of packets.
	Wash bool `yaml:"wash,omitempty" json:"wash,omitempty"`
}

// TBF is the discipline of this name. Packets take no time to be sent: only the bucket holds them back.
type TBF struct {
	// Burst is the size of the bucket. It must hold the longest packet.
	Burst Size `yaml:"burst" json:"burst" min:"64B" max:"1GB"`
	// Peak is the rate at which the bucket is emptied. Without it, as fast as the machine can.
	Peak Rate `yaml:"peak,omitempty" json:"peak,omitempty" min:"1kbit" max:"100gbit"`
}

// Kind is the name of the discipline that is set, or "" if there is not exactly one.
func (d *Discipline) Kind() string {
	if set := d.set(); len(set) == 1 {
		return set[0]
	}
	return ""
}

// set are the names of the disciplines that are set.
func (d *Discipline) set() (list []string) {
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"codel", d.CoDel != nil}, {"fq_codel", d.FQCoDel != nil}, {"fq", d.FQ != nil}, {"pie", d.PIE != nil},
		{"fq_pie", d.FQPIE != nil}, {"red", d.RED != nil}, {"cake", d.CAKE != nil}, {"tbf", d.TBF != nil},
	} {
		if k.set {
			list = append(list, k.name)
		}
	}
	return list
}

// disciplines are the names of all.
var disciplines = []string{"codel", "fq_codel", "fq", "pie", "fq_pie", "red", "cake", "tbf"}

// Shorthands are the disciplines that may stand for the whole mapping: those that need no setting.
func (Discipline) Shorthands() []string { return disciplines[:7] }

// Example shows how a discipline is written.
func (Discipline) Example() string {
	return `"discipline: fq_codel", or a mapping such as "discipline: {fq_codel: {target: 1ms}}"`
}

// Marks reports whether the discipline can mark packets with ECN's CE as it is set.
func (d *Discipline) Marks() bool {
	switch {
	case d.CoDel != nil:
		return d.CoDel.ECN || d.CoDel.CEThreshold > 0
	case d.FQCoDel != nil:
		return !d.FQCoDel.NoECN || d.FQCoDel.CEThreshold > 0
	case d.FQ != nil:
		return d.FQ.CEThreshold > 0
	case d.PIE != nil:
		return d.PIE.ECN
	case d.FQPIE != nil:
		return d.FQPIE.ECN
	case d.RED != nil:
		return d.RED.ECN
	}
	return d.CAKE != nil
}

// Random reports whether the discipline draws random numbers.
func (d *Discipline) Random() bool {
	return d.PIE != nil || d.FQPIE != nil || d.RED != nil || d.CAKE != nil
}

// Qdiscs are the kinds of qdiscs that hold the packets of the link's queue if no netem does, from the outermost, by
// their names in tc.
func (l *Link) Qdiscs() []string {
	switch d := l.Discipline; {
	case !l.Bottleneck():
		return nil
	case d != nil && d.CAKE != nil:
		return []string{"cake"}
	case d != nil && d.TBF != nil && l.Queue > 0:
		return []string{"tbf", "pfifo"}
	case d == nil || d.TBF != nil:
		return []string{"tbf", "bfifo"}
	default:
		return []string{"tbf", d.Kind()}
	}
}

// Bottleneck reports whether packets of the link wait in a queue that is no netem's: one of a discipline, or one whose
// length is stated in bytes.
func (l *Link) Bottleneck() bool { return l.Discipline != nil || l.QueueBytes > 0 }

// Stated reports whether the scenario says how much the link's queue holds, or gives it a discipline: then what it
// drops is the link's own behaviour.
func (l *Link) Stated() bool { return l.Queue > 0 || l.Bottleneck() }
