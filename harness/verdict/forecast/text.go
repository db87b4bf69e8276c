package forecast

import (
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// few is how many families and contexts are listed.
const few = 20

// Text writes the forecast for a person.
func (f *Forecast) Text(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s", f.Campaign)
	if f.About != "" {
		p.line("%s", f.About)
	}
	p.line("")
	count := func(n int, noun string) string { return quantity.Plural(int64(n), noun) }
	p.row("hypotheses", "%s in %s: %s, %s among them", count(f.Hypotheses, "hypothesis"), count(f.Contexts, "context"),
		count(f.Cases, "case"), count(f.Placebos, "placebo"))
	p.row("scenario", "%s, on %s", f.Scenario, kernels(f.Kernels))
	p.row("arms", "%s, %s", count(f.Arms, "arm"), count(f.Controls, "control"))
	seeds := fmt.Sprintf("%d to %d; to confirm an effect takes at least %d, "+
		"to rule one out %d even if all pairs are equal (rare: %g%%)", f.Seeds.Least, f.Seeds.Most,
		f.Seeds.Confirm, f.Seeds.RuleOut, 100*f.Seeds.Rare)
	if f.Seeds.Mechanism > 0 {
		seeds += fmt.Sprintf(", to confirm a mechanism %d", f.Seeds.Mechanism)
	}
	p.row("seeds", "%s", seeds)
	runs := fmt.Sprintf("about %s; %s at least, %s at most", quantity.Count(int64(f.Runs.Likely)),
		quantity.Count(int64(f.Runs.Least)), quantity.Count(int64(f.Runs.Most)))
	if f.Runs.Kept > 0 {
		runs += fmt.Sprintf("; %s made already", quantity.Count(int64(f.Runs.Kept)))
	}
	p.row("runs", "%s", runs)
	p.row("time", "%s", f.when())
	if f.Budget > 0 {
		p.row("budget", "%s", Span(f.Budget))
	}
	p.list("family", len(f.Families), func(i int) string {
		return fmt.Sprintf("%s: %s, %s", f.Families[i].Name, count(f.Families[i].Hypotheses, "hypothesis"),
			count(f.Families[i].Cases, "case"))
	})
	if f.Contexts > 1 {
		p.list("context", len(f.Covered), func(i int) string {
			return fmt.Sprintf("%s: %s", f.Covered[i].Name, count(f.Covered[i].Cases, "case"))
		})
	}
	if len(f.Warnings) > 0 {
		p.line("")
	}
	for _, text := range f.Warnings {
		p.line("warning: %s", text)
	}
	return p.err
}

// when says how long it takes, and how much that is worth.
func (f *Forecast) when() string {
	if f.Runs.Likely == f.Runs.Kept {
		text := fmt.Sprintf("nothing is left to run; all of it takes about %s with %s at a time", Span(f.Time.Whole),
			quantity.Plural(int64(f.Jobs), "run"))
		if f.Time.Measured {
			text += ", by " + f.Time.From
		}
		return text
	}
	text := fmt.Sprintf("about %s with %s at a time", Span(f.Time.Likely), quantity.Plural(int64(f.Jobs), "run"))
	if f.Time.Measured {
		text += fmt.Sprintf(", %s if every case needs all its seeds; predicted from %s", Span(f.Time.Most), f.Time.From)
		if f.Time.Opening > 0 {
			text += fmt.Sprintf("; opening the machines took %s and is done", Span(f.Time.Opening))
		}
		return text
	}
	return text + fmt.Sprintf(", %s to %s: an estimate from %s; --measure predicts it", Span(f.Time.Least),
		Span(f.Time.Most), f.Time.From)
}

func kernels(names []string) string {
	if len(names) == 1 && names[0] == "" {
		return "the default kernel"
	}
	list := make([]string, len(names))
	for i, n := range names {
		if list[i] = n; n == "" {
			list[i] = "the default one"
		}
	}
	return quantity.Noun(int64(len(list)), "kernel") + " " + quantity.List(list)
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) row(name, format string, args ...any) {
	p.line("  %-10s  %s", name, fmt.Sprintf(format, args...))
}

func (p *printer) list(title string, n int, item func(i int) string) {
	p.line("")
	p.line("%s", strings.ToUpper(title[:1])+quantity.Noun(int64(n), title)[1:])
	for i := range min(n, few) {
		p.line("  %s", item(i))
	}
	if n > few {
		p.line("  … and %d more", n-few)
	}
}
