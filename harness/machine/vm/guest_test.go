package vm_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm/guest"
)

// The test binary is the guest's init too.
func TestMain(m *testing.M) {
	switch {
	case guest.IsInit():
		guest.Main(testGuest, func() error { warmed = true; return nil })
	case os.Getenv(envParent) != "":
		parentMain() // a process that is killed with a clone under way
	case os.Getenv(envReplaced) != "":
		replacedMain() // a process whose program is replaced
	case len(os.Args) > 1 && os.Args[1] == "child":
		if err := exec.Command("/proc/self/exe", "grandchild").Start(); err != nil {
			panic(err)
		}
		os.Exit(0)
	case len(os.Args) > 1 && os.Args[1] == "grandchild":
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var warmed bool

// job is the payload of test clones.
type job struct {
	Do   string
	Size int    `json:",omitempty"`
	Fill string `json:",omitempty"`
}

func (j job) payload() []byte {
	b, err := json.Marshal(j)
	if err != nil {
		panic(err)
	}
	return b
}

// testGuest is what happens in clones.
func testGuest(ctx context.Context, payload []byte, out guest.Host) int {
	var j job
	if err := json.Unmarshal(payload, &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	f, ok := jobs[j.Do]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such job:", j.Do)
		return 98
	}
	if err := f(j, out); err != nil {
		var status statusError
		if errors.As(err, &status) {
			return int(status)
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type statusError int

func (statusError) Error() string { return "a status was asked for" }

var jobs = map[string]func(job, io.Writer) error{
	"nothing": func(job, io.Writer) error { return nil },
	"status":  func(j job, _ io.Writer) error { return statusError(j.Size) },
	"echo": func(j job, out io.Writer) error {
		_, err := io.WriteString(out, j.Fill)
		return err
	},
	"hash init": func(_ job, out io.Writer) error {
		data, err := os.ReadFile("/init")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "sha256:%x", sha256.Sum256(data))
		return err
	},
	"length": func(j job, out io.Writer) error {
		_, err := fmt.Fprintf(out, "%d %x", len(j.Fill), sha256.Sum256([]byte(j.Fill)))
		return err
	},
	"output": func(j job, out io.Writer) error {
		_, err := out.Write(bytes.Repeat([]byte("0123456789abcdef"), j.Size/16))
		return err
	},
	"sleep": func(j job, out io.Writer) error {
		began := time.Now()
		time.Sleep(time.Duration(j.Size) * time.Second)
		_, err := fmt.Fprint(out, time.Since(began).Round(time.Second))
		return err
	},
	"mixed": func(_ job, out io.Writer) error {
		for _, part := range []string{"first ", strings.Repeat("long ", 10_000), "last"} {
			if _, err := io.WriteString(out, part); err != nil {
				return err
			}
		}
		return nil
	},
	"say, then busy": func(_ job, out io.Writer) error {
		fmt.Fprintln(out, "begun")
		return spin()
	},
	"log": func(j job, _ io.Writer) error {
		fmt.Println("on standard output")
		fmt.Fprintln(os.Stderr, "on standard error")
		return nil
	},
	"kernel panic": func(job, io.Writer) error {
		return os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	},
	"go panic": func(job, io.Writer) error { panic("a defect in the guest") },
	"killed":   func(job, io.Writer) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) },
	"busy": func(job, io.Writer) error {
		fmt.Println("round and round")
		return spin()
	},
	"idle": func(job, io.Writer) error {
		fmt.Println("waiting")
		time.Sleep(math.MaxInt64)
		return nil
	},
	"environment": environment,
	"orphans":     orphans,
	"random":      random,
	"net":         traffic,
	"attach":      attach,
	"freeze":      func(_ job, out io.Writer) error { _, err := out.(guest.Host).Freeze(); return err },
}

func spin() error {
	for i := 0; ; i++ {
		if i < 0 {
			return nil
		}
	}
}

// open keeps files open that would otherwise be closed as garbage.
var open []*os.File

// attach hands over files of a memory file system and says a word.
func attach(j job, out io.Writer) error {
	for i, size := range []int{j.Size, 0, 5000} {
		f, err := os.Create(fmt.Sprint("/tmp/attachment", i))
		if err != nil {
			return err
		}
		open = append(open, f)
		if _, err := f.Write(bytes.Repeat([]byte{byte('a' + i)}, size)); err != nil {
			return err
		}
		if err := out.(guest.Host).Attach(fmt.Sprint("file ", i), int(f.Fd()), 0, int64(size)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, j.Fill)
	return err
}

// environment prints what the guest finds itself in.
func environment(_ job, out io.Writer) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	fmt.Fprintln(out, "warmed:", warmed)
	fmt.Fprintln(out, "pid is 1:", os.Getpid() == 1)
	fmt.Fprintln(out, "files:", limit.Cur >= 1<<16)
	for _, file := range []string{"/sys/fs/cgroup/cgroup.controllers", "/sys/kernel/tracing/trace_clock", "/sys/fs/bpf",
		"/proc/pressure/cpu",
		"/sys/kernel/btf/vmlinux", "/dev/null", "/etc/test/greeting"} {
		_, err := os.Stat(file)
		fmt.Fprintln(out, file+":", err == nil)
	}
	control, err := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "controllers:", strings.TrimSpace(string(control)))
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "lo up:", lo.Flags&net.FlagUp != 0)
	modules, err := os.ReadFile("/proc/modules")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "netem:", strings.Contains(string(modules), "sch_netem"))
	if err := os.WriteFile("/tmp/file", nil, 0o600); err != nil {
		return err
	}
	host, err := os.Hostname()
	fmt.Fprintln(out, "host:", host)
	return err
}

// orphans leaves grandchildren without a parent, waits for children, and looks for zombies.
func orphans(j job, out io.Writer) error {
	for range j.Size {
		if err := exec.Command("/proc/self/exe", "child").Run(); err != nil {
			return fmt.Errorf("wait for a child: %w", err)
		}
	}
	// A grandchild that was not reaped keeps its place in /proc.
	for {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			return err
		}
		left := 0
		for _, stat := range stats {
			if text, err := os.ReadFile(stat); err == nil && strings.Contains(string(text), "(exe)") &&
				!strings.HasPrefix(string(text), fmt.Sprint(os.Getpid(), " ")) {
				left++
			}
		}
		if left <= 1 { // the supervisor goes by another name, the worker by this one
			_, err := io.WriteString(out, "no zombies")
			return err
		}
		runtime.Gosched()
	}
}

func random(_ job, out io.Writer) error {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%x", b)
	return err
}

func init() { jobs["prepare"] = prepare } // it calls the others

// prepare does something, has the machine frozen, and goes on with the job of each clone.
func prepare(j job, out io.Writer) error {
	fmt.Fprintln(out, "preparing", j.Fill)
	if err := traffic(job{Size: j.Size}, io.Discard); err != nil {
		return err
	}
	payload, err := out.(guest.Host).Freeze()
	if err != nil {
		return err
	}
	var next job
	if err := json.Unmarshal(payload, &next); err != nil {
		return err
	}
	return jobs[next.Do](next, out)
}

// traffic is something with timers, the network stack and the Go scheduler in it, whose
// timings are the output.
func traffic(j job, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					time.Sleep(time.Duration(len(line)) * 37 * time.Microsecond)
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	for i := range j.Size {
		began := time.Now()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		fmt.Fprintln(c, strings.Repeat("x", i%100))
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			return err
		}
		_ = c.Close()
		fmt.Fprintln(out, c.LocalAddr().(*net.TCPAddr).Port, time.Since(began).Nanoseconds())
	}
	return nil
}
