package status

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
)

// server plays a program: act gets each question, and a connection's number and the question's on it.
func server(t *testing.T, kind string, act func(c *os.File, connection, question int)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	require.NoError(t, unix.Listen(fd, 8))
	done := make(chan struct{})
	l, _ := speaker(t, kind)
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if err != nil {
				return
			}
			c := os.NewFile(uintptr(conn), "client")
			buf := make([]byte, len(l.question()))
			for k := 0; ; k++ {
				if _, err := io.ReadFull(c, buf); err != nil {
					break
				}
				act(c, i, k)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		<-done
		unix.Close(fd)
	})
	return path
}

func reader(t *testing.T, kind, path string) *Reader {
	t.Helper()
	r, err := NewReader(Source{Program: "p", Kind: kind, Socket: path}, 20)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

// follow makes readings one by one, with more patience than any machine needs.
func follow(r *Reader, readings int) Log {
	for range readings {
		r.Follow([]int64{agent.Now()}, time.Minute)
	}
	return r.Log()
}

func TestReadingsTakeOffWhatIsTheirOwn(t *testing.T) {
	path := server(t, "nginx", func(c *os.File, _, _ int) { _, _ = c.WriteString(stubAnswer(stubText)) })
	r := reader(t, "nginx", path)
	r.Open()
	log := follow(r, 3)
	require.Empty(t, log.Missing)
	// The program says the same each time, so what is its own seems to be less by one with each reading.
	require.Equal(t, [][]int64{{4, 1, 1, 3, 15, 14, 29}, {4, 1, 1, 3, 15, 14, 28}, {4, 1, 1, 3, 15, 14, 27}}, log.Rows)
	require.Zero(t, log.Gaps)
}

// A program that hangs has gaps, also where its late answer comes, and goes on after that.
func TestAHangIsAGap(t *testing.T) {
	wake := make(chan struct{})
	path := server(t, "fpm", func(c *os.File, _, question int) {
		if question == 2 { // the second reading
			<-wake
		}
		_, _ = c.WriteString(fpmAnswer(fpmText))
	})
	r := reader(t, "fpm", path)
	r.Open()
	follow(r, 1)
	r.Follow([]int64{agent.Now()}, time.Millisecond)
	close(wake)
	log := follow(r, 3)
	require.Len(t, log.Rows, 5)
	for i, there := range []bool{true, false, false, true, true} {
		require.Equal(t, there, log.Rows[i] != nil, "reading %d", i)
	}
	require.Equal(t, 2, log.Gaps)
	require.Equal(t, "no answer before the next reading", log.Because)
}

func TestAProgramThatClosesIsAskedAgain(t *testing.T) {
	closed := make(chan struct{})
	path := server(t, "redis", func(c *os.File, connection, question int) {
		switch {
		case connection == 0 && question == 2:
			_, _ = c.WriteString(redisReplies()[:20])
			_ = unix.Shutdown(int(c.Fd()), unix.SHUT_RDWR)
		case connection == 1 && question == 1: // between two readings
			_, _ = c.WriteString(redisReplies())
			_ = unix.Shutdown(int(c.Fd()), unix.SHUT_RDWR)
			close(closed)
		default:
			_, _ = c.WriteString(redisReplies())
		}
	})
	r := reader(t, "redis", path)
	r.Open()
	follow(r, 4)
	<-closed
	log := follow(r, 1)
	require.Equal(t, 1, log.Gaps)
	require.Nil(t, log.Rows[1])
	require.Equal(t, "the program closed the connection", log.Because)
	require.EqualValues(t, 3, r.made)
}

func TestAnAbsentStatusIsTold(t *testing.T) {
	r := reader(t, "redis", filepath.Join(t.TempDir(), "nothing"))
	r.Open()
	require.Equal(t, "nothing listens on its socket", follow(r, 3).Missing)
	require.Empty(t, r.Log().Rows)

	path := server(t, "redis", func(c *os.File, _, _ int) { _, _ = c.WriteString("-NOAUTH no\r\n") })
	r = reader(t, "redis", path)
	r.Open()
	require.Contains(t, r.Log().Missing, "NOAUTH")
}

func TestMoments(t *testing.T) {
	require.Equal(t, []int64{5, 8, 11, 14, 15}, Moments(5, 10, 3))
	require.Equal(t, []int64{5, 10, 15}, Moments(5, 10, 5))
}
