package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf/btf"

	"github.com/ruleout/ruleout/harness/base/stamp"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/probe/offsets"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/truth"
	"github.com/ruleout/ruleout/harness/scenario"
)

// VMOptions choose the machine. The zero value takes the default kernel and the first QEMU that works.
type VMOptions struct {
	Kernel string // name in the store, or empty
	QEMU   string // path of qemu-system-x86_64, or empty
}

// VM makes runs in clones of a frozen virtual machine. It is safe for use by several goroutines.
type VM struct {
	kernel *kernel.Kernel
	qemu   vm.QEMU
	files  map[string][]byte

	software Software

	mu        sync.Mutex
	templates map[machine]*vm.Template
	truths    *truth.Report // once known
}

// machine is what a scenario says of the emulated computer.
type machine struct {
	memory  uint64
	shift   int
	modules string // besides the usual ones, separated by blanks
	images  string // names and hashes
}

// OpenVM finds a kernel and a QEMU. The template is made by the first run that needs it.
func OpenVM(ctx context.Context, o VMOptions) (*VM, error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, err
	}
	v := &VM{templates: make(map[machine]*vm.Template)}
	if v.kernel, err = store.Choose(o.Kernel); err != nil {
		return nil, err
	}
	if v.qemu, err = vm.ChooseQEMU(ctx, o.QEMU); err != nil {
		return nil, err
	}
	if v.software, err = softwareOf(v.qemu, v.kernel.Hash); err != nil {
		return nil, err
	}
	at, err := offsetsOf(v.kernel, v.software.Guest)
	if err != nil {
		return nil, err
	}
	v.files = map[string][]byte{offsets.Path: at}
	return v, nil
}

// offsetsOf works out, on the host, where the recorder finds what it reads in
// the kernel's structures: parsing type information would be expensive for the guest.
//
// It takes 0.05 s, so the result is kept by the stamp of the kernel's image and by the program that worked it out.
func offsetsOf(k *kernel.Kernel, guest string) ([]byte, error) {
	dir, err := kernel.CacheDir()
	if err != nil {
		return nil, err
	}
	image, err := os.Open(k.Image())
	if err != nil {
		return nil, fmt.Errorf("read type information of kernel %s: %w", k.Name, err)
	}
	defer image.Close()
	return stamp.Open(dir).Value("offsets "+guest, image, func(*os.File) ([]byte, error) { return workOutOffsets(k) })
}

func workOutOffsets(k *kernel.Kernel) ([]byte, error) {
	raw, err := k.BTF()
	if err != nil {
		return nil, err
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read type information of kernel %s: %w", k.Name, err)
	}
	o, err := offsets.FromBTF(spec)
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", k.Name, err)
	}
	return json.Marshal(o)
}

// Kernel returns the kernel that runs happen on.
func (v *VM) Kernel() *kernel.Kernel { return v.kernel }

// QEMU returns the emulator that runs happen in.
func (v *VM) QEMU() vm.QEMU { return v.qemu }

// Template returns the frozen machine for a scenario, and makes it if it is not
// in the cache; progress reports it.
func (v *VM) Template(ctx context.Context, s *scenario.Scenario, progress func(string)) (*vm.Template, error) {
	set, err := images.of(ctx, s, progress)
	if err != nil {
		return nil, err
	}
	return v.template(ctx, s, set, progress)
}

