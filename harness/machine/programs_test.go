package machine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/guesttest"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// toolsDir has the files of the one image that these tests run programs of; the program is testdata/program.
var toolsDir string

var makeTools = sync.OnceValue(func() (err error) {
	if toolsDir, err = os.MkdirTemp("", "ruleout-programs-*"); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"noexec": "#!/bin/act\n", "script": "#!/bin/sh -e\necho hello\n", "text": "no program\n",
		"foreign": "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 100),
		"passwd":  "root:x:0:0:root:/root:/bin/sh\n# nobody is here\nguest:x:1000:100:A guest:/home/guest:/bin/sh\n",
		"group":   "root:x:0:\nusers:x:100:\nwheel:x:10:root,guest\ntape:x:26:guest\n",
	} {
		mode := os.FileMode(0o755)
		if name == "noexec" || name == "passwd" || name == "group" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(toolsDir, name), []byte(text), mode); err != nil {
			return err
		}
	}
	return guesttest.Into(toolsDir, "./testdata/program")
})

func removeTools() {
	if toolsDir != "" {
		_ = os.RemoveAll(toolsDir)
	}
}

const tools = `version: 1
name: programs
warmup: 100ms
duration: %s
machine: {memory: 256MiB}
images:
  tools:
    files:
      /bin/act: program
      /bin/noexec: noexec
      /bin/script: script
      /bin/foreign: foreign
      /bin/text: text
      /etc/passwd: passwd
      /etc/group: group
nodes:
  client: {image: tools}
  other: {image: tools, service: {exec: [{name: calm, command: [act, wait]}]}}
  web:
    image: tools
    role: router
    service:
      exec:
`

// onWeb is a scenario with these programs on web, each the inside of a mapping in one line, and what else is to be in
// it.
func onWeb(t *testing.T, duration string, programs []string, more string,
	set ...string,
) *scenario.Scenario {
	t.Helper()
	require.NoError(t, makeTools())
	text := fmt.Sprintf(tools, duration)
	for _, p := range programs {
		text += "        - {" + p + "}\n"
	}
	text += "links:\n  - {between: [client, web], delay: 5ms}\n  - {between: [web, other], delay: 1ms}\n" + more
	s, err := expect.Parse(filepath.Join(toolsDir, "programs.yaml"), []byte(text), set)
	require.NoError(t, err)
	return s
}

// make1 makes a run with seed 1.
func make1(t *testing.T, s *scenario.Scenario) *result.Record {
	t.Helper()
	r, err := open(t).Run(t.Context(), machine.Request{Scenario: s, Seed: 1})
	require.NoError(t, err)
	return r
}

// of returns what became of a program of the node web.
func of(t *testing.T, r *result.Record, name string) *result.Program {
	t.Helper()
	i := slices.IndexFunc(r.Programs, func(p result.Program) bool { return p.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return &r.Programs[i]
}

// said is a program's output.
func said(p *result.Program) (lines []string) {
	for _, l := range p.Output {
		lines = append(lines, l.Text)
	}
	return lines
}

func TestAProgramThatCannotBeStarted(t *testing.T) {
	v := open(t)
	const (
		background = "a program that goes into the background has to stay in the foreground; " +
			"one that may end has may-exit: true"
		within    = "ready.within gives it more time"
		interpret = "name the interpreter as the program, and the file as its argument"
		users     = "give a user of the image, or a number"
	)
	for name, c := range map[string]struct{ program, want, hint string }{
		"gone before it serves": {
			"command: [act, exit, '0', 10ms, bye], port: 81, may-exit: true, ready: {port: 81, within: 200ms}",
			"not ready after 200ms: nothing listens on port 81\n\tbye", within,
		},
		"missing": {
			"command: [/bin/shop]",
			"program /bin/shop is not in the image", "add the package that has it, or the file",
		},
		"missing in PATH": {
			"command: [shop]",
			"program shop is not in the image", "add the package that has it, or the file",
		},
		"not executable": {
			"command: [/bin/noexec]",
			"program /bin/noexec may not be executed: its mode is 0644",
			"make the file executable: chmod +x; or name the interpreter as the program",
		},
		"a directory": {
			"command: [/bin]",
			"program /bin is a directory", "name a file",
		},
		"without shell": {
			"command: [script]",
			"script /bin/script needs /bin/sh, which is not in the image", "add the package that has the interpreter",
		},
		"of another kind": {
			"command: [foreign]",
			"program /bin/foreign is neither a script, which begins with #!, nor a program of the processor", interpret,
		},
		"no program": {
			"command: [text]",
			"program /bin/text is neither a script, which begins with #!, nor a program of the processor", interpret,
		},
		"missing directory": {
			"command: [act, wait], dir: /srv/shop",
			"the image has no directory /srv/shop to start in", "",
		},
		"missing user": {
			"command: [act, wait], user: shop",
			"no user shop in /etc/passwd of the image, which has root, guest", users,
		},
		"missing group": {
			"command: [act, wait], user: 'guest:shop'",
			"no group shop in /etc/group of the image", users,
		},
		"crash": {
			"command: [act, panic], port: 80",
			"ended before it was ready: exit status 2\n\tpanic: out of patience", background,
		},
		"signal": {
			"command: [act, signal, '9', 1ms], port: 80",
			"ended before it was ready: SIGKILL", background,
		},
		"into background": {
			"command: [act, leave], port: 80",
			"ended before it was ready: exit status 0", background,
		},
		"wrong exit": {
			"command: [act, exit, '3', 1ms, no, database], expect-exit: 0",
			"ended with status 3 instead of 0\n\tno database", "",
		},
		"never ready": {
			"command: [act, wait], port: 80, ready: {port: 81, within: 2s}",
			"not ready after 2s: nothing listens on port 81\n\twaiting", within,
		},
		"no such line": {
			"command: [act, wait], ready: {line: ready, within: 2s}",
			`not ready after 2s: it has not written "ready"`, within,
		},
		"no such path": {
			"command: [act, wait], ready: {path: /run/shop.sock, within: 2s}",
			"not ready after 2s: there is no /run/shop.sock", within,
		},
		"does not end": {
			"command: [act, wait], expect-exit: 0, ready: {path: /run/x, within: 2s}",
			"not ready after 2s: there is no /run/x", within,
		},
		"no warm page": {
			"command: [act, wait], port: 80, ready: {path: /bin}, warm: {requests: 1}",
			"warm-up: GET /: connect to port 80: connection refused", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := onWeb(t, "1s", []string{"name: calm, command: [act, wait]", "name: shop, " + c.program}, "")
			_, err := v.Run(t.Context(), machine.Request{Scenario: s, Seed: 1})
			require.ErrorContains(t, err, "node web: ")
			require.ErrorContains(t, err, "program shop: "+c.want)
			require.Equal(t, problem.Usage, problem.KindOf(err))
			require.Equal(t, c.hint, problem.HintOf(err))
			require.Equal(t, "nodes.web.service.exec[1]", problem.PlaceOf(err))
		})
	}
}
