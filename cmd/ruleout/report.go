package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/page"
)

// Formats of reports, besides text and JSON.
const (
	formatHTML     = "html"
	formatMarkdown = "markdown"
	formatJUnit    = "junit"
)

type reportCmd struct {
	Records []string `arg:"" name:"record" help:"Records of runs, directories of them, or the directory of a sweep." placeholder:"RECORD" complete:"json" takes:"record,sweep"`
	Out     string   `short:"o" help:"File to write, standard output without it. HTML of several records: the directory for their pages and an index." placeholder:"FILE" type:"path" complete:"dir"`
	Format  string   `help:"html (a page that needs nothing else), markdown, junit, json or text (default ${default})." enum:"html,markdown,junit,json,text" default:"html"`

	Of          string `name:"run" help:"Report on this run of the sweep in RECORD, by its first digits." placeholder:"RUN"`
	AllCounters bool   `help:"In Markdown and text, show every kernel counter that moved; HTML always does."`
}

func (*reportCmd) Help() string {
	return `The page of a run shows what was done in words and as a picture over time, what moved while each fault acted, charts of what clients and nodes went through, the proof that the faults acted, the kernel's counters with what they mean, and the command that replays it. It is one file without scripts that loads nothing, and it prints.

Of several records, or a directory, HTML is a page for each and an index.html; Markdown and text are a table; JUnit is a suite for each, with a case for each expectation (all are skipped in an invalid run); JSON is a line for each.

Of the directory that was --out of a sweep, HTML is a page for the campaign: verdicts with their intervals, families, contexts, controls, what was not covered, and the pairs behind each hypothesis. With many pairs, these have pages of their own, and -o is their directory. Markdown stays below the size limit of a job summary; JUnit has a case for each hypothesis in each context: as expected passes, not as expected fails, inconclusive and invalid are skipped with the reason.

JSON has what a report says beyond the record: the faults in words, and the main figures before, during and after.

Exit status: 0 written, whatever became of the runs; 2 a record cannot be read, or a mistake in the command line; 3 the file cannot be written.

Examples:

  ruleout report results/runs/dup-ack-1-0123456789ab.json -o dup-ack.html
  ruleout report results/runs -o pages
  ruleout report results/runs --format junit -o junit.xml
  ruleout report results/runs --format markdown >> "$GITHUB_STEP_SUMMARY"
  ruleout report results/runs/sweep-incident-small -o incident.html
  ruleout report results/runs/sweep-incident-small --run 15f044282240 -o run.html`
}

// Run carries the command out.
func (c *reportCmd) Run(u *ui) error {
	if len(c.Records) == 1 && archive.Is(c.Records[0]) && c.Of == "" {
		return c.campaign(u, c.Records[0])
	}
	files, several, err := c.files()
	if err != nil {
		return err
	}
	if c.Format == formatHTML && several {
		return c.pages(u, files)
	}
	if c.Out == "" {
		if err := c.notForTerminal(u); err != nil {
			return err
		}
		return c.write(u.out, files, several, color(u.out))
	}
	path := c.Out
	if info, err := os.Stat(path); err == nil && info.IsDir() && c.Format == formatHTML {
		name := pageName(files[0])
		if c.Of != "" {
			name = pageName(c.Of)
		}
		path = filepath.Join(path, name)
	}
	if err := writeWhole(path, func(w io.Writer) error { return c.write(w, files, several, false) }); err != nil {
		return err
	}
	u.note("wrote %s", shorten(path))
	return nil
}

