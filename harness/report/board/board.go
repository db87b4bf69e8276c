package board

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"path"

	"github.com/ruleout/ruleout/harness/report/page"
)

//go:embed board.html
var files embed.FS

//go:embed board.css
var style string

//go:embed board.js
var script string

// pages are the templates.
var pages = template.Must(page.Template(template.CSS(style), template.JS(script)).ParseFS(files, "board.html"))

// Write writes a campaign as one page, with all its pairs.
func Write(w io.Writer, s *Source) error {
	v := s.newView()
	at := s.numbers()
	for i := range v.Entries {
		v.Entries[i].Trials = s.trials(at[v.Entries[i].ID])
	}
	return execute(w, "board.html", v)
}

// Pages writes a campaign as index.html and a page for each hypothesis, one of which is in memory at a time. create
// makes the file with a name, which has a slash where it is in a directory.
func Pages(s *Source, create func(name string, write func(io.Writer) error) error) error {
	v := s.newView()
	at := s.numbers()
	for i := range v.Entries {
		e := &v.Entries[i]
		e.File = path.Join("hypotheses", fileName(e.ID, e.Name))
		one := *e
		one.Trials, one.File = s.trials(at[e.ID]), ""
		p := view{Name: v.Name, Title: e.Name + ": " + e.Word, Ticks: v.Ticks, Entries: []entry{one}, Replay: v.Replay,
			Several: v.Several, Page: true}
		if err := create(e.File, func(w io.Writer) error { return execute(w, "hypothesis.html", &p) }); err != nil {
			return err
		}
	}
	return create("index.html", func(w io.Writer) error { return execute(w, "board.html", v) })
}

// numbers are the indices of cases, by the ids of their hypotheses.
func (s *Source) numbers() map[string][]int {
	ids := map[string]string{}
	for i := range s.Findings.Entries {
		ids[s.Findings.Entries[i].Name] = fmt.Sprintf("h%d", i+1)
	}
	at := map[string][]int{}
	for i := range s.Findings.Verdicts {
		if v := &s.Findings.Verdicts[i]; !v.Case.Placebo() {
			at[ids[v.Entry]] = append(at[ids[v.Entry]], i)
		}
	}
	return at
}

func (s *Source) trials(cases []int) []trial {
	list := make([]trial, 0, len(cases))
	for _, i := range cases {
		list = append(list, s.trial(i, true))
	}
	return list
}

// execute writes nothing at all if the template fails.
func execute(w io.Writer, name string, data any) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}
