package service

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// workers returns what a file of each worker's task in /proc says.
func workers(t *testing.T, pid int, file string) (texts []string) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	require.NoError(t, err)
	for _, task := range tasks {
		name, err := os.ReadFile(filepath.Join(task, "comm"))
		if err != nil || !strings.HasPrefix(string(name), "php-") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(task, file))
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return texts
}

// count waits until n of the texts have a property; the fact, however long it takes.
func count(t *testing.T, n int, texts func() []string, is func(string) bool) {
	t.Helper()
	for {
		have := 0
		all := texts()
		for _, text := range all {
			if is(text) {
				have++
			}
		}
		if have == n {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%d of %d", have, n)
		default:
			runtime.Gosched()
		}
	}
}

func TestWorkersAreTasksOfTheKernel(t *testing.T) {
	const n = 5
	to, p := startPHP(t, PHPConfig{Workers: n, Backlog: 1, CPU: time.Hour})
	require.Len(t, workers(t, p.PID(), "comm"), n)
	const accept4 = "288 " // its number on amd64
	count(t, n, func() []string { return workers(t, p.PID(), "syscall") },
		func(s string) bool { return strings.HasPrefix(s, accept4) })
	for range n {
		_, err := io.WriteString(dial(t, to), getAndClose)
		require.NoError(t, err)
	}
	// All at once are running or want to, whatever the number of CPUs.
	count(t, n, func() []string { return workers(t, p.PID(), "stat") }, func(s string) bool {
		_, state, _ := strings.Cut(s, ") ")
		return strings.HasPrefix(state, "R ")
	})
}
