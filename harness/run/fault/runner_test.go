package fault

import (
	"encoding/binary"
	"runtime"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// runner runs a program on frames by BPF_PROG_TEST_RUN, without the allocations of a general
// library: there are hundreds of thousands of them.
type runner struct {
	attr    testRun
	context [192]byte // struct __sk_buff
}

// testRun is what the kernel calls union bpf_attr.test, include/uapi/linux/bpf.h.
type testRun struct {
	program, result      uint32
	sizeIn, sizeOut      uint32
	in, out              uint64
	repeat, duration     uint32
	contextIn, contextTo uint32
	context, contextOut  uint64
}

// verdictRedirect is TC_ACT_REDIRECT, which bpf_redirect returns.
const verdictRedirect = 7

func newRunner(p *ebpf.Program) *runner {
	return &runner{attr: testRun{program: uint32(p.FD())}}
}

// band returns the band of netems to which the program gives the frame, as a class, or 0 if it lets it go on.
func (r *runner) band(t testing.TB, frame []byte) uint32 {
	clear(r.context[:])
	a := &r.attr
	a.sizeIn, a.in = uint32(len(frame)), uint64(uintptr(unsafe.Pointer(&frame[0])))
	a.contextIn, a.contextTo = uint32(len(r.context)), uint32(len(r.context))
	a.context, a.contextOut = uint64(uintptr(unsafe.Pointer(&r.context[0]))),
		uint64(uintptr(unsafe.Pointer(&r.context[0])))
	a.result, a.sizeOut = 0, 0
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(a)), unsafe.Sizeof(*a))
	runtime.KeepAlive(frame)
	if errno != 0 {
		require.NoError(t, errno)
	}
	priority := binary.LittleEndian.Uint32(r.context[skbPriority:])
	switch {
	case a.result == verdictRedirect && priority == 0: // out by the device, where there is but one netem
		return actingBand
	case a.result != verdictOK && a.result != verdictRedirect:
		require.EqualValues(t, verdictOK, a.result, "verdict")
	}
	return priority
}