// write writes everything but several pages.
func (c *reportCmd) write(w io.Writer, files []string, several, color bool) error {
	if c.Format == formatJUnit {
		if _, err := io.WriteString(w, report.JUnitBegin); err != nil {
			return err
		}
	}
	var entries []report.Entry
	for _, file := range files {
		r, err := c.read(file)
		if err != nil {
			return err
		}
		o := c.options(file)
		o.Color, o.AllCounters = color, c.AllCounters
		switch {
		case c.Format == formatJUnit:
			err = report.JUnit(w, r)
		case c.Format == formatJSON:
			enc := encoder(w)
			if !several {
				enc.SetIndent("", " ")
			}
			err = enc.Encode(report.NewStory(r, o.Path))
		case several:
			entries = append(entries, report.NewEntry(r))
		case c.Format == formatMarkdown:
			err = report.Markdown(w, r, o)
		case c.Format == formatHTML:
			err = page.Write(w, r, o)
		default:
			err = report.Text(w, r, o)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case c.Format == formatJUnit:
		_, err := io.WriteString(w, report.JUnitEnd)
		return err
	case several && c.Format == formatMarkdown:
		return report.MarkdownList(w, entries)
	case several && c.Format == formatText:
		return report.TextList(w, entries, report.Options{Color: color})
	}
	return nil
}

// pages writes a page for each record and an index of them. One record is in memory at a time.
func (c *reportCmd) pages(u *ui, files []string) error {
	if c.Out == "" {
		return problem.Wrap(problem.Usage, fmt.Errorf("%d records make %d pages and an index", len(files), len(files)), "give a directory for them with -o DIR")
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return problem.Wrap(problem.Machine, fmt.Errorf("make the directory of pages: %w", err), "give another place with -o DIR")
	}
	var entries []page.Entry
	taken := map[string]bool{"index.html": true}
	for _, file := range files {
		r, err := result.Read(file)
		if err != nil {
			return err
		}
		name := pageName(file)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d.html", strings.TrimSuffix(pageName(file), ".html"), n)
		}
		taken[name] = true
		err = writeWhole(filepath.Join(c.Out, name), func(w io.Writer) error {
			return page.Write(w, r, c.options(file))
		})
		if err != nil {
			return err
		}
		entries = append(entries, page.Entry{Entry: report.NewEntry(r), File: name})
	}
	index := filepath.Join(c.Out, "index.html")
	if err := writeWhole(index, func(w io.Writer) error { return page.Index(w, entries) }); err != nil {
		return err
	}
	u.note("wrote %s and %d pages", shorten(index), len(entries))
	return nil
}

// files lists what is reported on: records, or the directory of a sweep when a run of it was asked for.
func (c *reportCmd) files() (files []string, several bool, err error) {
	if c.Of == "" {
		return recordFiles(c.Records)
	}
	if len(c.Records) > 1 {
		return nil, false, problem.Wrap(problem.Usage, fmt.Errorf("--run %s is of one sweep, not of %d", c.Of, len(c.Records)), "give the directory that was --out of the sweep")
	}
	return c.Records, false, nil
}

// read reads a record, which is in the archive of a sweep when a run of it was asked for.
func (c *reportCmd) read(file string) (*result.Record, error) {
	if c.Of == "" {
		return result.Read(file)
	}
	return recordOf(file, c.Of)
}

// options say where a record is, and how its run is made again.
func (c *reportCmd) options(file string) report.Options {
	path := shorten(file)
	if c.Of != "" {
		return report.Options{Path: path + ", run " + c.Of, Replay: fmt.Sprintf("ruleout replay --from %s %s", quote(path), c.Of)}
	}
	return report.Options{Path: path, Replay: "ruleout replay " + quote(path)}
}

// recordOf reads a run's record from the archive of a sweep.
func recordOf(dir, run string) (_ *result.Record, err error) {
	r, err := archive.Read(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Find(run)
}

// pageName is the name of the page of a record's file.
func pageName(record string) string {
	return strings.TrimSuffix(filepath.Base(record), ".json") + ".html"
}

// recordFiles lists the records that arguments stand for: files, and all JSON files of directories. Several is
// whether more than one could be meant, which decides the form of the report.
func recordFiles(args []string) (files []string, several bool, err error) {
	several = len(args) > 1
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() { // that it is not there is for the reader of records to say
			files = append(files, arg)
			continue
		}
		several = true
		found, err := filepath.Glob(filepath.Join(escape(arg), "*.json"))
		if err != nil {
			return nil, false, fmt.Errorf("list records in %s: %w", arg, err)
		}
		if len(found) == 0 {
			return nil, false, problem.Wrap(problem.Usage, fmt.Errorf("no record in %s", arg), "records end in .json; those of runs are kept in results/runs unless --out said otherwise")
		}
		files = append(files, found...)
	}
	return files, several, nil
}

// escape takes the meaning from what filepath.Glob would take for a pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
