//go:build linux

package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/archive/archivetest"
)

// killsOfATest is how often torment kills unless RULEOUT_KILLS says otherwise.
const killsOfATest = 5

// torment makes sweeps until it has killed them often enough, at random moments, and then the last one to its end.
// Whenever one ends, its records, digests and verdicts have to be those of WHOLE, a sweep that ran undisturbed, and of
// its output:
//
//	torment WHOLE OUTPUT ruleout sweep tests.yaml
func torment(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[2] != "ruleout" {
		ts.Fatalf("usage: torment WHOLE OUTPUT ruleout ARG...")
	}
	kills := killsOfATest
	if n, err := strconv.Atoi(os.Getenv("RULEOUT_KILLS")); err == nil {
		kills = n
	}
	t := &tormented{ts: ts, args: args[3:], random: rand.New(rand.NewPCG(9, 100)), died: map[string]int{}}
	t.want, t.verdicts = digests(ts, ts.MkAbs(args[0])), ts.ReadFile(args[1])
	t.next()
	ts.Check(os.MkdirAll(filepath.Join(t.young(), "ruleout"), 0o755))
	ts.Check(os.Symlink(ts.Getenv("KERNELS"), filepath.Join(t.young(), "ruleout", "kernels")))
	for done := 0; done < kills; {
		if t.sweep(moments[done%len(moments)]) {
			done++
			fmt.Fprintf(os.Stderr, "kill %d of %d, %s: %d records are there\n", done, kills, moments[(done-1)%len(moments)].name,
				len(t.kept))
		}
	}
	t.sweep(stroke{name: "at the end"})
	t.sweep(stroke{name: "with nothing left to do"})
	if out, err := t.command(t.young(), "gc").CombinedOutput(); err != nil {
		ts.Fatalf("ruleout gc: %v\n%s", err, out)
	}
	if left := t.unfinished(); len(left) > 0 {
		ts.Fatalf("machines that nobody makes any more: %v", left)
	}
	ts.Logf("%d kills: %v; %d found a torn record; %d sweeps came to their end and were looked at", kills, t.died, t.torn,
		t.ends)
}

type tormented struct {
	ts       *testscript.TestScript
	args     []string
	random   *rand.Rand
	want     map[string]string
	verdicts string
	dir      string
	dirs     int
	kept     map[string]string // what was there after the last kill
	ends     int
	torn     int
	died     map[string]int
}

// stroke is when a sweep is killed: when returns at that moment, or when the process has ended. Without one it is not.
type stroke struct {
	name string
	when func(t *tormented, over func() bool)
}

var (
	opening = stroke{"opening", func(t *tormented, over func() bool) { t.pause(time.Second, over) }}
	// It has a cache of its own, in which no machine is ever finished.
	preparing = stroke{"preparing", func(t *tormented, over func() bool) {
		waitFor(over, func() bool { return len(t.unfinished()) > 0 })
		t.pause(5*time.Second, over)
	}}
	writing = stroke{"writing", func(t *tormented, over func() bool) {
		from := t.size()
		waitFor(over, func() bool { return t.size() > from })
	}}
	running = stroke{"running", func(t *tormented, over func() bool) {
		writing.when(t, over)
		t.pause(time.Second, over)
	}}
)

// moments of a sweep, in turn. What is random about them is how long after a fact.
var moments = []stroke{opening, writing, preparing, running, writing, running, opening, writing, running, opening}

// waitFor asks until a fact is there, so often that what happens next has hardly begun.
func waitFor(facts ...func() bool) {
	for !slices.ContainsFunc(facts, func(f func() bool) bool { return f() }) {
		time.Sleep(50 * time.Microsecond)
	}
}

func (t *tormented) pause(most time.Duration, over func() bool) {
	end := time.Now().Add(time.Duration(t.random.Int64N(int64(most))))
	waitFor(over, func() bool { return time.Now().After(end) })
}

