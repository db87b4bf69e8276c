package vm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// script speaks QEMU's side: for each command that comes in, the lines of its answer.
func script(t *testing.T, greeting string, answers ...string) *monitor {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	t.Cleanup(func() { _ = ours.Close() })
	conn, err := net.FileConn(theirs)
	require.NoError(t, err)
	require.NoError(t, theirs.Close())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer conn.Close()
		fmt.Fprintln(conn, greeting)
		lines := bufio.NewScanner(conn)
		for _, a := range answers {
			if !lines.Scan() {
				return
			}
			fmt.Fprintln(conn, a)
		}
	}()
	m, err := newMonitor(ours)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.close(); <-done })
	return m
}

const hello = `{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}`

func TestMonitorConversation(t *testing.T) {
	m := script(t, hello, `{"return": {}}`,
		`{"event": "STOP", "data": {}} {"event": "GUEST_PANICKED", "data": {"action": "pause"}} {"return": {"status": "guest-panicked"}}`,
		`{"error": {"class": "GenericError", "desc": "No such thing"}}`)
	require.NoError(t, m.greet())
	var status struct{ Status string }
	require.NoError(t, m.command("query-status", nil, &status))
	require.Equal(t, "guest-panicked", status.Status)
	require.NoError(t, m.wait("GUEST_PANICKED", nil), "an event that came before")
	require.EqualError(t, m.command("thing", nil, nil), "QMP thing: No such thing")
	require.ErrorIs(t, m.command("more", nil, nil), errGone)
}

func TestMonitorWithoutGreeting(t *testing.T) {
	require.ErrorContains(t, script(t, `{"event": "RESET"}`).greet(), "it does not greet")
	require.ErrorIs(t, script(t, ``).greet(), errGone)
	require.Error(t, script(t, `not JSON`).greet())
}

func TestMigrationOutcome(t *testing.T) {
	status := func(s ...string) (lines string) {
		for _, s := range s {
			b, err := json.Marshal(map[string]any{"event": "MIGRATION", "data": map[string]string{"status": s}})
			require.NoError(t, err)
			lines += string(b)
		}
		return lines
	}
	m := script(t, hello, `{"return": {}}`, `{"return": {}}`+status("setup", "active", "completed"),
		`{"return": {}}`+status("setup", "failed"))
	require.NoError(t, m.greet())
	require.NoError(t, m.command("migrate", nil, nil))
	require.NoError(t, m.migrated())
	require.NoError(t, m.command("migrate", nil, nil))
	require.ErrorContains(t, m.migrated(), "not transferred: failed")
}
