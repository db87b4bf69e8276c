package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/page"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/result"
)

// Formats of reports, besides text and JSON.
const (
	formatHTML     = "html"
	formatMarkdown = "markdown"
	formatJUnit    = "junit"
)

type reportCmd struct {
	Records []string `arg:"" name:"record" help:"Records of runs, or directories of them." placeholder:"RECORD" complete:"json"`
	Out     string   `short:"o" help:"File to write, standard output without it. HTML of several records: the directory for their pages and an index." placeholder:"FILE" type:"path" complete:"dir"`
	Format  string   `help:"html (a page that needs nothing else), markdown, junit, json or text (default ${default})." enum:"html,markdown,junit,json,text" default:"html"`

	AllCounters bool `help:"In Markdown and text, show every kernel counter that moved; HTML always does."`
}

func (*reportCmd) Help() string {
	return `The page of a run shows what was done in words and as a picture over time, what moved while each fault acted, charts of what clients and nodes went through, the proof that the faults acted, the kernel's counters with what they mean, and the command that replays it. It is one file without scripts that loads nothing, and it prints.

Of several records, or a directory, HTML is a page for each and an index.html; Markdown and text are a table; JUnit is a suite for each, with a case for each expectation (all are skipped in an invalid run); JSON is a line for each.

JSON has what a report says beyond the record: the faults in words, and the main figures before, during and after.

Exit status: 0 written, whatever became of the runs; 2 a record cannot be read, or a mistake in the command line; 3 the file cannot be written.

Examples:

  ruleout report results/runs/dup-ack-1-0123456789ab.json -o dup-ack.html
  ruleout report results/runs -o pages
  ruleout report results/runs --format junit -o junit.xml
  ruleout report results/runs --format markdown >> "$GITHUB_STEP_SUMMARY"`
}

// Run carries the command out.
func (c *reportCmd) Run(u *ui) error {
	files, several, err := recordFiles(c.Records)
	if err != nil {
		return err
	}
	if c.Format == formatHTML && several {
		return c.pages(u, files)
	}
	if c.Out == "" {
		if f, ok := u.out.(*os.File); ok && c.Format == formatHTML && terminal(f) {
			return problem.Wrap(problem.Usage, fmt.Errorf("a page of HTML is not for a terminal"), "give a file with -o FILE")
		}
		return c.write(u.out, files, several, color(u.out))
	}
	path := c.Out
	if info, err := os.Stat(path); err == nil && info.IsDir() && c.Format == formatHTML {
		path = filepath.Join(path, pageName(files[0]))
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
		r, err := result.Read(file)
		if err != nil {
			return err
		}
		path := shorten(file)
		o := report.Options{Color: color, AllCounters: c.AllCounters, Path: path, Replay: "ruleout replay " + quote(path)}
		switch {
		case c.Format == formatJUnit:
			err = report.JUnit(w, r)
		case c.Format == formatJSON:
			enc := encoder(w)
			if !several {
				enc.SetIndent("", " ")
			}
			err = enc.Encode(report.NewStory(r, path))
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
		path := shorten(file)
		err = writeWhole(filepath.Join(c.Out, name), func(w io.Writer) error {
			return page.Write(w, r, report.Options{Path: path, Replay: "ruleout replay " + quote(path)})
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
