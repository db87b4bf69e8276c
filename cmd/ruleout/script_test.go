//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/guesttest"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
)

// patience is how long a fact is waited for before it counts as not coming. It is no
// part of any measurement.
const patience = 2 * time.Minute

// TestScripts runs the scripts of testdata/script, which say what the command does.
//
// They run the programs that users run: they are built once, as the Makefile builds them.
// The kernel store is the user's own; without a kernel in it the scripts that boot
// one fail, with the hint to run make setup.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	require.NoError(t,
		guesttest.Into(bin, "github.com/ruleout/ruleout/cmd/ruleout", "github.com/ruleout/ruleout/cmd/ruleout-guest"))

	// What a dead ruleout leaves behind becomes a child of this process, see nothingLeft.
	require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	cache, err := kernel.CacheDir()
	require.NoError(t, err)
	scenarios, err := filepath.Abs("../../scenarios")
	require.NoError(t, err)

	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("BIN", bin)
			env.Setenv("XDG_CACHE_HOME", filepath.Dir(cache))
			env.Setenv("KERNELS", filepath.Join(cache, "kernels"))
			env.Setenv("SCENARIOS", scenarios)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":        exits,
			"interrupted":  interrupted,
			"killed":       killed,
			"nothing-left": nothingLeft,
			"tmpfs":        tmpfs,
			"forge":        forge,
			"patch":        patch,
			"believe":      believe,
			"torment":      torment,
			"appears":      appears,
			"damage":       damage,
			"first-run":    firstRun,
			"example":      example,
			"explained":    explained,
			"parts":        parts,
			"machines":     machines,
			"certificate":  certificate,
			"same":         same,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
	})
}

// firstRun sets RUN to the digits of the first run in the archive of a sweep:
//
//	first-run results/runs/sweep-x
func firstRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: first-run DIR")
	}
	r, err := archive.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	defer r.Close()
	ts.Check(r.Entries(func(e *archive.Entry) error {
		if ts.Getenv("RUN") == "" {
			ts.Setenv("RUN", result.Short(e.Run))
		}
		return nil
	}))
}

// exits runs a command and checks its exit status:
//
//	exits 2 ruleout check nonsense.yaml
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := exitStatus(ts, err); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func exitStatus(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode() // -1 for a signal
	}
	ts.Fatalf("%v", err)
	return -1
}

// interrupted runs a command, sends it SIGINT when standard error matches a pattern,
// and checks that it ends with status 130. Standard error goes to a file:
//
//	interrupted 'measuring' ruleout run x.yaml
//
// With -twice it is interrupted again at once, and has to die of that if it is still there.
func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	twice := len(args) > 0 && args[0] == "-twice"
	if twice {
		args = args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupted [-twice] PATTERN COMMAND ARG...")
	}
	cmd, stderr := startAndMatch(ts, args[0], args[1:])
	ts.Check(cmd.Process.Signal(os.Interrupt))
	if twice {
		// An error means that it has ended already, which is as good.
		for range 100 {
			if cmd.Process.Signal(os.Interrupt) != nil {
				break
			}
			time.Sleep(time.Millisecond) // lets the first one be seen; signals of a kind do not queue
		}
	}
	err := cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("stderr"), []byte(stderr()), 0o644))
	status := exitStatus(ts, err)
	if died := cmd.ProcessState.Sys().(syscall.WaitStatus); twice && died.Signaled() && died.Signal() == syscall.SIGINT {
		return
	}
	if status != exitInterrupted {
		ts.Fatalf("exit status %d, want %d; it wrote:\n%s", status, exitInterrupted, stderr())
	}
}

// killed runs a command and kills it for good when standard error matches a pattern.
func killed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: killed PATTERN COMMAND ARG...")
	}
	cmd, _ := startAndMatch(ts, args[0], args[1:])
	ts.Check(cmd.Process.Kill())
	_ = cmd.Wait()
}

