// Package offsets says where a kernel keeps what the recorder reads of its structures.
package offsets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cilium/ebpf/btf"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Path is where a guest finds its kernel's [Offsets]. Working them out from BTF costs a guest about 0.1 s of its own
// time, so the host, which boots it, does that once per kernel.
const Path = "/etc/ruleout/offsets.json"

// Offsets says where one kernel build keeps what the programs of this package read:
// offsets in bytes. Kernels move these fields freely, even from one minor release to the next.
type Offsets struct {
	SkbDevice     uint32 `json:"sk_buff.dev"`
	SkbLength     uint32 `json:"sk_buff.len"`
	DeviceNet     uint32 `json:"net_device.nd_net"`
	DeviceIndex   uint32 `json:"net_device.ifindex"`
	QdiscQueue    uint32 `json:"Qdisc.dev_queue"`
	QdiscLength   uint32 `json:"Qdisc.q.qlen"`
	QdiscStats    uint32 `json:"Qdisc.qstats"`
	QueueDevice   uint32 `json:"netdev_queue.dev"`
	NetInode      uint32 `json:"net.ns.inum"`
	SockNet       uint32 `json:"sock.skc_net"`
	SockProtocol  uint32 `json:"sock.sk_protocol"`
	SockBacklog   uint32 `json:"sock.sk_ack_backlog"`
	SockPending   uint32 `json:"inet_connection_sock.icsk_accept_queue.qlen"`
	SkbControl    uint32 `json:"sk_buff.cb"`
	TCPSegments   uint32 `json:"tcp_skb_cb.tcp_gso_segs"`
	TaskPID       uint32 `json:"task_struct.pid"`
	TaskOnRQ      uint32 `json:"task_struct.on_rq"`
	TaskOnRQSize  uint32 `json:"task_struct.on_rq.size"` // 4 bytes up to 6.18, 1 in 7.2
	TaskCgroups   uint32 `json:"task_struct.cgroups"`
	CSSSetDefault uint32 `json:"css_set.dfl_cgrp"`
	CgroupNode    uint32 `json:"cgroup.kn"`
	NodeID        uint32 `json:"kernfs_node.id"`

	// TaskDelayed is sched_entity.sched_delayed inside task_struct, or 0. Since 6.12 (commit
	// 152e11f6df29) a task that went to sleep may stay on its queue for a while, and this tells.
	TaskDelayed uint32 `json:"task_struct.se.sched_delayed,omitempty"`

	// IRQTime says that the kernel was built with CONFIG_IRQ_TIME_ACCOUNTING: interrupt
	// time is then not charged to the task that was interrupted.
	IRQTime bool `json:"irq_time_accounting"`
}

// FromBTF works the offsets out from a kernel's type information.
func FromBTF(spec *btf.Spec) (*Offsets, error) {
	o := &Offsets{}
	var errs []error
	for _, f := range []struct {
		into *uint32
		size uint32 // bytes; 0: any
		path []string
	}{
		{&o.SkbDevice, 8, []string{"sk_buff", "dev"}},
		{&o.SkbLength, 4, []string{"sk_buff", "len"}},
		{&o.DeviceNet, 8, []string{"net_device", "nd_net"}},
		{&o.DeviceIndex, 4, []string{"net_device", "ifindex"}},
		{&o.QdiscQueue, 8, []string{"Qdisc", "dev_queue"}},
		{&o.QdiscLength, 4, []string{"Qdisc", "q", "qlen"}},
		{&o.QdiscStats, 20, []string{"Qdisc", "qstats"}},
		{&o.QueueDevice, 8, []string{"netdev_queue", "dev"}},
		{&o.NetInode, 4, []string{"net", "ns", "inum"}},
		{&o.SockNet, 8, []string{"sock", "__sk_common", "skc_net"}},
		{&o.SockProtocol, 2, []string{"sock", "sk_protocol"}}, // no longer a bit field since 5.6
		{&o.SockBacklog, 4, []string{"sock", "sk_ack_backlog"}},
		{&o.SockPending, 4, []string{"inet_connection_sock", "icsk_accept_queue", "qlen"}},
		{&o.SkbControl, 0, []string{"sk_buff", "cb"}},
		{&o.TCPSegments, 2, []string{"tcp_skb_cb", "tcp_gso_segs"}},
		{&o.TaskPID, 4, []string{"task_struct", "pid"}},
		{&o.TaskOnRQ, 0, []string{"task_struct", "on_rq"}},
		{&o.TaskCgroups, 8, []string{"task_struct", "cgroups"}},
		{&o.CSSSetDefault, 8, []string{"css_set", "dfl_cgrp"}},
		{&o.CgroupNode, 8, []string{"cgroup", "kn"}},
		{&o.NodeID, 8, []string{"kernfs_node", "id"}},
	} {
		at, size, err := find(spec, f.path)
		if err == nil && f.size != 0 && size != f.size {
			err = fmt.Errorf("%v has %d bytes, not %d", f.path, size, f.size)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*f.into = at
		if f.into == &o.TaskOnRQ {
			o.TaskOnRQSize = size
		}
	}
	at, size, err := find(spec, []string{"task_struct", "se", "sched_delayed"})
	switch {
	case err == nil && size == 1:
		o.TaskDelayed = at
	case err == nil:
		errs = append(errs, fmt.Errorf("sched_entity.sched_delayed has %d bytes, not 1", size))
	}
	// kernel/sched/sched.h declares struct irqtime under CONFIG_IRQ_TIME_ACCOUNTING only.
	var irqtime *btf.Struct
	o.IRQTime = spec.TypeByName("irqtime", &irqtime) == nil

	if err := errors.Join(errs...); err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("read kernel type information: %w", err),
			"this kernel's structures are not known to this version of ruleout; 5.10 to 7.2 are")
	}
	return o, nil
}