func (v *VM) template(ctx context.Context, s *scenario.Scenario, set imageSet,
	progress func(string)) (*vm.Template, error) {
	if err := images.check(s, set, v.qemu); err != nil {
		return nil, err
	}
	extra := v.modules(s)
	m := machine{memory: uint64(s.Machine.Memory), shift: shift(s.Machine.Speed), modules: strings.Join(extra, " ")}
	for _, i := range set {
		m.images += i.name + " " + i.Hash + "\n"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if t, ok := v.templates[m]; ok {
		return t, nil
	}
	init, err := guestProgram()
	if err != nil {
		return nil, err
	}
	t, err := vm.OpenTemplate(ctx, vm.Config{
		QEMU: v.qemu, Kernel: v.kernel, Init: init,
		Memory: m.memory, Shift: m.shift, Files: v.files, Images: set.placed(),
		Modules: slices.Concat(frame.DefaultModules, extra),
	}, progress)
	if err != nil {
		return nil, err
	}
	v.templates[m] = t
	return t, nil
}

// modules are the kernel's modules that a scenario needs besides the usual ones, in alphabetical order: that of TUN
// devices for programs, those of the congestion controls that its nodes ask for, those of its links' disciplines and of
// its middleboxes.
// What the kernel does not have as a module may be built in; if it is not, the node's sysctl or the link will say so.
func (v *VM) modules(s *scenario.Scenario) (list []string) {
	if s.HasPrograms() && v.kernel.HasModule("tun") {
		list = append(list, "tun") // for programs that are a protocol of their own
	}
	add := func(module string) {
		if v.kernel.HasModule(module) {
			list = append(list, module)
		}
	}
	for _, n := range s.Nodes {
		for key, value := range n.Sysctls {
			if name, _ := scenario.SysctlName(key); name == congestionControl {
				add("tcp_" + value)
			}
		}
	}
	for i := range s.Links {
		for side := range 2 {
			l := s.Links[i].Direction(side)
			for _, kind := range l.Qdiscs() {
				add("sch_" + kind)
			}
		}
	}
	for _, module := range s.Modules() {
		add(module)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// congestionControl names the algorithm of a node's connections. A kernel loads what it lacks by itself
// (tcp_ca_find_autoload in net/ipv4/tcp_cong.c), with the help of modprobe, which a guest has not.
const congestionControl = "net.ipv4.tcp_congestion_control"

// shift is QEMU's notion of speed: an instruction takes 2^shift ns.
func shift(s scenario.Speed) int {
	n := 0
	for mips := 1000; mips > int(s); mips /= 2 {
		n++
	}
	return n
}

// Prepare returns the template of a scenario: of a machine in which all is built and started that
// does not depend on the seed. All runs are made of it, a single one too: what was frozen once more is not
// to the bit where a machine would be that had gone on. The caller closes it.
func (v *VM) Prepare(ctx context.Context, s *scenario.Scenario, progress func(string)) (*vm.Template, error) {
	set, err := images.of(ctx, s, progress)
	if err != nil {
		return nil, err
	}
	t, err := v.template(ctx, s, set, progress)
	if err != nil {
		return nil, err
	}
	return v.prepare(ctx, t, &Request{Scenario: s}, set, progress)
}

func (v *VM) prepare(ctx context.Context, t *vm.Template, req *Request, set imageSet,
	progress func(string)) (*vm.Template, error) {
	order, err := req.order()
	if err != nil {
		return nil, err
	}
	order.Images = set.inGuest()
	payload, err := order.Marshal()
	if err != nil {
		return nil, err
	}
	virtual, wall := limits(req.Scenario)
	prepared, err := t.Prepare(ctx,
		vm.Preparation{Payload: payload, VirtualLimit: virtual, WallLimit: wall, Progress: progress})
	if ended := (*vm.EndedError)(nil); errors.As(err, &ended) {
		// The guest's own words say more, and whose fault it is.
		if _, _, told := protocol.Receive(bytes.NewReader(ended.Output), nil); !errors.Is(told, protocol.ErrNoRecord) {
			return nil, told
		}
	}
	return prepared, err
}

// Run makes one run in a fresh clone.
func (v *VM) Run(ctx context.Context, req Request) (*result.Record, error) {
	events := req.Events
	if events == nil {
		events = func(protocol.Event) {}
	}
	building := func(text string) { events(protocol.Event{Kind: protocol.Build, Text: text}) }
	set, err := images.of(ctx, req.Scenario, building)
	if err != nil {
		return nil, err
	}
	t, err := v.template(ctx, req.Scenario, set, building)
	if err != nil {
		return nil, err
	}
	truths, err := v.Truths(ctx, t, building)
	if err != nil {
		return nil, err
	}
	if err := truths.Check(req.Scenario); err != nil {
		return nil, err
	}
	began := time.Now()
	prepared, err := v.prepare(ctx, t, &req, set, building)
	if err != nil {
		return nil, err
	}
	defer prepared.Close()
	payload, err := json.Marshal(protocol.Draw{Seed: req.Seed})
	if err != nil {
		return nil, fmt.Errorf("encode the run's seed: %w", err)
	}
	reader, writer := io.Pipe()
	clone := prepared.Command(payload)
	clone.Entropy = entropy(req.Seed)
	clone.Output = &limited{writer, streamLimit}
	clone.VirtualLimit, clone.WallLimit = limits(req.Scenario)
	if req.Capture != nil {
		clone.Attachments = func(name string) (io.Writer, error) {
			link, err := protocol.RingLink(name)
			if err != nil {
				return nil, err
			}
			return req.Capture.Ring(link)
		}
	}

	// The stream is read beside the clone, so that events show while it runs; it
	// ends when the clone does.
	done := make(chan error, 1)
	go func() {
		err := clone.Run(ctx)
		_ = writer.CloseWithError(err) // nil means the end of the stream
		done <- err
	}()
	// What was reported while the template was prepared belongs to every run of it.
	record, taken, err := protocol.Receive(io.MultiReader(bytes.NewReader(prepared.Output()), reader), events)
	_, _ = io.Copy(io.Discard, reader) // a clone must never wait for its reader
	if cloneErr := <-done; cloneErr != nil {
		return nil, cloneErr // says more than a stream that broke off
	}
	if err != nil {
		return nil, err
	}
	if req.Capture != nil {
		req.Capture.Take(taken)
	}
	record.Time.Wall = time.Since(began).Seconds()
	from := v.provenance(t, prepared, truths)
	from.Images = set.hashes()
	return record, seal(record, req, NameVM, from)
}
