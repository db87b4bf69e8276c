package nightly

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// TextOptions say where things are that a reader will want to look at.
type TextOptions struct {
	// Results is the night's archive, Baseline the directory of the baselines.
	Results, Baseline string
	// Markdown is for the summary of a CI job.
	Markdown bool
}

// most of a kind are listed one by one; how many there are beyond is said.
const most = 20

// writer tells a report: it keeps what differs between text and Markdown in one place.
type writer struct {
	strings.Builder
	TextOptions
	report *Report
}

// Text writes the report for people.
func (r *Report) Text(out io.Writer, o TextOptions) error {
	w := &writer{TextOptions: o, report: r}
	heading := "%s\n"
	if o.Markdown {
		heading = "## %s\n"
	}
	fmt.Fprintf(w, heading, r.Heading())
	w.notes()
	w.outcomes()
	w.differences()
	w.alarms()
	w.rising()
	w.spoilt()
	w.rest(Changed, "scenario changed since the baseline: not compared", "review the new runs, and accept them")
	w.rest(Unknown, "no baseline: not compared", "accept one")
	w.rest(Missing, "not run: the kernel is missing, the budget was spent, or a shard is missing", "")
	_, err := io.WriteString(out, w.String())
	return err
}

// Heading sums the night up in a sentence.
func (r *Report) Heading() string {
	says := "QUIET"
	switch {
	case len(r.Differences) > 0:
		says = fmt.Sprintf("DETERMINISM ALARM, %s", quantity.Plural(int64(len(r.Differences)), "run"))
	case len(r.Alarms) > 0:
		says = fmt.Sprintf("ALARM, %d series", len(r.Alarms))
	case r.spoilt() > 0 || len(r.Lost) > 0:
		says = "INVALID RUNS"
	case r.count(Missing) == len(r.Places):
		says = "NOTHING TO COMPARE"
	case r.count(Missing)+r.count(Changed)+r.count(Unknown) > 0:
		says = "QUIET, as far as compared"
	case r.count(Identical) == len(r.Places):
		says = "IDENTICAL"
	}
	return fmt.Sprintf("Night of %s: %s", r.Night, says)
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// section begins a part of the report.
func (w *writer) section(format string, args ...any) {
	if w.Markdown {
		format = "### " + format + "\n"
	}
	w.line("\n"+format, args...)
}

// commands are to be typed.
func (w *writer) commands(list ...string) {
	if w.Markdown {
		w.line("\n```\n%s\n```", strings.Join(list, "\n"))
		return
	}
	for _, c := range list {
		w.line("    %s", c)
	}
}

func (w *writer) notes() {
	r := w.report
	w.line("\n%d series in %s; R has to reach %s for an alarm: one false alarm in %d nights.",
		r.Series, quantity.Plural(int64(len(r.Places)), "place"), quantity.Digits(r.Bar), r.Nights)
	if r.StateLost != "" {
		w.line("No state of earlier nights: %s. R starts at 0, which can only delay an alarm.", r.StateLost)
	}
	if len(r.Set) > 0 {
		w.line("An experiment, with --set %s. It does not count as a night.", strings.Join(r.Set, " --set "))
		return
	}
	for _, p := range r.Places {
		if (p.Outcome == Identical || p.Outcome == Compared) && !p.Counted {
			w.line("The state already has a later night: this one is not counted.")
			return
		}
	}
}

// outcomes is the table of how many places ended how.
func (w *writer) outcomes() {
	w.line("")
	if w.Markdown {
		w.line("| outcome | places | runs | of these identical |\n|---|---|---|---|")
	}
	for _, o := range outcomes {
		places, runs, identical := 0, 0, 0
		for _, p := range w.report.Places {
			if p.Outcome == o {
				places, runs, identical = places+1, runs+p.Seeds, identical+p.Identical
			}
		}
		switch {
		case places == 0:
		case w.Markdown:
			w.line("| %s | %d | %d | %d |", o, places, runs, identical)
		case runs == 0:
			w.line("  %-17s %3d %s", o, places, quantity.Noun(int64(places), "place"))
		default:
			w.line("  %-17s %3d %s, %d of %s identical to the last bit", o, places, quantity.Noun(int64(places), "place"),
				identical, quantity.Plural(int64(runs), "run"))
		}
	}
}

func (w *writer) differences() {
	list := w.report.Differences
	if len(list) == 0 {
		return
	}
	w.section("DETERMINISM ALARM: the same build, kernel, scenario and seed gave two digests")
	for i, d := range list {
		if i == most {
			w.line("%d more", len(list)-most)
			break
		}
		w.line("- %s, seed %d: %s has %s, tonight %s", place(d.Scenario, d.Kernel), d.Seed, d.From, short(d.Want),
			short(d.Got))
		w.commands("ruleout replay --from "+w.Results+" "+short(d.Run),
			fmt.Sprintf("ruleout soak %s --kernel %s --seed %d -n 20 --load", w.file(d.Scenario), d.Kernel, d.Seed))
	}
}

// file of a scenario.
func (w *writer) file(scenario string) string {
	if f := w.report.Files[scenario]; f != "" {
		return f
	}
	return scenario + ".yaml"
}

func (w *writer) alarms() {
	list := w.report.Alarms
	for i := range list {
		if i == most {
			w.line("\n%d more series are in alarm; --format json has them", len(list)-most)
			break
		}
		a := &list[i]
		w.section("ALARM  %s: %s", place(a.Scenario, a.Kernel), a.change())
		since := a.Since
		if since != w.report.Night {
			since += ", not tonight alone"
		}
		w.line("- evidence R = %s, %s needed; since the night of %s", evidence(a.R), quantity.Digits(w.report.Bar), since)
		p := w.report.place(a.Scenario, a.Kernel)
		w.line("- %s; the pair that differs most is seed %d", p.made(), a.Seed)
		w.commands(w.next(a, p)...)
	}
}

// made says with what the two sides were made, as far as it differs.
func (p *Place) made() string {
	var parts []string
	for _, x := range []struct{ what, before, now string }{
		{"kernel", p.Before.Release, p.Now.Release}, {"build", tool(p.Before.Tool), tool(p.Now.Tool)},
		{"QEMU", p.Before.QEMU, p.Now.QEMU}, {"netem", short(p.Before.Netem), short(p.Now.Netem)},
	} {
		if x.before != x.now {
			parts = append(parts, fmt.Sprintf("%s %s, now %s", x.what, x.before, x.now))
		}
	}
	if parts == nil {
		return "kernel and build are those of the baseline"
	}
	return strings.Join(parts, "; ")
}

// tool names a build by its version and the first digits of its hash.
func tool(s string) string {
	version, sum, found := strings.Cut(s, " ")
	if !found {
		return s
	}
	return version + " " + short(sum)
}

// next are the commands that lead on from an alarm.
func (w *writer) next(a *Alarm, p *Place) []string {
	list := []string{"ruleout replay --from " + w.Results + " " + short(a.Run)}
	file := w.file(a.Scenario)
	switch {
	case len(w.report.Set) > 0:
	case p.Before.Release != p.Now.Release:
		list = append(list, fmt.Sprintf("ruleout diff %s %s %s", p.Before.Release, p.Now.Release, file))
	default:
		list = append(list,
			fmt.Sprintf(`git worktree add ../before "$(git log -1 --format=%%H -- %s)" && make -C ../before build`,
				filepath.Join(w.Baseline, FileName(a.Scenario, a.Kernel))),
			fmt.Sprintf("../before/bin/ruleout nightly run %s --kernel %s --pool 20 --out before", file, a.Kernel),
			fmt.Sprintf("ruleout nightly run %s --kernel %s --pool 20 --out after && ruleout diff before after", file, a.Kernel))
	}
	return list
}

// change says what a metric was, is, and by how much it differs.
func (a *Alarm) change() string {
	m, _ := metric.Lookup(a.Metric)
	is := "changed"
	switch {
	case m.Better == metric.Lower && a.Tonight > a.Base, m.Better == metric.Higher && a.Tonight < a.Base:
		is = "worse"
	case m.Better == metric.Lower || m.Better == metric.Higher:
		is = "better"
	}
	return fmt.Sprintf("%s %s, %s → %s, by %s",
		a.Metric, is, m.Format(float64(a.Base)), m.Format(float64(a.Tonight)), a.Verdict.Estimate)
}

// evidence writes R; of much of it, how many digits it has matters.
func evidence(r float64) string {
	if r >= 1e6 {
		return fmt.Sprintf("%.1e", r)
	}
	return quantity.Digits(r)
}

func (w *writer) rising() {
	list := w.report.Rising
	if len(list) == 0 {
		return
	}
	w.section("No alarm yet, but growing evidence")
	for i := range list {
		if i == most {
			w.line("%d more; --format json has them", len(list)-most)
			break
		}
		a := &list[i]
		w.line("- %s: %s; R = %s, since %s", place(a.Scenario, a.Kernel), a.change(), evidence(a.R), a.Since)
	}
}

func (w *writer) spoilt() {
	r := w.report
	if r.spoilt() == 0 && len(r.Lost) == 0 {
		return
	}
	w.section("Runs without evidence")
	for _, p := range r.Places {
		if p.Broken > 0 {
			w.line("- %s: %s left no record", place(p.Scenario, p.Kernel), quantity.Plural(int64(p.Broken), "run"))
		}
		if p.Invalid > 0 {
			w.line("- %s: %s of %d invalid: %s", place(p.Scenario, p.Kernel), quantity.Plural(int64(p.Invalid), "run"), p.Seeds,
				p.Because)
		}
	}
	for i := range r.Lost {
		a := &r.Lost[i]
		reason := ""
		if len(a.Verdict.Reasons) > 0 {
			reason = ": " + a.Verdict.Reasons[0].Text
		}
		w.line("- %s: %s could not be compared%s", place(a.Scenario, a.Kernel), a.Metric, reason)
	}
}

// rest lists the places that were not compared.
func (w *writer) rest(o Outcome, says, do string) {
	var names []string
	for _, p := range w.report.Places {
		if p.Outcome == o {
			names = append(names, place(p.Scenario, p.Kernel))
		}
	}
	if len(names) == 0 {
		return
	}
	w.section("%s", strings.ToUpper(says[:1])+says[1:])
	w.line("- %s", strings.Join(names, ", "))
	if do != "" {
		w.line("- %s (docs/guides/nightly.md):", do)
		w.commands("ruleout nightly run --pool 20 --out pool && ruleout nightly accept pool")
	}
}
