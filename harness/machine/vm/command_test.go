package vm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArguments(t *testing.T) {
	const appended = "tsc=reliable no_timer_check mitigations=off nokaslr norandmaps nowatchdog random.trust_cpu=on " +
		"console=ttyS0 quiet panic=-1 oops=panic reboot=t RULEOUT_INIT=1 audit=0 psi=1 " +
		"cgroup_no_v1=all cryptomgr.notests=1 " +
		"initcall_blacklist=load_system_certificate_list"
	for _, c := range []struct {
		name   string
		config Config
		plan   plan
		want   string // an option a line
	}{
		{"template", Config{Machine: MicroVM, Shift: 1},
			plan{bios: "/q/qboot.rom", ram: "/t/ram", initramfs: "/t/initramfs", image: "/k/vmlinux"}, `
-nodefaults -no-user-config -nographic -no-reboot
-M microvm,memory-backend=mem -cpu qemu64,+arat,-cx16 -smp 1 -bios /q/qboot.rom
-m 384M -object memory-backend-file,id=mem,size=384M,mem-path=/t/ram,share=on
-accel tcg,thread=single,tb-size=512 -icount shift=1,sleep=off -rtc base=2026-01-01,clock=vm
-chardev file,id=console,path=/proc/self/fd/5 -serial chardev:console
-device pvpanic -device isa-debug-exit,iobase=0xf4,iosize=4
-chardev file,id=frames,path=/proc/self/fd/4 -device isa-debugcon,iobase=0xe9,chardev=frames
-fw_cfg name=opt/ruleout/run,file=/proc/self/fd/6
-action panic=pause
-chardev socket,id=control,fd=3 -mon chardev=control,mode=control
-S -kernel /k/vmlinux -initrd /t/initramfs -append ` + strings.ReplaceAll(appended, " ", "\x00")},
		{"clone", Config{QEMU: QEMU{Version: "10.0.2"}, Machine: Q35, Shift: 3, Memory: 1 << 30},
			plan{incoming: true, sandbox: true, bios: "/q/bios-256k.bin", ram: "/proc/self/fd/8"}, `
-nodefaults -no-user-config -nographic -no-reboot
-M q35,memory-backend=mem,hpet=off -cpu qemu64,+arat -smp 1 -bios /q/bios-256k.bin
-m 1024M -object memory-backend-file,id=mem,size=1024M,mem-path=/proc/self/fd/8,share=off
-accel tcg,thread=single,tb-size=512 -icount shift=3,sleep=off,rr=record,rrfile=/dev/null -rtc base=2026-01-01,clock=vm
-chardev file,id=console,path=/proc/self/fd/5 -serial chardev:console
-device pvpanic -device isa-debug-exit,iobase=0xf4,iosize=4
-chardev file,id=frames,path=/proc/self/fd/4 -device isa-debugcon,iobase=0xe9,chardev=frames
-fw_cfg name=opt/ruleout/run,file=/proc/self/fd/6
-action panic=pause
-chardev socket,id=control,fd=3 -mon chardev=control,mode=control
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-S -incoming defer`},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := strings.Fields(c.want)
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "\x00", " ")
			}
			require.Equal(t, want, c.config.arguments(c.plan))
		})
	}
}

func TestDescriptorsAreInOrder(t *testing.T) {
	ram, err := memoryFile("ram", nil)
	require.NoError(t, err)
	defer ram.Close()
	s, err := openStreams([]byte("payload"), ram)
	require.NoError(t, err)
	defer s.close()
	var names []string
	for _, f := range s.theirs {
		names = append(names, f.Name())
	}
	require.Equal(t, []string{"control", "|1", "console", "payload", "output", "ram"}, names)
	require.Equal(t, fdRAM-fdControl, len(names)-1)
	require.NoError(t, s.giveAway())
}
