package probe

import (
	"bytes"
	"fmt"
	"strconv"
)

// conntrackFile below /proc/thread-self/net has the counters of a namespace's table of connections: a line of names,
// then a line for each CPU, in hexadecimal (ct_cpu_seq_show in net/netfilter/nf_conntrack_standalone.c). The first
// column is how many entries there are, the same in each line.
const conntrackFile = "stat/nf_conntrack"

// conntrackCounts are the columns of the file that are metrics, sums over all CPUs. What is not here the kernel does
// not count any more, and writes 0.
var conntrackCounts = [...]struct{ column, metric string }{
	{"drop", "conntrack.drops"},
	{"early_drop", "conntrack.early_drops"},
	{"invalid", "conntrack.invalid"},
	{"insert_failed", "conntrack.insert_failed"},
	{"clashres", "conntrack.clashes"},
}

// conntrack is a node's table of connections under observation.
type conntrack struct {
	file          *file
	before, after []byte // the file at the window's ends
	most          int64  // entries
}

// openConntrack opens the table of the calling thread's namespace.
func (n *node) openConntrack() error {
	f, err := n.open("/proc/thread-self/net/" + conntrackFile)
	if err != nil {
		return fmt.Errorf("%w (this kernel has no table of connections that can be read: CONFIG_NF_CONNTRACK_PROCFS)", err)
	}
	text, err := f.read()
	if err != nil {
		return err
	}
	for _, c := range conntrackCounts {
		if _, err := conntrackColumn(text, c.column); err != nil {
			return err
		}
	}
	n.conntrack = &conntrack{file: f}
	return nil
}

// entries reads how many there are.
func (c *conntrack) entries() (int64, error) {
	text, err := c.file.read()
	if err != nil {
		return 0, err
	}
	_, rest := line(text)
	first, _, _ := bytes.Cut(rest, []byte(" ")) // the column of entries is the first one
	n, err := strconv.ParseInt(string(first), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("parse /proc/net/%s: %w", conntrackFile, err)
	}
	c.most = max(c.most, n)
	return n, nil
}

// keep copies the file, to be parsed when nothing is measured any more.
func (c *conntrack) keep(into *[]byte) error {
	text, err := c.file.read()
	if err == nil {
		*into = append((*into)[:0], text...)
	}
	return err
}

// conntrackColumn sums a column over all CPUs.
func conntrackColumn(text []byte, name string) (sum int64, err error) {
	header, rest := line(text)
	at := -1
	for i, f := range bytes.Fields(header) {
		if string(f) == name {
			at = i
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("parse /proc/net/%s: no column %s", conntrackFile, name)
	}
	for len(rest) > 0 {
		var one []byte
		one, rest = line(rest)
		f := bytes.Fields(one)
		if at >= len(f) {
			return 0, fmt.Errorf("parse /proc/net/%s: a line of %d columns", conntrackFile, len(f))
		}
		n, err := strconv.ParseInt(string(f[at]), 16, 64)
		if err != nil {
			return 0, fmt.Errorf("parse /proc/net/%s: %w", conntrackFile, err)
		}
		sum += n
	}
	return sum, nil
}

// conntrackMetrics are those of node i.
func (r *recorder) conntrackMetrics(i int, put func(string, float64)) error {
	c := r.nodes[i].conntrack
	if c == nil {
		return nil
	}
	if r.interval > 0 { // else there would be two samples, which say nothing of what was between them
		sum := int64(0)
		for s := range r.samples[:r.taken] {
			sum += r.samples[s].nodes[i].entries
		}
		put("conntrack.entries.mean", float64(sum)/float64(r.taken))
		put("conntrack.entries.max", float64(c.most))
	}
	for _, count := range conntrackCounts {
		var at [2]int64
		for end, text := range [2][]byte{c.before, c.after} {
			var err error
			if at[end], err = conntrackColumn(text, count.column); err != nil {
				return err
			}
		}
		// 32 bits that wrap.
		put(count.metric, float64(uint32(at[1]-at[0])))
	}
	return nil
}
