package frame

// DefaultModules are the kernel modules that a run needs, in no particular order; what
// they depend on is added when they are packed, and built-in ones are skipped.
var DefaultModules = []string{
	"veth", "sch_netem", "sch_prio", "sch_ingress", "cls_bpf", "inet_diag", "tcp_diag",
}

// EnvInit is in the environment of init when the host booted it as a guest. Pid 1 of a
// container is not one of ours.
const EnvInit = "RULEOUT_INIT"

// Files of the guest's root directory that the host writes.
const (
	ModuleDir = "/lib/modules"      // 000-veth.ko and so on, in load order, uncompressed
	ArgsFile  = "/etc/ruleout/args" // JSON list: arguments of the worker after its name
)

// PayloadName is the fw_cfg file that carries a clone's payload. Its contents are no part
// of the frozen state, which is how every clone gets its own.
const PayloadName = "opt/ruleout/run"

// Where a saved state tells the moment of the freeze: after these eight bytes, which are in
// a register, the next register has the time stamp counter, and StopInstructions after it
// was read the CPU stopped.
const (
	FreezeMark       = "ruleout!"
	StopInstructions = 6
)

// Checked is what the guest found out about itself before it was frozen.
type Checked struct {
	Release     string `json:"release"`     // of the kernel that runs
	ClockSource string `json:"clocksource"` // always "tsc"
	HighRes     bool   `json:"highres"`     // always true
}

// Attached describes an attachment to the host when the guest stops.
type Attached struct {
	Name string `json:"name"`
	// Address is virtual, in the process that stops the machine.
	Address uint64 `json:"address"`
	Size    uint64 `json:"size"`
}