// Load returns the offsets of the running kernel: from [Path] if that
// exists, else from the kernel's own BTF.
func Load() (*Offsets, error) {
	data, err := os.ReadFile(Path)
	if err == nil {
		return parse(data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read kernel offsets: %w", err)
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("read kernel type information: %w", err),
			"recording needs a kernel with CONFIG_DEBUG_INFO_BTF, which has /sys/kernel/btf/vmlinux; distribution kernels do")
	}
	return FromBTF(spec)
}

func parse(data []byte) (*Offsets, error) {
	o := &Offsets{}
	if err := json.Unmarshal(data, o); err != nil {
		return nil, fmt.Errorf("parse %s: %w", Path, err)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("parse %s: %w", Path, err)
	}
	return o, nil
}

// check refuses offsets that no kernel has. A wrong one that is plausible cannot crash
// anything, since the programs read through bpf_probe_read_kernel, but would count nonsense.
func (o *Offsets) check() error {
	for name, at := range map[string]uint32{
		"sk_buff.dev": o.SkbDevice, "sk_buff.len": o.SkbLength, "net_device.nd_net": o.DeviceNet,
		"net_device.ifindex": o.DeviceIndex,
		"net.ns.inum":        o.NetInode, "Qdisc.dev_queue": o.QdiscQueue, "Qdisc.q.qlen": o.QdiscLength,
		"Qdisc.qstats": o.QdiscStats,
		"sock.skc_net": o.SockNet, "sock.sk_protocol": o.SockProtocol, "sock.sk_ack_backlog": o.SockBacklog,
		"inet_connection_sock.icsk_accept_queue.qlen": o.SockPending, "sk_buff.cb": o.SkbControl,
		"tcp_skb_cb.tcp_gso_segs": o.TCPSegments,
		"task_struct.pid":         o.TaskPID, "task_struct.on_rq": o.TaskOnRQ, "task_struct.cgroups": o.TaskCgroups,
		"css_set.dfl_cgrp": o.CSSSetDefault, "cgroup.kn": o.CgroupNode, "kernfs_node.id": o.NodeID,
	} {
		if at == 0 || at > 1<<16 {
			return fmt.Errorf("%s: implausible offset %d", name, at)
		}
	}
	if o.TaskOnRQSize != 1 && o.TaskOnRQSize != 4 {
		return fmt.Errorf("task_struct.on_rq: size %d is neither 1 nor 4", o.TaskOnRQSize)
	}
	if o.QdiscSpan() > MaxSpan {
		return fmt.Errorf("offsets of Qdisc.q.qlen and Qdisc.qstats: implausibly far apart, %d bytes", o.QdiscSpan())
	}
	return nil
}

// find returns the offset and size in bytes of a member, given as the name of a struct and
// of members nested in each other. Anonymous structs and unions are looked through.
func find(spec *btf.Spec, path []string) (offset, size uint32, err error) {
	var s *btf.Struct
	if err := spec.TypeByName(path[0], &s); err != nil {
		return 0, 0, fmt.Errorf("struct %s: %w", path[0], err)
	}
	var t btf.Type = s
	for i, name := range path[1:] {
		m, ok := member(t, name, 0)
		if !ok {
			return 0, 0, fmt.Errorf("no member %s in %v", name, path[:i+1])
		}
		if m.bits != 0 {
			return 0, 0, fmt.Errorf("member %s of %v is a bit field", name, path[:i+1])
		}
		offset += m.offset
		t = btf.UnderlyingType(m.of)
	}
	n, err := btf.Sizeof(t)
	if err != nil {
		return 0, 0, fmt.Errorf("size of %v: %w", path, err)
	}
	return offset, uint32(n), nil
}

type place struct {
	offset uint32
	bits   btf.Bits
	of     btf.Type
}

func member(t btf.Type, name string, base uint32) (place, bool) {
	var members []btf.Member
	switch t := t.(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		at := base + m.Offset.Bytes()
		if m.Name == name {
			return place{at, m.BitfieldSize, m.Type}, true
		}
		if m.Name == "" {
			if p, ok := member(btf.UnderlyingType(m.Type), name, at); ok {
				return p, true
			}
		}
	}
	return place{}, false
}

// MaxSpan is the largest [Offsets.QdiscSpan] that is plausible, in bytes.
const MaxSpan = 256

// QdiscSpan is how many bytes lie between the first and the last of what is read of a qdisc.
func (o *Offsets) QdiscSpan() uint32 { // struct gnet_stats_queue has 20 bytes
	return max(o.QdiscLength+4, o.QdiscStats+20) - min(o.QdiscLength, o.QdiscStats)
}
