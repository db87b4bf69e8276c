package probe

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestOffsetsOfTheRunningKernel(t *testing.T) {
	o, err := LoadOffsets()
	require.NoError(t, err)
	require.NoError(t, o.check())
	text, err := json.Marshal(o)
	require.NoError(t, err)
	again, err := parseOffsets(text)
	require.NoError(t, err)
	require.Equal(t, o, again)
}

func TestOffsetsAreLookedUpThroughAnonymousMembers(t *testing.T) {
	word := &btf.Int{Name: "u32", Size: 4}
	inner := &btf.Union{Size: 8, Members: []btf.Member{
		{Name: "other", Type: word},
		{Name: "wanted", Type: &btf.Typedef{Name: "alias", Type: word}, Offset: 32},
	}}
	outer := &btf.Struct{Name: "outer", Size: 24, Members: []btf.Member{
		{Name: "first", Type: word},
		{Type: inner, Offset: 8 * 8},
		{Name: "flag", Type: word, Offset: 8 * 16, BitfieldSize: 1},
	}}
	spec := specOf(t, outer, &btf.Struct{Name: "holder", Size: 32, Members: []btf.Member{{Name: "it", Type: outer, Offset: 8 * 8}}})

	at, size, err := find(spec, []string{"holder", "it", "wanted"})
	require.NoError(t, err)
	require.EqualValues(t, 8+8+4, at)
	require.EqualValues(t, 4, size)
	_, _, err = find(spec, []string{"outer", "flag"})
	require.ErrorContains(t, err, "bit field")
	_, _, err = find(spec, []string{"outer", "missing"})
	require.ErrorContains(t, err, "no member missing in [outer]")
	_, _, err = find(spec, []string{"nowhere", "x"})
	require.ErrorContains(t, err, "struct nowhere")
}

func specOf(t *testing.T, types ...btf.Type) *btf.Spec {
	t.Helper()
	b, err := btf.NewBuilder(types, nil)
	require.NoError(t, err)
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	require.NoError(t, err)
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	require.NoError(t, err)
	return spec
}

func TestAStrangeKernelIsAProblemOfTheMachine(t *testing.T) {
	_, err := OffsetsFromBTF(specOf(t, &btf.Int{Name: "u32", Size: 4}))
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
	require.ErrorContains(t, err, "struct sk_buff")
	require.ErrorContains(t, err, "struct task_struct", "all that is missing is named")
}

func TestDamagedOffsetsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, err string }{
		"not JSON":    {"{", "unexpected end"},
		"empty":       {"{}", "implausible offset 0"},
		"beyond sane": {`{"sk_buff.dev": 4294967295}`, "implausible offset"},
		"wrong type":  {`{"sk_buff.dev": "16"}`, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseOffsets([]byte(c.text))
			require.ErrorContains(t, err, c.err)
			require.ErrorContains(t, err, OffsetsPath)
		})
	}
}

func TestWhatTheKernelRefusesComesWithAHint(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		kind problem.Kind
		hint string
	}{
		"no rights":     {unix.EPERM, problem.Machine, "root"},
		"no BPF":        {unix.ENOSYS, problem.Machine, "CONFIG_BPF_SYSCALL"},
		"not supported": {ebpf.ErrNotSupported, problem.Machine, "5.10"},
		"no tracepoint": {fs.ErrNotExist, problem.Machine, "tracepoint"},
		"verifier":      {&ebpf.VerifierError{Cause: unix.EACCES}, problem.Machine, "report it"},
		"anything else": {unix.ENOMEM, problem.Other, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := refused(fmt.Errorf("load program: %w", c.err))
			require.True(t, errors.Is(err, c.err))
			require.Equal(t, c.kind, problem.KindOf(err))
			require.Contains(t, problem.HintOf(err), c.hint)
		})
	}
}

// Under a thread without rights the kernel itself refuses.
func TestWithoutRightsRecordingIsRefused(t *testing.T) {
	offsets, err := LoadOffsets()
	require.NoError(t, err)
	err = onThread(func() error {
		// Of this thread only; it ends with the function.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			return errno
		}
		p, err := New(Options{Offsets: offsets})
		if err == nil {
			return p.Close()
		}
		return err
	})
	require.Equal(t, problem.Machine, problem.KindOf(err), "%v", err)
	require.NotEmpty(t, problem.HintOf(err))
}

func TestUsesIRQTime(t *testing.T) {
	for name, c := range map[string]struct {
		sources, arguments string
		want               bool
	}{
		"good time stamp counter": {"tsc hpet acpi_pm \n", "quiet", true},
		"in a KVM guest":          {"kvm-clock tsc acpi_pm \n", "", true},
		"unstable counter":        {"hpet acpi_pm \n", "", false},
		"switched off":            {"tsc \n", "ro tsc=noirqtime quiet", false},
		"another tsc option":      {"tsc \n", "tsc=reliable", true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, usesIRQTime(c.sources, c.arguments)) })
	}
}

func TestOffsetsFileOfAGuestIsPreferred(t *testing.T) {
	if _, err := os.Stat(OffsetsPath); err == nil {
		t.Skip("this guest has its own")
	}
	o, err := LoadOffsets()
	require.NoError(t, err)
	o.SkbDevice++
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("/etc/ruleout", 0o755))
	require.NoError(t, os.WriteFile(OffsetsPath, text, 0o644))
	t.Cleanup(func() { require.NoError(t, os.Remove(OffsetsPath)) })
	again, err := LoadOffsets()
	require.NoError(t, err)
	require.Equal(t, o, again)
}
