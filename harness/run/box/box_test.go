package box

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
)

// What is kept is a beginning and an end of what was written, within bounds, and what is missing is counted.
func TestOutputIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o output
		var all []string
		written := int64(0)
		for range rapid.IntRange(0, 30).Draw(t, "bursts") {
			size := rapid.IntRange(0, lineLimit).Draw(t, "size")
			for range rapid.IntRange(1, 300).Draw(t, "lines") {
				text := fmt.Sprintf("%d ", len(all))
				text += strings.Repeat("x", max(0, size-len(text)))
				all = append(all, text)
				written += int64(len(text)) + 1
				o.add(int64(len(all)), false, []byte(text))
			}
		}
		list, dropped := o.lines()
		kept, cost := int64(0), 0
		for _, l := range list {
			require.Equal(t, all[l.At-1], l.Text)
			kept += int64(len(l.Text)) + 1
			cost += len(l.Text) + lineCost
		}
		require.Equal(t, written, kept+dropped)
		require.LessOrEqual(t, cost, headLimit+tailLimit)
		if len(all) > 0 {
			require.Equal(t, all[0], list[0].Text)
			require.Equal(t, all[len(all)-1], list[len(list)-1].Text)
		}
		gaps := 0
		for i := range list[min(1, len(list)):] {
			if list[i+1].At != list[i].At+1 {
				gaps++
			}
		}
		require.LessOrEqual(t, gaps, 1)
		require.Equal(t, gaps == 0, dropped == 0)
	})
}

func TestOutputWithoutEndMakesNoGarbage(t *testing.T) {
	var o output
	line := []byte(strings.Repeat("x", 50))
	for range 10_000 {
		o.add(1, false, line)
	}
	require.Zero(t, testing.AllocsPerRun(10_000, func() { o.add(1, false, line) }))
}

func follow(t *testing.T, o *output, text string) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	go func() {
		_, _ = io.Copy(w, strings.NewReader(text))
		w.Close()
	}()
	o.follow(r, true)
}

func TestOutputIsReadByLines(t *testing.T) {
	o := output{seek: []byte("ready")}
	follow(t, &o, "one\n\n"+strings.Repeat("y", lineLimit+3)+"\nnot yet")
	list, dropped := o.lines()
	var texts []string
	for _, l := range list {
		require.True(t, l.Error)
		require.Positive(t, l.At)
		texts = append(texts, l.Text)
	}
	require.Equal(t, []string{"one", "", strings.Repeat("y", lineLimit), "yyy", "not yet"}, texts)
	require.Zero(t, dropped)
	require.False(t, o.has())
	follow(t, &o, "now ready to serve\n")
	require.True(t, o.has())
}

// A prompt or a progress bar has no end of line while its program runs; it is told all the same, and once.
func TestLinesWithoutAnEndAreTold(t *testing.T) {
	var o output
	o.take(1, false, []byte("50 %\r60"), false)
	o.take(2, true, []byte("warning: "), false)
	list, _ := o.lines()
	require.Equal(t, []Line{{1, false, "50 %\r60"}, {2, true, "warning: "}}, list)
	o.take(3, false, []byte(" %\n"), false)
	o.take(4, true, nil, true)
	list, _ = o.lines()
	require.Equal(t, []Line{{3, false, "50 %\r60 %"}, {4, true, "warning: "}}, list)
}

func TestTheLastLinesSayWhy(t *testing.T) {
	var o output
	require.Empty(t, o.last(3))
	follow(t, &o, "a\nb\nc\nd\n")
	require.Equal(t, "\n\tc\n\td", o.last(2))
	follow(t, &o, "panic: no\n"+strings.Repeat("trace\n", 50))
	require.Equal(t, "\n\tpanic: no\n\ttrace", o.last(2))
}

