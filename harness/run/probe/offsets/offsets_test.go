package offsets

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestOffsetsOfTheRunningKernel(t *testing.T) {
	o, err := Load()
	require.NoError(t, err)
	require.NoError(t, o.check())
	text, err := json.Marshal(o)
	require.NoError(t, err)
	again, err := parse(text)
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
	spec := specOf(t, outer, &btf.Struct{Name: "holder", Size: 32,
		Members: []btf.Member{{Name: "it", Type: outer, Offset: 8 * 8}}})

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
	_, err := FromBTF(specOf(t, &btf.Int{Name: "u32", Size: 4}))
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
			_, err := parse([]byte(c.text))
			require.ErrorContains(t, err, c.err)
			require.ErrorContains(t, err, Path)
		})
	}
}

func TestOffsetsFileOfAGuestIsPreferred(t *testing.T) {
	if _, err := os.Stat(Path); err == nil {
		t.Skip("this guest has its own")
	}
	o, err := Load()
	require.NoError(t, err)
	o.SkbDevice++
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("/etc/ruleout", 0o755))
	require.NoError(t, os.WriteFile(Path, text, 0o644))
	t.Cleanup(func() { require.NoError(t, os.Remove(Path)) })
	again, err := Load()
	require.NoError(t, err)
	require.Equal(t, o, again)
}