// scriptCommand is a command in the script's directory and environment, which exec.LookPath knows nothing of.
func scriptCommand(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := args[0]
	if path == "ruleout" {
		path = filepath.Join(ts.Getenv("BIN"), "ruleout")
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "RULEOUT_QEMU", "NO_COLOR"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// startAndMatch starts a command and returns when what it has written to standard error
// matches. The function returns all of it.
func startAndMatch(ts *testscript.TestScript, pattern string, args []string) (*exec.Cmd, func() string) {
	re, err := regexp.Compile(pattern)
	ts.Check(err)
	cmd := scriptCommand(ts, args)
	r, w, err := os.Pipe()
	ts.Check(err)
	cmd.Stderr = w
	ts.Check(cmd.Start())
	ts.Check(w.Close())

	var written strings.Builder
	matched, ended := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(ended)
		defer r.Close()
		told := false
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			written.Write(buf[:n])
			if !told && re.MatchString(written.String()) {
				told = true
				matched <- true
			}
			if err != nil {
				if !errors.Is(err, io.EOF) || !told {
					matched <- told
				}
				return
			}
		}
	}()
	all := func() string { <-ended; return written.String() }
	select {
	case ok := <-matched:
		if !ok {
			_ = cmd.Wait()
			ts.Fatalf("it ended without writing %q, but:\n%s", pattern, all())
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ts.Fatalf("it has not written %q in %s, but:\n%s", pattern, patience, all())
	}
	return cmd, all
}

// nothingLeft checks that no process and no temporary file outlived the commands of the
// script: QEMU and agents whose parent is gone are this process's children.
func nothingLeft(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: nothing-left")
	}
	// A process that was told to die is given the time to. So is another script's program that publishes or removes
	// a machine: its directory has no lock for a moment.
	awaitNone(ts, "processes left:", 10*time.Second, func() []string { return orphans(ts) })
	awaitNone(ts, "files left:", 10*time.Second, func() []string { return filesLeft(ts) })
}

// awaitNone waits until nothing is left, and no longer than within.
func awaitNone(ts *testscript.TestScript, what string, within time.Duration, left func() []string) {
	deadline := time.Now().Add(within)
	for list := left(); len(list) > 0; list = left() {
		if time.Now().After(deadline) {
			ts.Fatalf("%s %s", what, strings.Join(list, "; "))
		}
		time.Sleep(time.Millisecond)
	}
}

// filesLeft are temporary files that no process holds.
func filesLeft(ts *testscript.TestScript) (files []string) {
	for _, pattern := range []string{
		filepath.Join(ts.Getenv("TMPDIR"), "*"),
		filepath.Join(ts.MkAbs("results"), "*", ".*"),
		filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "ruleout", "*", ".import-*"),
		filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "ruleout", "*", ".download-*"),
		filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "ruleout", "templates", "*work-*"),
	} {
		found, err := filepath.Glob(pattern)
		ts.Check(err)
		for _, f := range found {
			if !inUse(f) {
				files = append(files, f)
			}
		}
	}
	return files
}

// orphans lists the children of this process that should have died with their parent.
func orphans(ts *testscript.TestScript) []string {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	ts.Check(err)
	var left []string
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, pid := range strings.Fields(string(b)) {
			cmdline, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
			if err != nil || len(cmdline) == 0 { // it has ended, or is a zombie
				continue
			}
			name, _, _ := strings.Cut(string(cmdline), "\x00")
			if strings.Contains(name, "qemu") || strings.Contains(name, "ruleout-agent") {
				left = append(left, pid+" "+name)
			}
		}
	}
	return left
}

// inUse says whether a living process of another script has the directory locked.
func inUse(dir string) bool {
	for _, lock := range []string{dir, filepath.Join(dir, "lock")} { // of a store, of a machine
		f, err := os.Open(lock)
		if err != nil {
			continue
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return true
		}
	}
	return !exists(dir)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// tmpfs mounts a small file system for the rest of the script, writable or not:
//
//	tmpfs 20m cache
//	tmpfs ro cache
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs SIZE|ro DIR")
	}
	dir := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o755))
	flags, data := uintptr(0), "size="+args[0]
	if args[0] == "ro" {
		flags, data = unix.MS_RDONLY, ""
	}
	ts.Check(unix.Mount("ruleout-test", dir, "tmpfs", flags, data))
	ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// forge changes a record so that it looks like another honest run: its digest fits.
//
//	forge in.json out.json sample 3 web.cpu.softirq
//	forge in.json out.json metric http.latency.p99
//	forge in.json out.json guest
func forge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: forge IN OUT sample N SERIES | metric NAME | kernel NAME | guest")
	}
	r, err := result.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	switch what := args[2:]; what[0] {
	case "sample":
		n, err := strconv.Atoi(what[1])
		ts.Check(err)
		r.Timeline.Series[what[2]][n]++
	case "metric":
		m := r.Metrics[what[1]]
		m.Value++
		r.Metrics[what[1]] = m
	case "kernel":
		r.Provenance.Kernel = what[1]
	case "guest":
		r.Provenance.Guest, r.Provenance.Key = "another build", result.Sum(nil)
	default:
		ts.Fatalf("forge what: %s", what[0])
	}
	r.Digest, err = r.ComputeDigest()
	ts.Check(err)
	b, err := result.Encode(r)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
}

func TestExitStatusesAreThoseOfTheDesign(t *testing.T) {
	require.Equal(t, 2, int(problem.Usage))
	require.Equal(t, 3, int(problem.Machine))
	require.Equal(t, 4, int(problem.Invalid))
}
