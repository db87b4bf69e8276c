package vmtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// order is what the host asks of a guest.
type order struct {
	Args []string `json:"args"`
	Env  []string `json:"env"`
	// Cover says that a coverage profile is wanted as output.
	Cover bool `json:"cover"`
}

// orders are what the host asks of all guests.
type orders struct {
	list     []order
	profile  string // path of the coverage profile, if one is wanted
	failFast bool
	chatty   string // what testing puts before lines that test2json is to read
}

// lists reports whether the names of tests are asked for, which takes no guest.
func lists() bool { return value("test.list") != "" }

// value is that of a flag of package testing.
func value(name string) string {
	if f := flag.Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// readOrders makes an order for each test that was asked for, and one for all benchmarks. What cannot be
// told apart has one guest for everything: a coverage profile would have to be merged, and a fuzzer has workers.
func readOrders(ctx context.Context) (*orders, error) {
	o := &orders{failFast: value("test.failfast") == "true"}
	if value("test.v") == "test2json" {
		o.chatty = "\x16"
	}
	all, err := o.rewrite()
	if err != nil {
		return nil, err
	}
	if all.Cover || value("test.fuzz") != "" {
		o.list = []order{all}
		return o, nil
	}
	first, below, _ := strings.Cut(value("test.run"), "/")
	names, err := tests(ctx, first)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		pattern := "^" + name + "$"
		if below != "" {
			pattern += "/" + below
		}
		o.list = append(o.list, all.with("run", pattern, "bench", ""))
	}
	if value("test.bench") != "" {
		o.list = append(o.list, all.with("run", "^$"))
	}
	return o, nil
}

// rewrite is the order to run everything: the flags, and the variables that tests read. Flags that name files of the
// host are left out, or name some of the guest.
func (o *orders) rewrite() (order, error) {
	all := order{}
	outDir := ""
	var refused error
	flag.Visit(func(f *flag.Flag) {
		value := f.Value.String()
		switch f.Name {
		case "test.coverprofile":
			o.profile, all.Cover = value, value != ""
			value = guestProfile
		case "test.outputdir":
			outDir = value
			return
		case "test.gocoverdir", "test.testlogfile":
			return
		case "test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace":
			if value != "" {
				refused = problem.Wrap(problem.Usage, fmt.Errorf("-%s does not reach out of the guest", f.Name),
					"leave it out, or profile on the host")
			}
		}
		all.Args = append(all.Args, "-"+f.Name+"="+value)
	})
	all.Args = append(all.Args, flag.Args()...)
	if o.profile != "" && !filepath.IsAbs(o.profile) {
		o.profile = filepath.Join(outDir, o.profile)
	}
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "RULEOUT_TEST_") {
			all.Env = append(all.Env, e)
		}
	}
	return all, refused
}

// with is an order with other values of some of testing's flags.
func (o order) with(pairs ...string) order {
	var args []string
	given := map[string]bool{}
	for i := 0; i < len(pairs); i += 2 {
		flag := "-test." + pairs[i]
		args, given[flag] = append(args, flag+"="+pairs[i+1]), true
	}
	for _, arg := range o.Args {
		if flag, _, _ := strings.Cut(arg, "="); !given[flag] {
			args = append(args, arg)
		}
	}
	return order{Args: args, Env: o.Env}
}

// tests are the names of the tests and examples that match a pattern and are not to be skipped, as the
// binary itself lists them.
func tests(ctx context.Context, pattern string) (list []string, err error) {
	if pattern == "" {
		pattern = "."
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.list="+pattern)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests: %w", errors.Join(err, errors.New(strings.TrimSpace(stderr.String()))))
	}
	var skip *regexp.Regexp
	if s := value("test.skip"); s != "" && !strings.Contains(s, "/") {
		if skip, err = regexp.Compile(s); err != nil {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("-test.skip: %w", err), "it is a regular expression")
		}
	}
	for name := range strings.FieldsSeq(string(out)) {
		if !strings.HasPrefix(name, "Benchmark") && (skip == nil || !skip.MatchString(name)) {
			list = append(list, name)
		}
	}
	return list, nil
}
