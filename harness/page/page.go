package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"

	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/result"
)

//go:embed page.html index.html style.css
var files embed.FS

// Style is the style sheet of all pages, for packages that make others.
func Style() template.CSS {
	style, err := files.ReadFile("style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	return template.CSS(style)
}

// pages are the templates, with the style in both.
var pages = template.Must(template.New("").Funcs(template.FuncMap{"style": Style}).ParseFS(files, "page.html", "index.html"))

// Write writes the page of a run.
func Write(w io.Writer, r *result.Record, o report.Options) error {
	return execute(w, "page.html", newView(r, o))
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
