package box

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

func TestTableListens(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	table := head +
		"   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n" +
		"   1: 0100007F:1F90 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 2 1\n" +
		"   2: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 3 1\n"
	require.True(t, tableListens([]byte(table), 80))
	require.True(t, tableListens([]byte(table), 443))
	require.False(t, tableListens([]byte(table), 8080), "connected, not listening")
	require.False(t, tableListens([]byte(head), 80))
	require.False(t, tableListens([]byte("1: a 2 0A\n1: a:zz 2 0A\n"), 80))
}

// tables opens files as those in which the kernel lists sockets.
func tables(t *testing.T, names ...string) (list []*os.File) {
	for _, name := range names {
		f, err := os.Open(name)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		list = append(list, f)
	}
	return list
}

func TestATableIsReadInParts(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "%4d: 0100007F:%04X 0100007F:A000 01 %s\n", i, 0x2000+i, strings.Repeat("0 ", 50))
	}
	text.WriteString(" 1000: 0100007F:1F90 00000000:0000 0A 0\n")
	name := filepath.Join(t.TempDir(), "tcp")
	require.NoError(t, os.WriteFile(name, []byte(text.String()), 0o600))
	o := own{tables: tables(t, name)}
	require.True(t, o.listens(0x1F90), "the last of %d bytes", text.Len())
	require.False(t, o.listens(0x2001))
}

// The box collects no garbage, and asks this 200 times a second, perhaps for an hour.
func TestReadinessIsAskedWithoutGarbage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	b := &box{own: own{tables: tables(t, "/proc/self/net/tcp", "/proc/self/net/tcp6")}}
	p := &program{Program: scenario.Program{Ready: &scenario.Ready{Port: port, Path: "/proc/self/exe", Line: "up"}},
		path: []byte("/proc/self/exe\x00")}
	p.out.seek = []byte("up")
	require.False(t, b.isReady(p))
	require.Equal(t, `it has not written "up"`, b.waitsFor(p))
	p.out.take(1, false, []byte("it is up\n"), false)
	require.True(t, b.isReady(p))
	require.Zero(t, testing.AllocsPerRun(100, func() { b.isReady(p) }))
	p.path = []byte("/proc/self/none\x00")
	require.False(t, b.isReady(p))
	require.NoError(t, l.Close())
	require.False(t, b.isReady(p))
	require.Equal(t, fmt.Sprintf("nothing listens on port %d", port), b.waitsFor(p))
}
