package image

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// searchPath is where programs are looked for if the image does not say.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// libraryDirs is where glibc's dynamic linker looks for libraries without a cache; musl looks in others of them.
var libraryDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib",
	"/usr/local/lib", "/usr/lib"}

// Check says what a program lacks to run in the image, without running it: the file itself, the right to be executed,
// the interpreter of a script, the dynamic linker, a library, the right processor. It returns nil if nothing lacks
// that can be told. A name without a slash is looked up as a shell does it.
//
// What a program opens when it runs, plugins and modules for example, cannot be told.
func (i *Image) Check(program string) error {
	_, err := i.Look(program)
	return err
}

// Look is [Image.Check], and returns the program's path in the image.
func (i *Image) Look(program string) (string, error) {
	l, err := i.Looker()
	if err != nil {
		return "", err
	}
	where, _, err := l.Look(program, nil)
	return where, err
}

// checker looks at a program in a tree.
type checker struct {
	tree  *tree
	names map[string]bool // of all files
	env   []string
	level int // that what was looked at needs
}

func (c *checker) look(program string) (string, error) {
	where, err := c.find(program)
	if err == nil {
		err = c.runnable(where, 0)
	}
	return where, err
}

// find returns where a program is.
func (c *checker) find(program string) (string, error) {
	if strings.Contains(program, "/") {
		if !path.IsAbs(program) {
			return "", usage(fmt.Errorf("program %s: it is neither an absolute path nor a bare name", program),
				"write the path in the image")
		}
		if n := c.tree.get(program); n == nil {
			return "", usage(fmt.Errorf("program %s is not in the image%s", program, c.near(program)),
				"add the package that has it, or the file")
		}
		return program, nil
	}
	for _, dir := range c.dirs() {
		for _, name := range c.fitting(dir, program) {
			if n := c.tree.get(name); n != nil && n.kind == 'f' && n.mode&0o111 != 0 {
				return name, nil
			}
		}
	}
	return "", usage(fmt.Errorf("program %s is not in the image%s", program, c.near("/usr/bin/"+program)),
		"add the package that has it, or the file")
}

// fitting are the paths in a directory that a name fits which may have a star, in order.
func (c *checker) fitting(dir, name string) (list []string) {
	if !strings.ContainsAny(name, "*?[") {
		return []string{dir + "/" + name}
	}
	n := c.tree.get(dir)
	if n == nil || n.kind != 'd' {
		return nil
	}
	for _, child := range slices.Sorted(maps.Keys(n.children)) {
		if ok, _ := path.Match(name, child); ok {
			list = append(list, dir+"/"+child)
		}
	}
	return list
}

// dirs are those of PATH.
func (c *checker) dirs() []string {
	if list := c.list("PATH"); list != nil {
		return list
	}
	return strings.Split(searchPath, ":")
}

// list are the absolute paths in a variable of the environment; nil if it is not there.
func (c *checker) list(variable string) (list []string) {
	for _, e := range c.env { // a later one counts
		if value, ok := strings.CutPrefix(e, variable+"="); ok {
			list = slices.DeleteFunc(strings.Split(value, ":"), func(s string) bool { return !path.IsAbs(s) })
		}
	}
	return list
}

// near is the end of a message about a program that is not there: programs of the same or a similar name.
func (c *checker) near(program string) string {
	base := strings.TrimRight(path.Base(program), "*")
	var same, names []string
	byName := map[string]string{}
	for _, dir := range slices.Compact(append([]string{path.Dir(program)}, c.dirs()...)) {
		n := c.tree.get(dir)
		if n == nil || n.kind != 'd' {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			full := path.Join(dir, name)
			if byName[name] != "" {
				continue
			}
			byName[name] = full
			names = append(names, name)
			if name == base || strings.HasPrefix(name, base) && strings.Trim(name[len(base):], "0123456789.-") == "" {
				same = append(same, full)
			}
		}
	}
	if len(same) == 0 {
		if name := spelling.Nearest(base, names); name != "" {
			same = []string{byName[name]}
		}
	}
	if len(same) == 0 {
		return ""
	}
	return "; did you mean " + same[len(same)-1] + "?"
}

func usage(err error, hint string) error { return problem.Wrap(problem.Usage, err, hint) }

// mostInterpreters is how many scripts may be interpreted by another, as in Linux (fs/exec.c).
const mostInterpreters = 5

// runnable finds out what a file lacks to be run.
func (c *checker) runnable(name string, depth int) error {
	n := c.tree.get(name)
	switch {
	case n == nil:
		return usage(fmt.Errorf("program %s is not in the image%s", name, c.near(name)),
			"add the package that has it, or the file")
	case n.kind == 'd':
		return usage(fmt.Errorf("program %s is a directory", name), "name a file")
	case n.mode&0o111 == 0:
		return usage(fmt.Errorf("program %s may not be executed: its mode is %04o", name, n.mode),
			"make the file executable: chmod +x; or name the interpreter as the program")
	case depth > mostInterpreters:
		return usage(fmt.Errorf("program %s: more than %d scripts interpret each other", name, mostInterpreters),
			"name the interpreter as the program")
	case n.data.script != "":
		return c.script(name, n.data.script, depth)
	case n.data.elf == nil:
		return usage(fmt.Errorf("program %s is neither a script, which begins with #!, nor a program of the processor",
			name), "name the interpreter as the program, and the file as its argument")
	}
	return c.elf(name, n.data.elf)
}

