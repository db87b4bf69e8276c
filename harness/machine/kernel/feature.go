package kernel

// Feature is something that the harness uses in a guest's kernel.
type Feature struct {
	Name   string // for people: netem
	Option string // of the configuration: NET_SCH_NETEM
	Needed bool   // no scenario runs without it
}

// features are what a guest uses, with the options that bring it.
var features = []Feature{
	{"PVH boot", "PVH", true},
	{"initramfs", "BLK_DEV_INITRD", true},
	{"serial console", "SERIAL_8250_CONSOLE", true},
	{"I/O ports", "X86_IOPL_IOPERM", true},
	{"high-resolution timers", "HIGH_RES_TIMERS", true},
	{"network namespaces", "NET_NS", true},
	{"veth", "VETH", true},
	{"netem", "NET_SCH_NETEM", true},
	{"prio", "NET_SCH_PRIO", true},
	{"clsact", "NET_SCH_INGRESS", true},
	{"BPF classifier", "NET_CLS_BPF", true},
	{"BPF", "BPF_SYSCALL", true},
	{"BPF tracing", "BPF_EVENTS", true},
	{"type information", "DEBUG_INFO_BTF", true},
	{"cgroups", "CGROUPS", true},
	{"socket statistics", "INET_DIAG", true},
	{"IPv6", "IPV6", false},
	{"pressure", "PSI", false},
}

// Lacks returns what the harness uses and this kernel was built without.
func (k *Kernel) Lacks() ([]Feature, error) {
	c, err := k.Config()
	if err != nil {
		return nil, err
	}
	var lacks []Feature
	for _, f := range features {
		if !c.Has(f.Option) {
			lacks = append(lacks, f)
		}
	}
	return lacks, nil
}
