package vm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/stamp"
	"github.com/ruleout/ruleout/harness/machine/kernel"
)

// parts is what a QEMU consists of besides the file that is started, and what it is able to do.
type parts struct {
	// Files are the programs that run, another one than was started if that is a script, and the modules that they load.
	Files []string `json:"files"`
	// Data are the directories in which it looks for firmware, in this order.
	Data []string `json:"data"`
	// Sandbox says that it can lock itself in, see [sandbox].
	Sandbox bool `json:"sandbox"`
}

// sandbox has QEMU ask the kernel to refuse what an emulator of a few devices never does: obsolete system calls,
// other users' rights, new programs and other processes' resources. It is a filter on system calls (seccomp), and
// changes no result.
const sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

// firmware is what each machine loads from QEMU's data directories when it boots a kernel through its PVH entry: the
// first is the BIOS (x86_bios_rom_init in QEMU's hw/i386/x86.c), others are option ROMs.
var firmware = map[Machine][]string{
	MicroVM: {"qboot.rom", "pvh.bin"},
	Q35:     {"bios-256k.bin", "pvh.bin", "kvmvapic.bin"},
}

// stamps is what is known of files on this machine. Without a cache directory nothing is.
func stamps() *stamp.Cache {
	dir, err := kernel.CacheDir()
	if err != nil {
		return stamp.Open(os.DevNull)
	}
	return stamp.Open(dir)
}

// explore finds out what a QEMU consists of by starting it without a machine.
func explore(ctx context.Context, path string) (*parts, error) {
	out, err := command(ctx, path, "-L", "help").Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s for its directories: %w", path, err)
	}
	p := &parts{Data: strings.Fields(string(out)), Sandbox: true}
	files, boxed := loaded(ctx, path, "-sandbox", sandbox)
	if boxed == nil {
		p.Files = files
		return p, nil
	}
	p.Sandbox = false
	if p.Files, err = loaded(ctx, path); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// command is a QEMU that is not started yet. It looks for firmware in the working directory first
// (qemu_find_file in softmmu/datadir.c), so it gets one that has none.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	return cmd
}

// loaded starts a QEMU and returns the programs and modules that run then.
func loaded(ctx context.Context, path string, more ...string) (files []string, err error) {
	pair, err := socketPair()
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer ours.Close()
	args := []string{"-M", "none", "-nodefaults", "-no-user-config", "-nographic", "-accel", "tcg", "-S"}
	cmd := command(ctx, path, slices.Concat(args, control().options, more)...)
	cmd.ExtraFiles = []*os.File{theirs}
	var stderr tail
	cmd.Stderr = &stderr
	err = errors.Join(spawn(cmd, -1), theirs.Close())
	if err != nil {
		return nil, err
	}
	m, err := newMonitor(ours)
	if err == nil {
		defer m.close() //nolint:errcheck // the conversation is over
		err = m.greet()
	}
	if err == nil {
		files, err = mapped(cmd.Process.Pid)
	}
	if err == nil {
		err = m.command("quit", nil, nil)
	}
	if err != nil {
		_ = cmd.Process.Kill()
	}
	if ended := cmd.Wait(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		return nil, errors.Join(err, ended)
	}
	return files, nil
}

// module matches what QEMU loads besides libraries: CONFIG_QEMU_MODDIR ends in qemu.
var module = regexp.MustCompile(`/qemu/(?:[^/]+/)*[^/]+\.so$`)

// mapped lists the programs and QEMU's modules that a process and its children run.
func mapped(pid int) (files []string, err error) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	program, err := os.Readlink(proc + "exe")
	if err != nil {
		return nil, err
	}
	files = append(files, program)
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(maps)) {
		at := strings.IndexByte(line, '/')
		if at < 0 {
			continue
		}
		if name := strings.TrimSuffix(line[at:], "\n"); module.MatchString(name) {
			files = append(files, name)
		}
	}
	children, _ := filepath.Glob(proc + "task/*/children")
	for _, name := range children {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			more, err := mapped(child)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // it has ended
			}
			if err != nil {
				return nil, err
			}
			files = append(files, more...)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// sums are the hashes of those files, by base name.
func (q QEMU) sums(m Machine) (map[string]string, error) {
	files, err := q.files(m)
	if err != nil {
		return nil, err
	}
	sums := make(map[string]string, len(files))
	cache := stamps()
	for _, name := range files {
		sum, err := hashFile(cache, name)
		if err != nil {
			return nil, fmt.Errorf("hash %v: %w", q, err)
		}
		base := filepath.Base(name)
		if other, ok := sums[base]; ok && other != sum {
			base = name
		}
		sums[base] = sum
	}
	return sums, nil
}

// Hash is "sha256:…" of all files that this QEMU emulates a machine with: programs, modules and the firmware of each
// board. Firmware that is not installed is left out.
func (q QEMU) Hash() (string, error) {
	all := make(map[string]string)
	for _, m := range append([]Machine{""}, machines...) {
		sums, err := q.sums(m)
		var lacks *BootError
		if errors.As(err, &lacks) {
			continue
		}
		if err != nil {
			return "", err
		}
		maps.Copy(all, sums)
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(h, "%s %s\n", name, all[name])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// files are the paths of the programs, modules and firmware that a machine is made of; without a machine
// those of its programs and modules. Firmware that is missing is a [BootError].
func (q QEMU) files(m Machine) ([]string, error) {
	p, err := q.known()
	if err != nil {
		return nil, err
	}
	files := append(slices.Clone(p.Files), q.Path)
	for _, name := range firmware[m] {
		file, err := p.find(name)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", q, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// find returns the path of a file of firmware, as QEMU would find it.
func (p *parts) find(name string) (string, error) {
	for _, dir := range p.Data {
		if file := filepath.Join(dir, name); unix.Access(file, unix.R_OK) == nil {
			return file, nil
		}
	}
	err := problem.Wrap(problem.Machine, fmt.Errorf("no %s in %s", name, strings.Join(p.Data, ", ")),
		"install its firmware (Debian, Ubuntu: seabios and qemu-system-data)")
	return "", &BootError{err}
}

func hashFile(cache *stamp.Cache, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return cache.Hash(f)
}

// introduce returns a QEMU's version and parts. Both are known by the stamp of its file, unless it is a script, which
// may start another QEMU each time.
func introduce(ctx context.Context, path string) (q QEMU, err error) {
	f, err := os.Open(path)
	if err != nil {
		return q, err
	}
	defer f.Close()
	ask := func(*os.File) ([]byte, error) {
		q, err := ask(ctx, path)
		if err != nil {
			return nil, err
		}
		return json.Marshal(q)
	}
	var magic [4]byte
	var text []byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && string(magic[:]) == "\x7fELF" {
		text, err = stamps().Value("QEMU 1 "+path, f, ask)
		if err != nil {
			return q, err
		}
	} else if text, err = ask(f); err != nil {
		return q, err
	}
	return q, json.Unmarshal(text, &q)
}
