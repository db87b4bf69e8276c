package vmtest

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each of these two would see what the other one leaves behind.
func TestHasAGuestOfItsOwn(t *testing.T) { leaveSomething(t) }

func TestHasAnotherGuestOfItsOwn(t *testing.T) { leaveSomething(t) }

func leaveSomething(t *testing.T) {
	if value("test.coverprofile") != "" {
		t.Skip("a coverage profile is of one guest for all tests")
	}
	const name = "/proc/sys/kernel/hostname"
	before, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NotEqual(t, "used\n", string(before))
	require.NoError(t, os.WriteFile(name, []byte("used"), 0))
}

func TestAnOrderKeepsTheFlagsThatItDoesNotChange(t *testing.T) {
	all := order{Args: []string{"-test.v=true", "-test.run=A", "-test.bench=.", "-test.runs=3", "rest"},
		Env: []string{"A=b"}, Cover: false}
	require.Equal(t, order{Args: []string{"-test.run=^TestX$/y", "-test.bench=", "-test.v=true", "-test.runs=3", "rest"},
		Env: []string{"A=b"}},
		all.with("run", "^TestX$/y", "bench", ""))
	require.Equal(t, order{Args: []string{"-test.run=^$", "-test.v=true", "-test.bench=.", "-test.runs=3", "rest"},
		Env: []string{"A=b"}}, all.with("run", "^$"))
}

func TestALogWaitsForItsTurn(t *testing.T) {
	var l log
	var shown bytes.Buffer
	write := func(text string) {
		t.Helper()
		_, err := l.Write([]byte(text))
		require.NoError(t, err)
	}
	write("=== RUN TestX\nPA")
	write("SS\n    PASS\n")
	require.Empty(t, shown.String())
	l.show(&shown)
	require.Equal(t, "=== RUN TestX\n    PASS\n", shown.String())
	write("\x16FAIL\npanic: x")
	require.Equal(t, "=== RUN TestX\n    PASS\n", shown.String())
	l.end()
	require.Equal(t, "=== RUN TestX\n    PASS\npanic: x", shown.String())
}
