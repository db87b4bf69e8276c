package result

import (
	"encoding/json"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Record is the result of one run, the same in every format and backend.
// Field names are fixed: scripts rely on them.
type Record struct {
	Schema int    `json:"schema"` // 1
	Run    string `json:"run"`    // sha256:… of provenance key, scenario hash and seed
	// Sha256:… of everything that does not depend on the host, see [Record.ComputeDigest].
	Digest     string     `json:"digest"`
	Scenario   Scenario   `json:"scenario"`
	Seed       uint64     `json:"seed"`
	Backend    string     `json:"backend"` // "vm" or "host"
	Provenance Provenance `json:"provenance"`

	Valid          bool    `json:"valid"`
	InvalidBecause Reasons `json:"invalid_because"`

	Faults []Receipt `json:"faults"`
	// Directions with a queue of their own; records of earlier builds lack them.
	Links   []LinkReceipt     `json:"links,omitempty"`
	Load    Load              `json:"load"`
	Metrics map[string]Metric `json:"metrics"`
	// Node → kernel counter name (TcpExt.TCPRenoRecovery) → difference over the measured window.
	Counters map[string]map[string]int64 `json:"counters"`
	Expect   []Expectation               `json:"expect"`
	Timeline Timeline                    `json:"timeline"`
	// Middleboxes are nodes that translate, track or filter, in the order of their names; absent where there are none.
	Middleboxes []Middlebox `json:"middleboxes,omitempty"`
	// Programs of images, in the order of the nodes' names; absent where there are none.
	Programs []Program `json:"programs,omitempty"`
	Time     Time      `json:"time"`
}

// Scenario names the scenario of a run and carries it whole, so that a record can be replayed by itself.
type Scenario struct {
	Name      string            `json:"name"`
	Hash      string            `json:"hash"` // sha256:…
	Set       map[string]string `json:"set"`  // --set path → value
	Canonical json.RawMessage   `json:"canonical"`
}

// Provenance is everything that goes into a run besides scenario and seed.
type Provenance struct {
	// Tool is the version of the command; in records of early builds the hash of its program follows, which was the
	// guest's too.
	Tool string `json:"tool"`
	// Guest is "sha256:…" of the guest program. Records of early builds lack it.
	Guest        string `json:"guest,omitempty"`
	Kernel       string `json:"kernel"`        // release, such as 6.1.0-55-cloud-amd64
	KernelConfig string `json:"kernel_config"` // sha256:… of the config
	// Netem is the fingerprint of the kernel's netem (package truth): where it is another one, the faults are others
	// too. Records of early builds lack it.
	Netem   string `json:"netem,omitempty"`
	QEMU    string `json:"qemu,omitempty"`
	Machine string `json:"machine"` // the emulated board, or the host
	// Software is "sha256:…" of the emulator's program, the kernel's files and the program in the guest: a version may
	// stay where they do not. Records of early builds lack it.
	Software string `json:"software,omitempty"`
	// Template and Prepared are "sha256:…" of memory and devices of the machine that was booted, and of
	// the one in which the scenario was built and started. Equal keys have equal ones: if they
	// differ, the run was another one before it began. Records of early builds lack them.
	Template string `json:"template,omitempty"`
	Prepared string `json:"prepared,omitempty"`
	// Capture is how many bytes of each packet were captured, at most; 0 says that none were.
	Capture int `json:"capture,omitempty"`
	// Images are "sha256:…" of the file systems of the nodes' programs, by the names of images.
	Images map[string]string `json:"images,omitempty"`
	Key    string            `json:"key"` // sha256:… of all that determines the outcome
}

// Program names what acted in the run besides QEMU and the kernel: the guest program, or the whole build if that was
// early.
func (p *Provenance) Program() string {
	if p.Guest != "" {
		return p.Guest
	}
	return p.Tool
}

// Receipt is what a fault actually did, counted by something other than what acted.
type Receipt struct {
	Name    string `json:"name"`
	Matched int64  `json:"matched"` // packets of the class, while the fault was on
	Chosen  int64  `json:"chosen"`  // packets on which the fault acted
	// Delivered is what the far end of the wire saw: extra copies for duplicate; packets gone for drop and loss;
	// packets that went through the fault's queue for delay, delays, reorder, rate and slot; packets with a bit flipped
	// for corrupt; carriers lost for down; packets with CE more than before for mark; times without any CPU time for
	// pause.
	Delivered       int64 `json:"delivered"`
	UnexplainedLoss int64 `json:"unexplained_loss"` // packets that no fault asked to lose
	// In and Out are all packets counted before and after the fault over the whole run.
	In  int64 `json:"in"`
	Out int64 `json:"out"`
	// Queue is how many packets the fault's queue holds at the most, of rate and slot; of a ramp each value's.
	Queue int64 `json:"queue,omitempty"`
	// Overlimits counts packets that the fault's queue had no room for.
	Overlimits int64 `json:"overlimits"`
	// LostInQueue counts packets of the fault's directions that the queue of the link after it had no room for, whether
	// the fault acted on them or not. Only those of a queue whose length is stated are no reason for the run to be
	// invalid.
	LostInQueue int64 `json:"lost_in_queue,omitempty"`
	// Hits counts, of a fault with bursts, the chosen packets whose own draw hit; the others follow one that did.
	Hits int64 `json:"hits,omitempty"`
	// Interval is the 99.9 % binomial interval for Chosen, or for Hits if there are bursts, given the chance. It is for
	// information: that exactly the right packets were chosen is known from their hashes. Empty when
	// the chance is 100 % or changes.
	Interval []int64 `json:"interval,omitempty"`
	// Kinds counts the chosen packets of the class any: pure-ack, data, syn (with or without ACK), tcp (the other
	// segments) and other. Empty for faults that take all packets and so need not look at them.
	Kinds map[string]int64 `json:"kinds,omitempty"`
	// Times are those at which the first 32 packets were chosen, in s after the start of the measured window.
	Times []float64 `json:"times,omitempty"`
	// DeliveredInterval is the 99.9 % interval for Delivered of a loss model of netem's, given Chosen.
	DeliveredInterval []int64 `json:"delivered_interval,omitempty"`
	// Messages counts the ICMP messages, or RSTs, to the senders of packets that were refused, as they arrived after
	// the fault.
	Messages int64 `json:"messages,omitempty"`
	// Processes is how many processes of a node a pause has stopped, the most at once, and Stood for how long they stood
	// still, in s over all times.
	Processes int64   `json:"processes,omitempty"`
	Stood     float64 `json:"stood,omitempty"`
	// Forged names the segments that an injection made up: the first 1000 different ones.
	Forged []Forged `json:"forged,omitempty"`
}

// LinkReceipt is what became of the packets of one direction of a link over the whole run.
type LinkReceipt struct {
	Between [2]string `json:"between"` // the link's ends, as in the scenario
	From    string    `json:"from"`    // the end that sends
	In      int64     `json:"in"`      // packets that came to the link
	// Packets that arrived; copies that faults made are among them, what they lost is not.
	Out int64 `json:"out"`
	// Queue is how many packets the link's queue holds at the most, or 0 if the scenario does not say: then it is so
	// long that a run in which it overflows is invalid.
	Queue int64 `json:"queue,omitempty"`
	// QueueBytes is how many bytes it holds at the most, or 0 if the scenario does not say.
	QueueBytes  int64 `json:"queue_bytes,omitempty"`
	LostInQueue int64 `json:"lost_in_queue"` // packets that the link's queue had no room for, or its discipline dropped
	// Discipline is that of the queue, by its name in tc, and Counters what it counted that only its kind has, by the
	// kernel's names: ecn_mark, drop_overlimit.
	Discipline string           `json:"discipline,omitempty"`
	Counters   map[string]int64 `json:"counters,omitempty"`
}

// Forged is a TCP segment that no TCP has sent.
type Forged struct {
	At      float64 `json:"at"`   // s after the start of the measured window
	From    string  `json:"from"` // address and port that it seems to come from
	To      string  `json:"to"`   // address and port that it goes to
	Seq     uint32  `json:"seq"`  // as in the header
	Ack     uint32  `json:"ack"`
	Flags   string  `json:"flags"`   // such as psh+ack
	Payload int     `json:"payload"` // bytes
	Count   int     `json:"count"`   // how many of them, one right after the other
}

// Load is how the generators kept to their plan, summed over all of them.
type Load struct {
	Planned   int64            `json:"planned"`
	Sent      int64            `json:"sent"`
	Completed int64            `json:"completed"`
	Errors    int64            `json:"errors"`
	ByError   map[string]int64 `json:"by_error,omitempty"` // timeout, refused, reset, status, malformed, other
	LateP99   int64            `json:"late_ns_p99"`
	LateMax   int64            `json:"late_ns_max"`
}

// Metric is one number of a run.
type Metric struct {
	Value  float64       `json:"value"`
	Unit   string        `json:"unit"` // s, 1 (a share or a count), B, 1/s
	Better metric.Better `json:"better"`
}

// Expectation is one condition of the scenario and how it ended.
type Expectation struct {
	Expr  string  `json:"expr"`
	OK    bool    `json:"ok"`
	Value float64 `json:"value"`           // of the left-hand side
	Error string  `json:"error,omitempty"` // why it could not be evaluated
}

// Time of the run in seconds.
type Time struct {
	Measured float64 `json:"measured"` // length of the measured window
	Virtual  float64 `json:"virtual"`  // from the run's start to its end on the run's own clock
	Wall     float64 `json:"wall"`     // what it cost; not in the digest
}

// Value finds a metric, or a kernel counter as NODE.GROUP.NAME.
func (r *Record) Value(name string) (float64, bool) {
	if m, ok := r.Metrics[name]; ok {
		return m.Value, true
	}
	node, counter, _ := strings.Cut(name, ".") // names of nodes have no dots
	v, ok := r.Counters[node][counter]
	return float64(v), ok
}
