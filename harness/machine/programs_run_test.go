package machine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
)

func TestEndsOfPrograms(t *testing.T) {
	r := make1(t, onWeb(t, "4s", []string{
		"name: setup, command: [act, exit, '0', 10ms, set, up], expect-exit: 0",
		"name: good, command: [act, exit, '3', 500ms], expect-exit: 3, at: 100ms",
		"name: bad, command: [act, exit, '4', 500ms, bad], expect-exit: 3, at: 100ms",
		"name: late, command: [act, wait], expect-exit: 0, at: 100ms",
		"name: maybe, command: [act, exit, '7', 1s], may-exit: true",
		"name: again, command: [act, exit, '1', 150ms], restart: true",
		"name: obedient, command: [act, obey], at: 500ms, for: 1s, stop: INT",
		"name: plain, command: [act, wait], at: 500ms, for: 1s, stop: INT",
		"name: deaf, command: [act, deaf], at: 500ms, for: 1s",
		"name: early, command: [act, exit, '0', 100ms], at: 500ms, for: 1s, may-exit: true",
		"name: family, command: [act, leave], at: 500ms, for: 1s, may-exit: true",
	}, ""))
	require.True(t, r.Valid, r.InvalidBecause)
	setup := of(t, r, "setup")
	require.Less(t, *setup.Ended, 0.0, "before the freeze")
	require.Equal(t, []string{"set up"}, said(setup))
	require.True(t, setup.Output[0].Error)
	require.Equal(t, 3, of(t, r, "good").Exit)

	require.Len(t, r.Expect, 3, "a step of the set-up is none")
	for i, want := range []result.Expectation{
		{Expr: "web.exec.good.exit == 3", Value: 3, OK: true},
		{Expr: "web.exec.bad.exit == 3", Value: 4},
		{Expr: "web.exec.late.exit == 0", Error: "the program has not ended"},
	} {
		require.Equal(t, want, r.Expect[i])
	}
	require.Equal(t, 7, of(t, r, "maybe").Exit)
	again := of(t, r, "again")
	require.InDelta(t, 4.1/0.25, again.Restarts, 3)
	require.Greater(t, *again.Started, 3.7)
	require.EqualValues(t, again.Restarts, r.Metrics["web.exec.again.restarts"].Value)

	obedient := of(t, r, "obedient")
	require.Equal(t, []string{"got interrupt"}, said(obedient))
	require.InDelta(t, 0.5, *obedient.Started, 0.02)
	require.InDelta(t, 1.5, *obedient.Ended, 0.05)
	require.True(t, obedient.Stopped)
	require.Zero(t, obedient.Exit)
	plain := of(t, r, "plain")
	require.Equal(t, []any{130, "SIGINT"}, []any{plain.Exit, plain.Signal})
	require.InDelta(t, 1.5, *plain.Ended, 0.05)
	deaf := of(t, r, "deaf")
	require.Equal(t, []any{137, "SIGKILL", true, false}, []any{deaf.Exit, deaf.Signal, deaf.Stopped, deaf.OOM})
	require.InDelta(t, 3.5, *deaf.Ended, 0.05)
	early := of(t, r, "early")
	require.False(t, early.Stopped, "it had ended by itself")
	require.InDelta(t, 0.6, *early.Ended, 0.05)
	require.Contains(t, said(of(t, r, "family")), "left behind")
}

func TestEndsThatNobodyPlanned(t *testing.T) {
	r := make1(t, onWeb(t, "2s", []string{
		"name: crash, command: [act, signal, '9', 700ms]",
		"name: crash-on-time, command: [act, exit, '5', 200ms, no, more], at: 500ms, for: 1s",
		"name: absent, command: [act, wait], at: 500ms, dir: /nowhere",
	}, ""))
	require.False(t, r.Valid)
	var texts []string
	for _, why := range r.InvalidBecause {
		texts = append(texts, string(why.Kind)+" "+why.String())
	}
	require.Len(t, texts, 3)
	require.Regexp(t, `^program-ended program web/crash: ended by SIGKILL at -?0\.\d+ s, which the scenario `+
		`does not plan \(may-exit\)$`, texts[0])
	require.Regexp(t, `^program-ended program web/crash-on-time: ended with status 5 at 0\.7\d\d s, .*: no more$`,
		texts[1])
	require.Equal(t, "program-failed program web/absent: could not be started: "+
		"the image has no directory /nowhere to start in", texts[2])
}

