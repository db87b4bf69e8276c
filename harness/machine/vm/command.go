package vm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// Machine is a board that QEMU emulates.
type Machine string

// Machines. A microvm has the fewest devices and boots in the fewest instructions; QEMU
// 10.0 faults when it boots a kernel's ELF image with instruction counting, where q35 works.
const (
	MicroVM Machine = "microvm"
	Q35     Machine = "q35"
)

// Descriptors that QEMU inherits. Passing them by number leaves no sockets, logs and
// payloads in the file system, and so nothing to clean up after a power cut.
const (
	fdControl = 3 + iota // QMP: one end of a socket pair
	fdFrames             // the guest's output port: the write end of a pipe
	fdConsole            // the guest's serial console: a memory file
	fdPayload            // a memory file
	fdOutput             // a memory file for output that is fetched from the guest's memory
	fdRAM                // of a clone
)

// plan is what tells one QEMU process from another.
type plan struct {
	incoming  bool   // it goes on where a template stopped
	saved     bool   // it is stopped and saved: what it writes to memory goes to the file
	bios      string // path of the machine's first firmware
	sandbox   bool   // the kernel is to refuse what QEMU never asks for
	ram       string // path of the file that holds the guest's memory
	initramfs string
	image     string
}

// device is one thing on QEMU's command line: the options that make it, and what the
// kernel has to be told about it.
type device struct {
	options []string
	append  string
}

// arguments composes QEMU's command line. A template and its clones have the same devices
// in the same order, or the state would not fit.
func (c *Config) arguments(p plan) []string {
	devices := []device{
		{options: []string{"-nodefaults", "-no-user-config", "-nographic", "-no-reboot"}},
		c.board(p),
		c.memoryFile(p),
		c.clock(p),
		c.console(),
		port("pvpanic"),
		port("isa-debug-exit,iobase=0xf4,iosize=4"),
		frames(),
		payload(),
		// A guest that writes to pvpanic's port stops, and waits to be saved.
		{options: []string{"-action", "panic=pause"}},
		control(),
		quiet(),
	}
	var args, words []string
	for _, d := range devices {
		args = append(args, d.options...)
		if d.append != "" {
			words = append(words, d.append)
		}
	}
	if p.sandbox {
		args = append(args, "-sandbox", sandbox)
	}
	// The CPU stands until the host listens: what a guest says before that would be lost.
	args = append(args, "-S")
	if p.incoming {
		// Kernel and initramfs are in the memory file; to load them again would take time.
		return append(args, "-incoming", "defer")
	}
	return append(args, "-kernel", p.image, "-initrd", p.initramfs, "-append", strings.Join(words, " "))
}

func (c *Config) board(p plan) device {
	machine := c.machine()
	options := string(machine) + ",memory-backend=mem"
	if machine == MicroVM && len(c.Images) > 0 {
		// Without a PCI bus the kernel never calls e820__reserve_resources_late, which makes resources of persistent memory
		// (pcibios_resource_survey in arch/x86/pci/i386.c).
		options += ",pcie=on"
	}
	if machine == Q35 {
		// The HPET notes the time at which it is saved, which is not always the time at which
		// the CPU stopped; see normalise.
		options += ",hpet=off"
	}
	return device{
		options: []string{"-M", options, "-cpu", c.processor(), "-smp", "1", "-bios", p.bios},
		append:  "tsc=reliable no_timer_check mitigations=off",
	}
}

func (c *Config) memoryFile(p plan) device {
	size := strconv.FormatUint(c.memory()>>20, 10) + "M"
	words := "nokaslr norandmaps"
	for _, p := range c.places() {
		words += fmt.Sprintf(" memmap=%dM!%dM", p.Size>>20, p.Start>>20)
	}
	share := "on"
	if p.incoming && !p.saved {
		share = "off" // what a clone writes is its own
	}
	return device{
		options: []string{"-m", size, "-object", "memory-backend-file,id=mem,size=" + size + ",mem-path=" + p.ram +
			",share=" + share},
		append: words,
	}
}

// translated is how much room there is for translated code, MiB: what QEMU would choose depends on the host's memory.
// The host gives what is used.
const translated = 512

// clock ties the guest's time to the instructions that it executes. Clones record, for the
// lock that recording takes; a template that recorded could not be saved.
func (c *Config) clock(p plan) device {
	count := fmt.Sprintf("shift=%d,sleep=off", c.Shift)
	if p.incoming && !p.saved {
		count += ",rr=record,rrfile=/dev/null"
	}
	return device{
		options: []string{"-accel", fmt.Sprintf("tcg,thread=single,tb-size=%d", translated), "-icount", count, "-rtc",
			"base=2026-01-01,clock=vm"},
		append: "nowatchdog random.trust_cpu=on",
	}
}

// console is a serial port on a memory file, which never makes QEMU wait for a reader:
// when a character is gone the guest can tell.
func (c *Config) console() device {
	words := "quiet"
	if c.loud {
		words = "earlyprintk=ttyS0 ignore_loglevel"
	}
	return device{
		options: []string{"-chardev", "file,id=console,path=" + inherited(fdConsole), "-serial", "chardev:console"},
		// A kernel that panics ends the machine at once: by a triple fault, since a
		// microvm has nothing else to reset it.
		append: "console=ttyS0 " + words + " panic=-1 oops=panic reboot=t",
	}
}

func port(name string) device { return device{options: []string{"-device", name}} }

// frames is where the guest's output goes. The port cannot tell when its reader is slow,
// so a pipe will do.
func frames() device {
	return device{options: []string{
		"-chardev", "file,id=frames,path=" + inherited(fdFrames),
		"-device", "isa-debugcon,iobase=0xe9,chardev=frames",
	}}
}

func payload() device {
	return device{
		options: []string{"-fw_cfg", "name=" + frame.PayloadName + ",file=" + inherited(fdPayload)},
		append:  frame.EnvInit + "=1",
	}
}

func control() device {
	return device{options: []string{
		"-chardev", fmt.Sprintf("socket,id=control,fd=%d", fdControl), "-mon", "chardev=control,mode=control",
	}}
}

// quiet are settings of the kernel that belong to no device.
//
// Self-tests of the crypto library cost up to 1.2 billion instructions of the 2^31 that a template
// may take, and from 6.12 on they go on in a thread of their own after the freeze. Without
// the distribution's certificates the kernel loads its modules without verifying their
// signatures, which package kernel has no need of: verifying costs 100 million instructions
// a module, and reading the certificates 350 million (Debian 7.2).
func quiet() device {
	return device{append: "audit=0 psi=1 cgroup_no_v1=all cryptomgr.notests=1 " +
		"initcall_blacklist=load_system_certificate_list"}
}

func inherited(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