func (t *tormented) size() int64 {
	info, err := os.Stat(filepath.Join(t.dir, "records.zst"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// young is the cache of the sweeps that are killed while they prepare their machine.
func (t *tormented) young() string { return t.ts.MkAbs("young") }

// unfinished lists the machines that a process made there, or is making.
func (t *tormented) unfinished() []string {
	found, err := filepath.Glob(filepath.Join(t.young(), "ruleout", "templates", "*work-*"))
	t.ts.Check(err)
	return found
}

// next takes another archive for the sweeps to come.
func (t *tormented) next() {
	t.dirs++
	t.dir, t.kept = t.ts.MkAbs(fmt.Sprint("tormented-", t.dirs)), nil
}

func (t *tormented) command(cache string, args ...string) *exec.Cmd {
	cmd := scriptCommand(t.ts, append([]string{"ruleout"}, args...))
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache) // the last one counts
	return cmd
}

// sweep starts a sweep or goes on with one, and reports whether it was killed. One that came to its end is looked at.
func (t *tormented) sweep(m stroke) bool {
	cmd := t.command(t.ts.Getenv("XDG_CACHE_HOME"), append(slices.Clone(t.args), "--out", t.dir)...)
	if m.name == preparing.name {
		cmd = t.command(t.young(), append(slices.Clone(t.args), "--out", t.dir)...)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // all that it starts are in its group
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	t.ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if m.when != nil {
		m.when(t, func() bool { return len(ended) > 0 })
		_ = cmd.Process.Kill() // an error means that it has ended
	}
	err := <-ended
	if bytes.Contains(stderr.Bytes(), []byte("the last record was written partly")) {
		t.torn++
	}
	t.alone(cmd.Process.Pid, m.name)
	switch {
	case err == nil:
		t.look(out.String())
		if m.when != nil {
			t.next()
		}
		return false
	case cmd.ProcessState.ExitCode() == -1 && m.when != nil:
		t.died[m.name]++
		t.grow()
		return true
	}
	t.ts.Fatalf("%v, to be killed while %s; it wrote:\n%s", err, m.name, &stderr)
	return false
}

// alone checks that the machines of a sweep died with it, without being told. Namespaces and locks belong to processes:
// where no process is left, none of them is.
func (t *tormented) alone(group int, when string) {
	awaitNone(t.ts, "killed while "+when+", it left", patience, func() []string { return living(t.ts, group) })
}

// living lists the processes of a group, but for those that only wait to be reaped.
func living(ts *testscript.TestScript, group int) (left []string) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	ts.Check(err)
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name is in parentheses, and may have spaces in it; state, parent and group follow.
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			left = append(left, string(b[:bytes.LastIndexByte(b, ')')+1]))
		}
	}
	return left
}

// grow checks that a kill has cost none of the records that were there before it.
func (t *tormented) grow() {
	if !archive.Is(t.dir) {
		if len(t.kept) > 0 {
			t.ts.Fatalf("%s is no archive any more", t.dir)
		}
		return
	}
	if !exists(filepath.Join(t.dir, "index")) {
		return // it was killed before the first record
	}
	runs := indexed(t.ts, t.dir)
	for run, digest := range t.kept {
		if runs[run] != digest {
			t.ts.Fatalf("%s had the run %s with the digest %s, and has %q now", t.dir, run, digest, runs[run])
		}
	}
	t.kept = runs
}

// look is for a sweep that came to its end.
func (t *tormented) look(out string) {
	t.ends++
	if out != t.verdicts {
		t.ts.Fatalf("%s ended with other verdicts:\n%s", t.dir, out)
	}
	if got := digests(t.ts, t.dir); !maps.Equal(got, t.want) {
		t.ts.Fatalf("%s has other runs or digests: %v, want %v", t.dir, got, t.want)
	}
	entries, err := os.ReadDir(t.dir)
	t.ts.Check(err)
	if len(entries) != 4 {
		t.ts.Fatalf("files left in the archive: %v", entries)
	}
}

// indexed are the digests of the runs in the index of an archive.
func indexed(ts *testscript.TestScript, dir string) map[string]string {
	r, err := archive.Read(dir)
	ts.Check(err)
	defer r.Close()
	runs := map[string]string{}
	ts.Check(r.Entries(func(e *archive.Entry) error {
		runs[e.Run] = e.Digest
		return nil
	}))
	return runs
}

// digests of the runs of an archive. What the index says and what a reader of the file without its index finds have to
// be the same.
func digests(ts *testscript.TestScript, dir string) map[string]string {
	r, err := archive.Read(dir)
	ts.Check(err)
	defer r.Close()
	runs := map[string]string{}
	n := 0
	ts.Check(r.Entries(func(e *archive.Entry) error {
		record, err := r.Record(e)
		if err != nil {
			return err
		}
		n++
		runs[e.Run] = e.Digest
		if sum, err := record.ComputeDigest(); err != nil || sum != e.Digest {
			return fmt.Errorf("the record of %v has the digest %s, and not %s: %w", e, sum, e.Digest, err)
		}
		return nil
	}))
	lines, err := archivetest.Lines(dir)
	ts.Check(err)
	if len(lines) != n || len(runs) != n {
		ts.Fatalf("%s has %d lines, and %d entries of %d runs in its index", dir, len(lines), n, len(runs))
	}
	return runs
}

// appears waits for a file:
//
//	appears results/campaign.json
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	deadline := time.Now().Add(patience)
	waitFor(func() bool { return exists(ts.MkAbs(args[0])) }, func() bool { return time.Now().After(deadline) })
	if !exists(ts.MkAbs(args[0])) {
		ts.Fatalf("%s has not appeared in %s", args[0], patience)
	}
}

// damage flips a bit in the middle of a file:
//
//	damage results/records.zst
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	b := []byte(ts.ReadFile(args[0]))
	b[len(b)/2] ^= 0x10
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}
