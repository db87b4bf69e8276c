// Command ruleout is a reproducible network-fault test harness.
//
// It has flags and printing only. The work is in the packages under harness. Another program, ruleout-guest, acts
// in a run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/verdict/input"
)

// cli is the command line.
type cli struct {
	Run     runCmd     `cmd:"" help:"Run a scenario once: stream events, print the report, check the expectations."`
	Plan    planCmd    `cmd:"" help:"Show what a run of a scenario would do, or what a campaign would cost, without running it."`
	Replay  replayCmd  `cmd:"" help:"Repeat a recorded run and compare it to the bit."`
	Sweep   sweepCmd   `cmd:"" help:"Test the hypotheses of a campaign and print the verdicts."`
	Verdict verdictCmd `cmd:"" help:"Evaluate the records of a sweep again, without running anything."`
	Results resultsCmd `cmd:"" help:"List, query, export and merge the records of sweeps."`
	Diff    diffCmd    `cmd:"" help:"Compare two sets of results, two kernels, or two profiles of settings."`
	Bisect  bisectCmd  `cmd:"" help:"Say which of many settings, faults or kernels makes an effect."`
	Shrink  shrinkCmd  `cmd:"" help:"Make the smallest scenario that still shows something, for a bug report."`
	Nightly nightlyCmd `cmd:"" help:"Compare every night with an accepted baseline, at a bounded rate of false alarms."`
	Worker  workerCmd  `cmd:"" help:"Make runs for a sweep on another machine."`
	Explain explainCmd `cmd:"" help:"Say what the faults of a run did, and what left its calm range, in order of time."`
	Report  reportCmd  `cmd:"" help:"Write a page, or tables, about records."`
	Check   checkCmd   `cmd:"" help:"Check scenario, campaign and profile files without running them."`
	Schema  schemaCmd  `cmd:"" help:"Print the JSON Schema of scenario or campaign files."`
	Doctor  doctorCmd  `cmd:"" help:"Check what this machine can do, and say how to fix what it cannot."`
	Setup   setupCmd   `cmd:"" help:"Install what is missing: QEMU and a kernel."`
	Kernel  kernelCmd  `cmd:"" help:"List, add and remove the kernels that scenarios run on."`
	Image   imageCmd   `cmd:"" help:"Make, list and remove the images that programs in nodes run on."`
	GC      gcCmd      `cmd:"" name:"gc" help:"Remove leftovers of crashed runs, and VM templates and images that are no longer used."`

	Completion completionCmd `cmd:"" help:"Print a completion script for bash, zsh or fish."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	Complete completeCmd `cmd:"" hidden:"" help:"List candidates for the completion scripts."`
	Manual   manualCmd   `cmd:"" hidden:"" help:"Write the manual pages."`

	Soak  soakCmd  `cmd:"" hidden:"" help:"Repeat runs on a busy machine and compare their digests."`
	Bench benchCmd `cmd:"" hidden:"" help:"Measure the harness itself."`

	Validate validateCmd `cmd:"" hidden:"" help:"Compare kernels with published results."`
}

const about = `ruleout runs a network scenario with a fault in it on a real kernel, in virtual time, and leaves a record
that repeats to the bit.`

// errInterrupted is the cause of a context that Ctrl-C cancelled.
var errInterrupted = errors.New("interrupted")

func main() {
	os.Exit(command(os.Args[1:], &ui{out: newScreen(os.Stdout), err: newScreen(os.Stderr), format: formatText}))
}

// command carries out one command line and returns its exit status.
func command(args []string, u *ui) int {
	exit, err := carryOut(args, u)
	if slices.Contains(args, "--git-bisect") { // also where the rest of the line is wrong
		return forGitBisect(err, exit)
	}
	return exit
}

// carryOut does that, and returns the error that was reported, too.
func carryOut(args []string, u *ui) (exit int, err error) {
	ctx, stop := interruptible()
	defer stop()

	var c cli
	parser, err := newParser(&c, u)
	if err != nil {
		return u.fail(ctx, err), err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	args, renamed := checkNotValidate(args)
	u.format = askedFormat(args) // a mistake in the rest of the line is reported in it too
	selected, err := parser.Parse(args)
	if err != nil {
		return u.fail(ctx, usage(err)), err
	}
	u.format = format(selected)
	if renamed {
		u.note("ruleout validate of files is called ruleout check now; " +
			"ruleout validate DIR compares kernels with published results")
	}
	selected.BindTo(ctx, (*context.Context)(nil))
	err = other(selected, selected.Run(u, parser))
	return u.fail(ctx, err), err
}

func newParser(c *cli, u *ui) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("ruleout"),
		kong.Description(about),
		kong.Writers(u.out, u.err),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Vars{"version": machine.Version},
	)
}

// checkNotValidate gives a command line of ruleout validate the name check if it names YAML files and no directory:
// that is what the command was called.
func checkNotValidate(args []string) (_ []string, renamed bool) {
	if len(args) == 0 || args[0] != "validate" {
		return args, false
	}
	for _, arg := range args[1:] {
		if info, err := os.Stat(arg); err == nil && info.IsDir() {
			return args, false
		}
		ext := filepath.Ext(arg)
		renamed = renamed || ext == ".yaml" || ext == ".yml"
	}
	if renamed {
		args = slices.Concat([]string{"check"}, args[1:])
	}
	return args, renamed
}

// askedFormat finds the format in a command line that has not been understood yet.
func askedFormat(args []string) string {
	for i, arg := range args {
		if arg == "--format="+formatJSON || arg == "--format" && i+1 < len(args) && args[i+1] == formatJSON {
			return formatJSON
		}
	}
	return formatText
}

// format returns the form of messages that the --format flag of the command that was chosen asks for.
func format(selected *kong.Context) string {
	for _, f := range selected.Flags() {
		if f.Name == "format" {
			if s, ok := selected.FlagValue(f).(string); ok && s == formatJSON {
				return s
			}
		}
	}
	return formatText
}

// other replaces the error of a command that was given a file or directory of another kind than it takes.
func other(selected *kong.Context, err error) error {
	var reported status
	if err == nil || errors.As(err, &reported) {
		return err
	}
	for _, p := range selected.Selected().Positional {
		for _, path := range given(p.Target) {
			if other := takes(p, selected.Selected(), path); other != nil {
				return other
			}
		}
	}
	return err
}

// given returns the words of an argument.
func given(v reflect.Value) []string {
	if v.Kind() == reflect.String {
		return []string{v.String()}
	}
	words, _ := v.Interface().([]string)
	return words
}

// takes returns an error if a path is known to be of a kind that is not in the tag takes of a command's argument.
func takes(p *kong.Value, command *kong.Node, path string) error {
	if !p.Tag.Has("takes") {
		return nil
	}
	var kinds []input.Kind
	for _, kind := range strings.Split(p.Tag.Get("takes"), ",") {
		kinds = append(kinds, input.Kind(kind))
	}
	return input.Other(path, quote(path), "ruleout "+command.Path(), kinds...)
}

// usage classifies an error of the command line.
func usage(err error) error {
	help := "ruleout --help"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if cmd := parse.Context.Selected(); cmd != nil {
			help = fmt.Sprintf("ruleout %s --help", cmd.Path())
		}
	}
	return problem.Wrap(problem.Usage, err, "see "+help)
}

// interruptible returns a context that the first Ctrl-C (or SIGTERM, or the
// terminal's going away) cancels, so that everything is undone in order. The
// signals then have their usual effect again: the second one kills.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		if _, ok := <-signals; ok {
			signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			cancel(errInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}
