package shrink

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Report is what is said of a smaller scenario.
type Report struct {
	// From is the file it is from, and File the one that it is in; empty where it is on standard output.
	From, File string
	// Before and After are their lines; comments and empty lines do not count.
	Before, After int
	Result        *Result
	// Block are the seeds on which it was made smaller; Fresh of FreshOf others show it too.
	First          uint64
	Seeds          int
	Fresh, FreshOf int
	// Kernel is a release, Digest that of the run with the first seed.
	Kernel, Digest string
	Keep           []string
}

// Lines counts the lines of a document that say something.
func Lines(text []byte) (n int) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// Header is the comment at the beginning of the smaller file.
func (r *Report) Header() string {
	return fmt.Sprintf("# Made smaller by ruleout shrink: %d lines in place of %d of %s.\n", r.After, r.Before, r.From) +
		fmt.Sprintf("# %s.\n", r.shown()) +
		fmt.Sprintf("# Kernel %s, seed %d: digest %s\n", r.Kernel, r.First, r.Digest)
}

// shown says where it holds what is to be kept.
func (r *Report) shown() string {
	last := r.First + uint64(r.Seeds) - 1
	seeds := fmt.Sprintf("seeds %d to %d", r.First, last)
	if r.Seeds == 1 {
		seeds = fmt.Sprintf("seed %d", r.First)
	}
	return fmt.Sprintf("Its expectations hold on %s, and on %d of %s that were not used", seeds, r.Fresh,
		quantity.Plural(int64(r.FreshOf), "other seed"))
}

// Markdown is a paragraph for a bug tracker, with the file in it.
func (r *Report) Markdown(text []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "On Linux %s this scenario shows", r.Kernel)
	for i, k := range r.Keep {
		if i > 0 {
			b.WriteString(" and")
		}
		fmt.Fprintf(&b, " `%s`", k)
	}
	fmt.Fprintf(&b, ". %s. None of its lines can be left out.\n\n", r.shown())
	fmt.Fprintf(&b, "```yaml\n%s```\n\n", text)
	fmt.Fprintf(&b, "It runs in a virtual machine, without root, and repeats to the bit: "+
		"`ruleout run FILE --seed %d --kernel %s` has the digest `%s`, and `--pcap DIR` writes its packets.\n", r.First,
		r.Kernel, r.Digest)
	return b.String()
}