// visits is load on a page of a node.
func visits(to string) string {
	return "load: [{from: client, to: " + to +
		", http: {arrivals: constant, rate: 20/s, port: 80, path: /, timeout: 4s, late: 100ms}}]\n"
}

func TestProgramsThatTakeAllTheyCan(t *testing.T) {
	for name, c := range map[string]struct {
		programs []string
		check    func(t *testing.T, r *result.Record)
	}{
		"output": {[]string{
			"name: flood, command: [act, flood, '2000000'], at: 200ms",
		}, func(t *testing.T, r *result.Record) {
			flood := of(t, r, "flood")
			lines := said(flood)
			require.Equal(t, "the end", lines[len(lines)-1])
			require.Equal(t, strings.Repeat("x", 99), lines[0])
			require.Len(t, lines[len(lines)-2], 10_000%2048)
			require.Less(t, len(lines), 700)
			require.InDelta(t, 2_000_000-65536, flood.Dropped, 20_000)
			require.True(t, r.Valid, r.InvalidBecause)
		}},
		"layer": {[]string{"name: fill, command: [act, fill, /], at: 200ms"}, func(t *testing.T, r *result.Record) {
			require.Equal(t, []string{"fill: write /full: no space left on device", "remove: ok"}, said(of(t, r, "fill")))
			require.True(t, r.Valid, r.InvalidBecause)
		}},
		"temporary files": {[]string{
			"name: fill, command: [act, fill, /tmp, stay]",
			"name: shared, command: [act, fill, /dev/shm, stay], at: 800ms",
			"name: layer, command: [act, fill, /, stay], at: 1s",
			"name: run, command: [act, fill, /run, stay], at: 1200ms",
		}, func(t *testing.T, r *result.Record) {
			require.Equal(t, []string{"fill: write /tmp/full: no space left on device"}, said(of(t, r, "fill")))
			require.Equal(t, []string{"fill: write /dev/shm/full: no space left on device"}, said(of(t, r, "shared")))
			require.Equal(t, []string{"fill: write /full: no space left on device"}, said(of(t, r, "layer")))
			require.True(t, r.Valid, r.InvalidBecause)
		}},
		"memory": {[]string{"name: eat, command: [act, eat], at: 200ms"}, func(t *testing.T, r *result.Record) {
			eat := of(t, r, "eat")
			require.Equal(t, []any{137, "SIGKILL", false, true}, []any{eat.Exit, eat.Signal, eat.Stopped, eat.OOM})
			require.False(t, r.Valid)
			require.Len(t, r.InvalidBecause, 1)
			require.Equal(t, result.OutOfMemory, r.InvalidBecause[0].Kind)
			require.Regexp(t, `^program web/eat: ended by SIGKILL of the kernel, for lack of memory, at \d\.\d+ s$`,
				r.InvalidBecause[0].String())
		}},
		"memory before the run": {[]string{
			"name: eat, command: [act, eat], may-exit: true",
			"name: planned, command: [act, eat], expect-exit: 137, at: 300ms",
		}, func(t *testing.T, r *result.Record) {
			require.True(t, of(t, r, "eat").OOM)
			require.True(t, of(t, r, "planned").OOM)
			require.Len(t, r.InvalidBecause, 1, r.InvalidBecause.String())
			require.Equal(t, "program web/eat", r.InvalidBecause[0].Place, "may-exit does not plan it, expect-exit does")
			require.Equal(t, []result.Expectation{{Expr: "web.exec.planned.exit == 137", OK: true, Value: 137}}, r.Expect)
		}},
		"tasks": {[]string{
			"name: fork, command: [act, fork], at: 200ms, may-exit: true",
		}, func(t *testing.T, r *result.Record) {
			for _, why := range r.InvalidBecause {
				require.Contains(t, []result.Kind{result.OutOfMemory, result.ProgramEnded}, why.Kind, why.String())
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			page := "name: page, command: [act, listen, '80'], port: 80"
			r := make1(t, onWeb(t, "2s", append([]string{page}, c.programs...), visits("web")))
			c.check(t, r)
			i := slices.IndexFunc(r.Programs, func(p result.Program) bool { return p.Name == "calm" })
			require.Nil(t, r.Programs[i].Ended, "that of another node is not harmed")
		})
	}
}

func TestAHostileProgram(t *testing.T) {
	s := onWeb(t, "2s", []string{"name: hostile, command: [act, hostile], at: 200ms"}, visits("other"),
		"nodes.other.service.exec=[{name: page, command: [act, listen, '80'], port: 80}]")
	r := make1(t, s)
	hostile := of(t, r, "hostile")
	var bad []string
	for _, line := range said(hostile) {
		harmless := line == "alive: ok" || line == "chroot: ok" || strings.HasPrefix(line, "sysrq") // which is /dev/null
		if strings.HasSuffix(line, ": ok") && !harmless {
			bad = append(bad, line)
		}
	}
	require.Empty(t, bad)
	require.True(t, r.Valid, r.InvalidBecause)
	require.Equal(t, "done", hostile.Output[len(hostile.Output)-1].Text)
	require.Equal(t, r.Load.Planned, r.Load.Completed)
	require.Equal(t, r.Digest, make1(t, s).Digest)
}

func TestWhereProgramsFindThemselves(t *testing.T) {
	r := make1(t, onWeb(t, "2s", []string{
		`name: look, command: [act, look, "{other}", 1s], expect-exit: 0, user: guest, dir: /srv, at: 100ms, ` +
			`env: {SHOP: "http://{other}/"}`,
		"name: root, command: [act, look], expect-exit: 0, at: 100ms",
		"name: number, command: [act, look], expect-exit: 0, at: 100ms, user: '33:44'",
		"name: socket, command: [act, unix, /run/shop.sock], ready: {path: /run/shop.sock}",
		"name: dial, command: [act, dial, unix, /run/shop.sock], expect-exit: 0",
		"name: write, command: [act, write, /etc/shop, here], ready: {line: write}",
		"name: read, command: [act, read, /etc/shop], expect-exit: 0",
		"name: devices, command: [act, devices], ready: {line: done}",
		"name: page, command: [act, listen, '80'], port: 80, warm: {requests: 3, parallel: 2}",
		"name: over, command: [act, dial, tcp, 'other:81'], at: 1s, expect-exit: 0",
	}, `load:
  - {from: client, exec: {name: read, command: [act, read, /etc/shop]}}
  - {from: client, exec: {name: get, command: [act, dial, tcp, 'web:80']}}
`,
		"nodes.other.service.exec[0]={name: page, command: [act, listen, '81'], port: 81}",
		"nodes.client.files={/etc/motd: hello}"))
	require.True(t, r.Valid, r.InvalidBecause)
	for _, e := range r.Expect {
		require.True(t, e.OK, e)
	}
	look := said(of(t, r, "look"))
	for _, want := range []string{
		"env HOME=/home/guest", "env USER=guest", "env RULEOUT_SEED=1", "env TZ=UTC", "env HOSTNAME=web", "env LANG=C.UTF-8",
		"dir /srv: ok", "ids 1000 1000 100 [10 26]: ok", "host web: ok", "hosts 127.0.0.1 localhost",
		"fd 0 /dev/null", "fd 1 pipe", "fd 2 pipe", "score 0: ok", "slack 50000: ok",
		"SigIgn:\t0000000000000000", "SigBlk:\t0000000000000000",
	} {
		require.Contains(t, look, want)
	}
	var address string
	for _, line := range look {
		require.NotRegexp(t, `^fd ([3-9]|\d\d) (pipe|/memfd|socket)`, line, "what is the box's own")
		if f := strings.Fields(line); f[0] == "hosts" && f[2] == "other" {
			address = f[1]
		}
	}
	require.NotEmpty(t, address)
	require.Contains(t, look, "args ["+address+" 1s]")
	require.Contains(t, look, "env SHOP=http://"+address+"/")
	require.Contains(t, said(of(t, r, "root")), "ids 0 0 0 []: ok")
	require.Contains(t, said(of(t, r, "number")), "ids 33 33 44 []: ok")
	require.Equal(t, []string{"dial hello: ok"}, said(of(t, r, "dial")))
	for _, line := range said(of(t, r, "devices"))[:10] {
		require.True(t, strings.HasSuffix(line, ": ok"), line)
	}
	var reads []string
	for _, p := range r.Programs {
		if p.Name == "read" {
			reads = append(reads, p.Node+" "+said(&p)[0])
		}
	}
	require.Equal(t, []string{"client read : open /etc/shop: no such file or directory", "web read here: ok"}, reads)
	require.Contains(t, said(of(t, r, "get"))[0], "200 OK")
	require.Contains(t, said(of(t, r, "over"))[0], "200 OK")
}
