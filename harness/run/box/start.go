package box

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
)

// program is one program of the box, and what became of it.
type program struct {
	scenario.Program
	client  bool
	pid     int    // 0 while it does not run
	group   int    // of the processes that it was the first of, also after its end; 0 for none
	over    bool   // it is not to be started again
	path    []byte // of Ready, with a zero byte
	out     output
	outcome Outcome
}

// searchPath is where programs are looked for whose image does not say.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment of a program: the usual, then the image's, then its own.
func (p *program) environment(d *protocol.Defaults, node string, id identity, seed string) []string {
	env := map[string]string{
		"PATH": searchPath, "HOME": id.home, "USER": id.name, "LANG": "C.UTF-8", "TZ": "UTC", "HOSTNAME": node,
	}
	if seed != "" {
		env["RULEOUT_SEED"] = seed
	}
	for _, text := range d.Env {
		if key, value, ok := strings.Cut(text, "="); ok {
			env[key] = value
		}
	}
	maps.Copy(env, p.Env)
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}

// find returns the file of a command as a shell would find it.
func find(command string, env []string) (string, error) {
	if strings.Contains(command, "/") {
		return command, nil
	}
	dirs := searchPath
	for _, e := range env {
		if text, ok := strings.CutPrefix(e, "PATH="); ok {
			dirs = text
		}
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		files, err := filepath.Glob(path.Join("/", dir, command)) // in order
		if err != nil {
			return "", problem.Wrap(problem.Usage, fmt.Errorf("%s is no pattern of a program", command), "")
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
				return file, nil
			}
		}
	}
	return "", problem.Wrap(problem.Usage, fmt.Errorf("the image has no program %s in %s", command, dirs),
		"add its package to the image, or give the whole path")
}

// start starts the program. The calling thread is confined, and its children are so too.
func (b *box) start(p *program) error {
	dir := cmp.Or(p.Dir, b.config.Image.Dir, "/")
	id, err := identify("/etc", cmp.Or(p.User, b.config.Image.User))
	if err != nil {
		return problem.Wrap(problem.Usage, err, "give a user of the image, or a number")
	}
	env := p.environment(&b.config.Image, b.config.Node, id, b.seed)
	file, err := find(p.Command[0], env)
	if err != nil {
		return err
	}
	if err := makeDirs(p.Dirs, id); err != nil {
		return err
	}
	input, err := b.input(p.Stdin)
	if err != nil {
		return err
	}
	defer input.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outW.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		outR.Close()
		return err
	}
	defer errW.Close()
	// Its child inherits how willing the kernel is to end this process (copy_signal in kernel/fork.c).
	if err := b.own.mortal(ordinary); err != nil {
		return err
	}
	pid, err := syscall.ForkExec(file, p.Command, &syscall.ProcAttr{
		Dir: dir, Env: env,
		Files: []uintptr{input.Fd(), outW.Fd(), errW.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true,
			Credential: &syscall.Credential{Uid: id.uid, Gid: id.gid, Groups: id.groups}},
	})
	err = errors.Join(err, b.own.mortal(never))
	if err != nil {
		outR.Close()
		errR.Close()
		return explain(file, dir, err)
	}
	b.number(p, pid)
	o := &p.outcome
	o.Started, o.Ended, o.Exit, o.Signal, o.OOM = agent.Now(), 0, 0, "", false
	go p.out.follow(outR, false)
	go p.out.follow(errR, true)
	return nil
}

// number notes the process of a program that has started. If another program had that number before, all of its group
// are gone, and it must not be ended as that.
func (b *box) number(p *program, pid int) {
	for _, other := range b.programs {
		if other.group == pid {
			other.group = 0
		}
	}
	p.pid, p.group = pid, pid
}

// makeDirs makes the directories of a program, owned by its user; those above them are root's.
func makeDirs(dirs []string, id identity) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make its directory: %w", err)
		}
		if err := os.Chown(dir, int(id.uid), int(id.gid)); err != nil {
			return fmt.Errorf("make its directory: %w", err)
		}
	}
	return nil
}

// input is a program's standard input: the files, one after the other. It has a descriptor of its own.
func (b *box) input(files []string) (*os.File, error) {
	if len(files) == 0 {
		return os.Open("/dev/null")
	}
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make its standard input: %w", err)
	}
	all := os.NewFile(uintptr(fd), "stdin")
	var found []string
	for _, pattern := range files {
		list, err := filepath.Glob(pattern) // in order
		if err != nil || len(list) == 0 {
			list = []string{pattern} // which is not there, and Open says so
		}
		found = append(found, list...)
	}
	for _, name := range found {
		f, err := os.Open(name)
		if err != nil {
			all.Close()
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("its standard input: %w", err), "the path is one in the image")
		}
		_, err = io.Copy(all, f)
		f.Close()
		if err != nil {
			all.Close()
			return nil, fmt.Errorf("make its standard input: %w", err)
		}
	}
	if _, err := all.Seek(0, io.SeekStart); err != nil {
		all.Close()
		return nil, err
	}
	return all, nil
}

// explain says why a program could not be started.
func explain(file, dir string, err error) error {
	usage := func(text, hint string) error { return problem.Wrap(problem.Usage, errors.New(text), hint) }
	if info, e := os.Stat(dir); e != nil || !info.IsDir() {
		return usage(fmt.Sprintf("the image has no directory %s to start in", dir), "")
	}
	info, missing := os.Stat(file)
	switch {
	case missing != nil:
		return usage(fmt.Sprintf("the image has no program %s", file), "add its package or its file to the image")
	case info.IsDir():
		return usage(file+" is a directory", "")
	case errors.Is(err, unix.EACCES):
		return usage(fmt.Sprintf("%s is not executable (mode %v), or not by this user", file, info.Mode().Perm()),
			"chmod +x the file on the host")
	case errors.Is(err, unix.ENOENT):
		return usage(fmt.Sprintf("what interprets %s is missing in the image%s", file, interpreter(file)),
			"for a dynamic program, add the package libc6; for a script, that of its interpreter")
	case errors.Is(err, unix.ENOEXEC):
		return usage(fmt.Sprintf("%s is no program for x86-64, and no script with #!", file), "")
	}
	return fmt.Errorf("start %s: %w", file, err)
}

// interpreter names what a script asks for in its first line.
func interpreter(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	if text, ok := strings.CutPrefix(line, "#!"); ok {
		return ": " + strings.TrimSpace(text)
	}
	return ""
}