func TestIdentify(t *testing.T) {
	etc := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644))
	}
	write("passwd", "root:x:0:0:root:/root:/bin/sh\n# a comment\n\n"+
		"www-data:x:33:33::/var/www:/bin/false\nbroken:x:a:1::/:\nshort:x\n")
	write("group", "www-data:x:33:\ntape:x:26:root,www-data\nodd:x:b:www-data\nstaff:x:50:\n")
	for text, want := range map[string]identity{
		"":               {home: "/root", name: "root"},
		"root":           {home: "/root", name: "root", groups: []uint32{26}},
		"www-data":       {33, 33, []uint32{26}, "/var/www", "www-data"},
		"33":             {33, 33, []uint32{26}, "/var/www", "www-data"},
		"www-data:staff": {33, 50, nil, "/var/www", "www-data"},
		"www-data:7":     {33, 7, nil, "/var/www", "www-data"},
		"1234":           {1234, 1234, nil, "/", "1234"},
		"1234:5":         {1234, 5, nil, "/", "1234"},
	} {
		id, err := identify(etc, text)
		require.NoError(t, err, text)
		require.Equal(t, want, id, text)
	}
	for text, want := range map[string]string{
		"nobody":         "no user nobody in /etc/passwd of the image, which has root, www-data",
		"broken":         "user broken: /etc/passwd of the image is damaged",
		"www-data:wheel": "no group wheel in /etc/group of the image",
		"4294967296":     "no user 4294967296",
	} {
		_, err := identify(etc, text)
		require.ErrorContains(t, err, want)
	}
	_, err := identify(t.TempDir(), "www-data")
	require.ErrorContains(t, err, "no user www-data")
}

func TestEnvironment(t *testing.T) {
	p := &program{Program: scenario.Program{Env: map[string]string{"LANG": "C", "DB": "10.0.0.1"}}}
	d := &protocol.Defaults{Env: []string{"PATH=/opt/bin", "LANG=de", "odd", "EMPTY="}}
	id := identity{home: "/var/www", name: "www-data"}
	require.Equal(t, []string{"DB=10.0.0.1", "EMPTY=", "HOME=/var/www", "HOSTNAME=web", "LANG=C", "PATH=/opt/bin",
		"RULEOUT_SEED=7", "TZ=UTC",
		"USER=www-data"}, p.environment(d, "web", id, "7"))
	require.NotContains(t, strings.Join(p.environment(d, "web", id, ""), " "), "SEED", "before the run there is none")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/tool": 0o644, "b/tool": 0o755, "b/tool8.2": 0o755} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, mode))
	}
	env := []string{"PATH=" + dir + "/a:" + dir + "/b"}
	for command, want := range map[string]string{"tool": dir + "/b/tool", "tool8*": dir + "/b/tool8.2", "/x/y": "/x/y"} {
		file, err := find(command, env)
		require.NoError(t, err)
		require.Equal(t, want, file)
	}
	for _, command := range []string{"nothing", "[", ""} {
		_, err := find(command, env)
		require.Equal(t, problem.Usage, problem.KindOf(err), command)
	}
}

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#! /usr/bin/php -n\n"), 0o640))
	for _, c := range []struct {
		file, dir string
		err       error
		want      string
	}{
		{script, dir, unix.ENOENT, "what interprets " + script + " is missing in the image: /usr/bin/php -n"},
		{script, dir, unix.EACCES, script + " is not executable (mode -rw-r-----), or not by this user"},
		{script, dir, unix.ENOEXEC, script + " is no program for x86-64, and no script with #!"},
		{script, dir, unix.EAGAIN, "start " + script + ": resource temporarily unavailable"},
		{script, dir + "/none", unix.ENOENT, "the image has no directory " + dir + "/none to start in"},
		{script, script, unix.ENOTDIR, "the image has no directory " + script + " to start in"},
		{dir, dir, unix.EACCES, dir + " is a directory"},
		{dir + "/none", dir, unix.ENOENT, "the image has no program " + dir + "/none"},
	} {
		require.EqualError(t, explain(c.file, c.dir, c.err), c.want)
	}
	require.True(t, errors.Is(explain(script, dir, unix.EAGAIN), unix.EAGAIN), "it may be tried again")
}

