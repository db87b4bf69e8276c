package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
)

//go:embed head.html page.html index.html style.css
var files embed.FS

// pages are the templates.
var pages = template.Must(Template("", "").ParseFS(files, "page.html", "index.html"))

// Template begins the templates of a page that looks like those of runs, for packages that make others. It has "head",
// which is everything before the body and takes the title, "script" and "style", to which more style is added. The
// script is allowed by its hash, and nothing else that could run is.
func Template(more template.CSS, script template.JS) *template.Template {
	style, err := files.ReadFile("style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	hash := ""
	if sum := sha256.Sum256([]byte(script)); script != "" {
		hash = "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return template.Must(template.New("").Funcs(template.FuncMap{
		"style":      func() template.CSS { return template.CSS(style) + more },
		"script":     func() template.JS { return script },
		"scriptHash": func() string { return hash },
	}).ParseFS(files, "head.html"))
}

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
