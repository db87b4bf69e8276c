// Command program is what tests of programs in nodes run: its first argument says what it does.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var acts = map[string]func(args []string){
	"wait": func([]string) { fmt.Println("waiting"); wait() },
	"exit": exit,
	"signal": func(args []string) {
		pause(args[1])
		_ = syscall.Kill(os.Getpid(), syscall.Signal(number(args[0])))
		wait()
	},
	"panic":   func([]string) { panic("out of patience") },
	"obey":    obey,
	"deaf":    func([]string) { signal.Ignore(syscall.SIGTERM, syscall.SIGINT); fmt.Println("deaf"); wait() },
	"flood":   flood,
	"fork":    fork,
	"fill":    fill,
	"eat":     eat,
	"busy":    busy,
	"leave":   leave,
	"look":    look,
	"listen":  listen,
	"late":    func(args []string) { pause(args[0]); listen(args[1:]) },
	"need":    need,
	"front":   front,
	"unix":    serveUnix,
	"dial":    dial,
	"write":   func(args []string) { try("write "+args[0], os.WriteFile(args[0], []byte(args[1]), 0o644)); wait() },
	"read":    func(args []string) { text, err := os.ReadFile(args[0]); try("read "+string(text), err) },
	"devices": devices,
	"hostile": hostile,
	"entropy": entropy,
}

func main() {
	act, ok := acts[os.Args[1]]
	if !ok {
		panic("no act " + os.Args[1])
	}
	act(os.Args[2:])
}

func try(what string, err error) {
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	fmt.Printf("%s: %s\n", what, text)
}

// wait for ever, which to the runtime must not look like a deadlock.
func wait() {
	for {
		time.Sleep(time.Hour)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func pause(text string) {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	time.Sleep(d)
}

// exit STATUS AFTER TEXT…
func exit(args []string) {
	pause(args[1])
	fmt.Fprintln(os.Stderr, strings.Join(args[2:], " "))
	os.Exit(number(args[0]))
}

// obey waits for the signal and says which it was.
func obey([]string) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	fmt.Println("got", <-c)
}

// flood BYTES: in lines, and one line without an end.
func flood(args []string) {
	line := []byte(strings.Repeat("x", 99) + "\n")
	for left := number(args[0]); left > 0; left -= len(line) {
		_, _ = os.Stdout.Write(line)
	}
	_, _ = os.Stdout.Write([]byte(strings.Repeat("y", 10_000) + "\nthe end\n"))
	wait()
}

// fork starts itself again and again, and what it has started does so too.
func fork([]string) {
	for {
		c := exec.Command("/proc/self/exe", "fork")
		if c.Start() != nil {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// fill DIRECTORY until it is full, and say what became of that. Then make room.
func fill(args []string) {
	name := path.Join(args[0], "full")
	f, err := os.Create(name)
	if err == nil {
		_, err = io.Copy(f, zeros{})
		f.Close()
	}
	try("fill", err)
	if len(args) == 1 {
		try("remove", os.Remove(name))
	}
	wait()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// eat memory until something happens.
func eat([]string) {
	var all [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		all = append(all, block)
		if len(all)%64 == 0 {
			fmt.Println(len(all), "MiB")
		}
	}
}

// busy N: burn CPU in as many threads.
func busy(args []string) {
	for range number(args[0]) {
		go func() {
			for {
			}
		}()
	}
	wait()
}

// leave a child behind, which gets output of its own into the same pipe.
func leave([]string) {
	c := exec.Command("/proc/self/exe", "exit", "0", "100ms", "left", "behind")
	c.Stderr = os.Stderr
	try("leave", c.Start())
}

// look says where this process finds itself.
func look([]string) {
	for _, e := range os.Environ() {
		fmt.Println("env", e)
	}
	dir, err := os.Getwd()
	try("dir "+dir, err)
	groups, err := os.Getgroups()
	try(fmt.Sprint("ids ", os.Getuid(), os.Geteuid(), os.Getgid(), groups), err)
	host, err := os.Hostname()
	try("host "+host, err)
	hosts, err := os.ReadFile("/etc/hosts")
	for line := range strings.Lines(string(hosts)) {
		fmt.Print("hosts ", line)
	}
	try("hosts", err)
	fds, err := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			kind, _, _ := strings.Cut(target, ":")
			fmt.Println("fd", fd.Name(), kind)
		}
	}
	try("fds", err)
	status, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "SigIgn") || strings.HasPrefix(line, "SigBlk") {
			fmt.Print(line)
		}
	}
	try("status", err)
	score, err := os.ReadFile("/proc/self/oom_score_adj")
	try("score "+strings.TrimSpace(string(score)), err)
	slack, err := os.ReadFile("/proc/self/timerslack_ns")
	try("slack "+strings.TrimSpace(string(slack)), err)
	fmt.Println("args", os.Args[2:])
	if len(os.Args) > 3 {
		pause(os.Args[3])
	}
}

// listen PORT, answer each connection with a page.
func listen(args []string) {
	l, err := net.Listen("tcp", ":"+args[0])
	try("listen", err)
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 4096)
			if _, err := c.Read(buf); err == nil {
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
			}
		}()
	}
}

// need ADDRESS PORT: ends if nothing listens there, and listens itself otherwise.
func need(args []string) {
	c, err := net.DialTimeout("tcp", args[0], time.Second)
	try("need", err)
	if err != nil {
		os.Exit(1)
	}
	c.Close()
	listen(args[1:])
}

// front PORT ADDRESS: a web server that has a page only if something listens there, and says which it gave.
func front(args []string) {
	l, err := net.Listen("tcp", ":"+args[0])
	try("listen", err)
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		_, _ = c.Read(make([]byte, 4096))
		status := "200 OK"
		if behind, err := net.DialTimeout("tcp", args[1], time.Second); err != nil {
			status = "500 Internal Server Error"
		} else {
			behind.Close()
		}
		fmt.Println("page", status)
		fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
		c.Close()
	}
}

// serveUnix PATH: says hello to whoever comes.
func serveUnix(args []string) {
	l, err := net.Listen("unix", args[0])
	try("listen", err)
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		fmt.Fprint(c, "hello")
		c.Close()
	}
}

// dial NETWORK ADDRESS and say what comes.
func dial(args []string) {
	c, err := net.DialTimeout(args[0], args[1], time.Second)
	if err != nil {
		try("dial", err)
		return
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if args[0] == "tcp" {
		fmt.Fprint(c, "GET / HTTP/1.1\r\n\r\n")
	}
	text, err := io.ReadAll(c)
	try("dial "+strings.TrimSpace(string(text)), err)
}