func TestPlanIsInOrderOfTime(t *testing.T) {
	b := new(box)
	var done []string
	for _, a := range []struct {
		at   int64
		name string
	}{{3, "c"}, {1, "a"}, {2, "b1"}, {2, "b2"}, {agent.Now() + int64(time.Hour), "never"}, {1, "a2"}} {
		b.at(a.at, func() error { done = append(done, a.name); return nil })
	}
	require.NoError(t, b.carryOutDue())
	require.Equal(t, []string{"a", "a2", "b1", "b2", "c"}, done, "at one time as it was planned")
	require.Len(t, b.plan, 1)
}

func TestScheduleOfARun(t *testing.T) {
	at, ms := scenario.Duration(2e9), int64(1e6)
	b := &box{programs: []*program{
		{Program: scenario.Program{Name: "before"}},
		{Program: scenario.Program{Name: "later", At: &at}},
		{Program: scenario.Program{Name: "brief", For: scenario.Duration(3e9)}},
		{Program: scenario.Program{Name: "client"}, client: true},
	}}
	b.schedule(agent.Beginning{Start: 1000 * ms, Seed: 1<<64 - 1})
	var times []int64
	for _, a := range b.plan {
		times = append(times, a.at/ms)
	}
	require.Equal(t, []int64{1000, 3000, 4000, 6000}, times)
	require.Equal(t, "18446744073709551615", b.seed)
}

func TestEndsAreTaken(t *testing.T) {
	b := &box{programs: []*program{
		{Program: scenario.Program{Name: "a"}, pid: 7, group: 7},
		{Program: scenario.Program{Name: "b", Restart: true}, pid: 8, group: 8},
	}}
	b.take(end{99, 0, 5})
	b.take(end{7, syscall.WaitStatus(3 << 8), 10})
	require.Equal(t, Outcome{Ended: 10, Exit: 3}, b.programs[0].outcome)
	require.Equal(t, "exit status 3", b.programs[0].how())
	b.take(end{8, syscall.WaitStatus(unix.SIGSEGV), 11})
	require.Equal(t, Outcome{Ended: 11, Exit: 139, Signal: "SIGSEGV", Restarts: 1}, b.programs[1].outcome)
	require.Equal(t, "SIGSEGV", b.programs[1].how())
	require.Len(t, b.plan, 1)
	require.Equal(t, 11+int64(restartAfter), b.plan[0].at)

	b.programs[1].outcome.Restarts = MostRestarts
	b.programs[1].pid = 9
	b.take(end{9, 0, 12})
	require.Len(t, b.plan, 1, "no more than that")
	b.stop(b.programs[0], unix.SIGTERM)
	require.False(t, b.programs[0].outcome.Stopped, "it had ended by itself")
	require.Equal(t, unix.SIGTERM, stopSignal(""))
	require.Equal(t, unix.SIGWINCH, stopSignal("WINCH"))
}

func TestWhatTheKernelEndedIsCounted(t *testing.T) {
	events, err := os.Create(filepath.Join(t.TempDir(), "memory.events"))
	require.NoError(t, err)
	defer events.Close()
	o := own{events: events}
	require.Zero(t, o.killed(), "a file without the number")
	_, err = events.WriteString("low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 0\n")
	require.NoError(t, err)
	require.EqualValues(t, 3, o.killed(), "oom_kill, not oom or oom_group_kill")
	require.Zero(t, new(own).killed())
}

// fakeMemory has pages that can be read, and notes which were.
type fakeMemory struct {
	end  int64
	read []int64
}

func (m *fakeMemory) ReadAt(b []byte, at int64) (int, error) {
	if at >= m.end {
		return 0, unix.EIO
	}
	m.read = append(m.read, at)
	return len(b), nil
}

func TestTouch(t *testing.T) {
	m := &fakeMemory{end: 0x9000}
	require.NoError(t, touch(m, "1000-3000 r-xp 0 00:00 1 /bin/a\n"+
		"3000-4000 rw-p 0 00:00 1\n5000-6000 --xp 0 0 1\n8000-b000 r-xp 0 00:00 1 /lib/b\n"))
	require.Equal(t, []int64{0x1000, 0x2000, 0x8000}, m.read)
	require.Error(t, touch(m, "1000 r-xp 0\n"))
	require.NoError(t, touch(m, "\n"))
}