// script finds out what a script's interpreter lacks.
func (c *checker) script(name, line string, depth int) error {
	words := strings.Fields(line)
	hint := "add the package that has the interpreter"
	if strings.HasSuffix(line, "\r") {
		return usage(fmt.Errorf("script %s has lines that end in CR LF, so its interpreter would be %q", name, line),
			"convert it: sed -i 's/\\r$//'")
	}
	if len(words) == 0 {
		return usage(fmt.Errorf("script %s names no interpreter", name), "write one behind #!")
	}
	interpreter := words[0]
	if c.tree.get(interpreter) == nil {
		return usage(fmt.Errorf("script %s needs %s, which is not in the image%s", name, interpreter, c.near(interpreter)),
			hint)
	}
	if path.Base(interpreter) == "env" && len(words) > 1 {
		program := words[1]
		if program == "-S" && len(words) > 2 {
			program = words[2]
		}
		if !strings.HasPrefix(program, "-") && !strings.Contains(program, "=") {
			where, err := c.find(program)
			if err != nil {
				return usage(fmt.Errorf("script %s needs %s, which is not in the image%s", name, program,
					c.near("/usr/bin/"+program)), hint)
			}
			return c.runnable(where, depth+1)
		}
	}
	return c.runnable(interpreter, depth+1)
}

// elf finds out which libraries lack.
func (c *checker) elf(name string, e *ELF) error {
	if e.Machine != "" {
		return usage(fmt.Errorf("program %s is for %s, and the guest is x86-64", name, strings.TrimPrefix(e.Machine, "EM_")),
			"build it for linux/amd64")
	}
	if e.Interp != "" {
		if c.tree.get(e.Interp) == nil {
			return usage(fmt.Errorf("program %s needs the dynamic linker %s, which is not in the image", name, e.Interp),
				"add the C library that it was built for (package libc6, or musl), or build it static: CGO_ENABLED=0 with Go")
		}
	}
	var lacking []string
	seen := map[string]bool{}
	type needed struct {
		by    string
		e     *ELF
		paths []string
	}
	for todo := []needed{{name, e, nil}}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		if real, n := c.real(at.by); n != nil {
			at.by = real
		}
		c.level = max(c.level, at.e.Level)
		own := expanded(at.e.Paths, path.Dir(at.by))
		for _, lib := range at.e.Needs {
			if seen[lib] {
				continue
			}
			seen[lib] = true
			where, n := c.library(lib, slices.Concat(own, at.paths, c.list("LD_LIBRARY_PATH")))
			if n == nil && c.elsewhere(lib) {
				continue
			}
			if n == nil {
				lacking = append(lacking, fmt.Sprintf("%s (for %s)", lib, path.Base(at.by)))
				continue
			}
			if n.data.elf != nil {
				// A library's own search path counts for it alone; one of the program's, if it is an RPATH, for all.
				todo = append(todo, needed{where, n.data.elf, slices.Concat(own, at.paths)})
			}
		}
	}
	if len(lacking) > 0 {
		return usage(fmt.Errorf("program %s lacks %s", name, strings.Join(lacking, ", ")),
			"add the packages that have these libraries")
	}
	return nil
}

// real is where a path leads.
func (c *checker) real(name string) (string, *node) {
	n, where, err := c.tree.walk(name, true, false)
	if err != nil || n == nil {
		return name, nil
	}
	return "/" + where, n
}

// expanded are search paths with the directory of the file put in.
func expanded(paths []string, origin string) []string {
	var list []string
	for _, p := range paths {
		p = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin, "$LIB", "lib/x86_64-linux-gnu", "${LIB}",
			"lib/x86_64-linux-gnu").Replace(p)
		list = append(list, p)
	}
	return list
}

// library finds a library where the dynamic linker does.
func (c *checker) library(name string, first []string) (string, *node) {
	if strings.Contains(name, "/") {
		return c.real(name)
	}
	for _, dir := range slices.Concat(first, c.cached(), libraryDirs) {
		if where, n := c.real(path.Join(dir,
			name)); n != nil && n.kind == 'f' && (n.data.elf == nil || n.data.elf.Machine == "") {
			return where, n
		}
	}
	return "", nil
}

// cached are directories that only the linker's cache leads to. What it has is not read: each directory with
// libraries is taken, if there is a cache.
func (c *checker) cached() []string {
	if c.tree.get("/etc/ld.so.cache") == nil {
		return nil
	}
	var dirs []string
	for _, root := range []string{"/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/local/lib", "/opt"} {
		if n := c.tree.get(root); n != nil && n.kind == 'd' {
			for _, name := range slices.Sorted(maps.Keys(n.children)) {
				dirs = append(dirs, root+"/"+name)
			}
		}
	}
	return dirs
}
