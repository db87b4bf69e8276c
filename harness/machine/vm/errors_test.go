package vm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFindPanic(t *testing.T) {
	for _, c := range []struct{ name, console, want string }{
		{"none", "[    0.1] Linux version 6.1\n[    0.2] all is well\n", ""},
		{"asked for", "[    2.8] sysrq: Trigger a crash\r\n[    2.9] Kernel panic - not syncing: sysrq triggered crash\r\n" +
			"[    2.9] RIP: 0033:0x40ac8e\r\n",
			"guest kernel panic: sysrq triggered crash"},
		{"null pointer", "[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000008\n" +
			"[    3.1] RIP: 0010:netem_enqueue+0x12/0x9a0 [sch_netem]\n[    3.2] RIP: 0033:0x49a1b0\n" +
			"[    3.3] Kernel panic - not syncing: Fatal exception in interrupt\n[    3.3] Kernel Offset: disabled\n",
			"guest kernel panic: Fatal exception in interrupt (BUG: kernel NULL pointer dereference, address: " +
				"0000000000000008), at netem_enqueue+0x12/0x9a0"},
		{"out of memory", "[    9.1] Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled\n",
			"guest kernel panic: Out of memory: compulsory panic_on_oom is enabled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := findPanic(c.console)
			if c.want == "" {
				require.Nil(t, p)
				return
			}
			require.EqualError(t, p, c.want)
			require.NotEmpty(t, p.Console)
			require.NotContains(t, p.Console[0], "sysrq: Trigger", "it begins with the trouble")
		})
	}
}

func TestErrorsReadWell(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&ExitError{Status: 2}, "guest: exit status 2"},
		{&LimitError{Limit: time.Minute}, "guest: still running after 1m0s on the host's clock; it printed nothing"},
		{&LimitError{Virtual: true, Limit: time.Hour, Last: []string{"a", "b"}},
			"guest: still running after 1h0m0s of its own time; the last it printed: a | b"},
		{&GuestError{Reason: "mount /proc: no", Log: []string{"x"}}, "guest: mount /proc: no; its last words: x"},
		{&DiedError{State: "signal: killed"}, "QEMU ended in mid-run: signal: killed"},
		{&DiedError{State: "exit status 1", Stderr: "qemu: bad\noption\n"}, "QEMU ended in mid-run: exit status 1: qemu: bad | option"},
		{&BootError{&DiedError{State: "exit status 0", Console: []string{"SeaBIOS"}}},
			"the guest did not boot: QEMU ended in mid-run: exit status 0; the console's last lines: SeaBIOS"},
	} {
		require.EqualError(t, c.err, c.want)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var tl tail
	for i := range 10_000 {
		_, err := tl.Write([]byte{byte('a' + i%26), '\n'})
		require.NoError(t, err)
	}
	require.Len(t, tl.String(), tailSize)
	require.LessOrEqual(t, len(tl.b), 2*tailSize)
	require.Equal(t, []string{"o", "p"}, lastLines(tl.String(), 2)) // 9999 % 26 is 15
}

func TestBootHintNamesTheCause(t *testing.T) {
	for _, c := range []struct {
		failures string
		printed  []string
		want     string
	}{
		{"microvm: the guest did not boot: QEMU ended in mid-run: exit status 1: Error loading uncompressed kernel without " +
			"PVH ELF Note", nil, "CONFIG_PVH"},
		{"", []string{"[ 0.5] VFS: Unable to mount root fs on unknown-block(0,0)"}, "CONFIG_BLK_DEV_INITRD"},
		{"", []string{"[ 0.5] No working init found.  Try passing init= option to kernel."}, "CONFIG_BINFMT_ELF"},
		{"", nil, "CONFIG_SERIAL_8250_CONSOLE"},
		{"", []string{"[ 0.1] BUG: something else"}, "what it printed says why"},
	} {
		require.Contains(t, bootHint(c.failures, c.printed), c.want)
	}
}

// The firmware steers the terminal, and says nothing of the kernel.
func TestKernelTextIsWithoutTheFirmware(t *testing.T) {
	const firmware = "\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16.2)\r\nBooting from ROM..\r\n"
	require.Empty(t, lastLines(kernelText(firmware), 5))
	require.Equal(t, []string{"[ 0.0] Linux version 6.12"},
		lastLines(kernelText(firmware+"\x1b[1m[ 0.0] Linux version 6.12\r\n"), 5))
	require.Equal(t, []string{"SeaBIOS (version 1.16.2)", "Booting from ROM.."}, lastLines(firmware, 5))
	require.EqualError(t, &ResetError{}, "the guest reset the machine, and its kernel printed nothing")
}
