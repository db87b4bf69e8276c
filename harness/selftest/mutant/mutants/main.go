// Command mutants plants errors in the packages that decide, and says which of them their tests do not see. It is a
// tool of developers:
//
//	go run ./harness/selftest/mutant/mutants [-most 150] [-seed 1] [-shard 1/2] [-out FILE] [-docs FILE] [PACKAGE…]
//
// What was tried before is in the file of outcomes and is not tried again while the package is as it was, so that an
// interrupted call goes on. With -docs, and when all packages were tried, the table for people is written. Exit status:
// 0 all is well; 1 too few are killed, a survivor is not listed, or one is listed that does not exist; 2 the command
// line is wrong; 130 interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/selftest/mutant"
)

type options struct {
	most          int
	seed          uint64
	shard, shards int
	workers       int
	out, docs     string
	only          []string
	machine       bool
	report        bool
	list          bool
}

func main() { os.Exit(command()) }

// command carries out the command line and returns its exit status.
func command() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants: error:", err)
		return 2
	}
	good, err := run(ctx, o)
	switch {
	case ctx.Err() != nil:
		return 130
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants: error:", err)
		return 1
	case !good:
		return 1
	}
	return 0
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("mutants", flag.ContinueOnError)
	f.IntVar(&o.most, "most", 150, "mutants of each package; 0 is all of them")
	f.Uint64Var(&o.seed, "seed", 1, "draws the mutants")
	shard := f.String("shard", "", "try only each Nth package, from the Ith on")
	f.IntVar(&o.workers, "j", 2, "mutants at a time")
	f.StringVar(&o.out, "out", filepath.Join("results", "runs", "mutants.jsonl"),
		"file of outcomes; what is there is not tried again")
	f.StringVar(&o.docs, "docs", "", "write the table for people into this file")
	f.BoolVar(&o.machine, "machine", false, "also try those whose tests boot virtual machines")
	f.BoolVar(&o.report, "report", false, "try nothing, only say what is known")
	f.BoolVar(&o.list, "list", false, "list the mutants")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.shard, o.shards = 1, 1
	if *shard != "" {
		if _, err := fmt.Sscanf(*shard, "%d/%d", &o.shard, &o.shards); err != nil || o.shard < 1 || o.shard > o.shards {
			return o, fmt.Errorf("-shard %s: write it as 1/4", *shard)
		}
	}
	for _, p := range f.Args() {
		o.only = append(o.only, strings.TrimSuffix(strings.TrimPrefix(p, "./"), "/"))
	}
	return o, nil
}

func run(ctx context.Context, o options) (good bool, err error) {
	root, err := os.Getwd()
	if err != nil {
		return false, err
	}
	excuses, err := mutant.Listed()
	if err != nil {
		return false, err
	}
	known, err := mutant.Read(o.out)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return false, err
	}
	file, err := os.OpenFile(o.out, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	good = true
	var tallies []mutant.Tally
	for i, t := range mutant.Targets() { // a package is in one shard as a whole, since its share counts
		if len(o.only) > 0 && !slices.Contains(o.only, t.Dir) || i%o.shards != o.shard-1 {
			continue
		}
		list, err := mutant.Find(root, t)
		if err != nil {
			return false, err
		}
		sum, err := mutant.Sum(root, t)
		if err != nil {
			return false, err
		}
		var outcomes map[string]mutant.Outcome
		if outcomes, err = o.try(ctx, root, t, list, sum, known, file); err != nil {
			return false, err
		}
		tally := mutant.Count(t, list, outcomes, excuses)
		tell(&tally)
		tallies = append(tallies, tally)
		good = good && (tally.Good() || tally.Tried == 0)
	}
	if o.docs != "" && len(o.only) == 0 && o.shards == 1 {
		var b strings.Builder
		if err := mutant.Markdown(&b, tallies, excuses); err != nil {
			return false, err
		}
		if err := atomicfile.File(o.docs, []byte(b.String())); err != nil {
			return false, err
		}
	}
	return good, nil
}

// try tries the mutants of a target that were drawn and are not known, and returns what is known then.
func (o *options) try(ctx context.Context, root string, t mutant.Target, list []mutant.Mutant, sum string,
	known map[string]mutant.Outcome, file *os.File) (map[string]mutant.Outcome, error) {
	outcomes := map[string]mutant.Outcome{}
	var left []mutant.Mutant
	for _, m := range mutant.Choose(list, o.seed, o.most) {
		if was, ok := known[m.Key()]; ok && was.Sum == sum {
			outcomes[m.Key()] = was
		} else {
			left = append(left, m)
		}
	}
	if o.list {
		for _, m := range left {
			fmt.Printf("%d\t%s\n", m.Line, m.Key())
		}
		return outcomes, nil
	}
	if o.report || t.Machine && !o.machine {
		return outcomes, nil
	}
	lab := mutant.Lab{Root: root, Workers: o.workers}
	began, done := time.Now(), 0
	var failed error
	lab.Tell = func(r mutant.Outcome) {
		done++
		outcomes[r.Key] = r
		line, err := json.Marshal(r)
		if err == nil {
			_, err = file.Write(append(line, '\n'))
		}
		failed = errors.Join(failed, err)
		if done%20 == 0 || done == len(left) {
			fmt.Fprintf(os.Stderr, "%s: %d of %d, %s\n", t.Name(), done, len(left), time.Since(began).Round(time.Second))
		}
	}
	_, err := lab.Try(ctx, t, left, sum)
	return outcomes, errors.Join(err, failed)
}

// tell says how a target did.
func tell(t *mutant.Tally) {
	if t.Tried == 0 {
		fmt.Printf("%s: none of %d mutants tried\n", t.Target.Name(), t.Found)
		return
	}
	fmt.Printf("%s: %d of %d mutants tried, %d killed, %.1f %%; %d survivors are listed, %d are not; %d did not compile\n",
		t.Target.Name(), t.Tried, t.Found, t.Killed,
		100*t.Share(), len(t.Excused), len(t.Bare), t.Unviable)
	for _, o := range t.Bare {
		fmt.Printf("  survives and is not listed, line %d (%s): %s\n", o.Line, o.Status, o.Key)
	}
	for _, key := range t.Stale {
		fmt.Printf("  is listed and does not exist: %s\n", key)
	}
	for _, key := range t.Mended {
		fmt.Printf("  is listed and killed, take it out: %s\n", key)
	}
}
