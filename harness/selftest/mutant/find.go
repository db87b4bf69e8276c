package mutant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// listed is what `go list` says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
}

// loaded is a package with its types.
type loaded struct {
	listed
	fset    *token.FileSet
	sources map[string][]byte // by path
	files   []*ast.File
	conf    types.Config
	info    *types.Info
}

// load lists, parses and checks the package in dir, without its tests.
func load(root, dir string) (*loaded, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", "./"+dir)
	cmd.Dir = root
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list package %s: %w: %s", dir, err, complaint.String())
	}
	l := &loaded{fset: token.NewFileSet(), sources: map[string][]byte{}}
	exports := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list package %s: %w", dir, err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			l.listed = p
		}
	}
	for _, name := range l.GoFiles {
		path := filepath.Join(l.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read source: %w", err)
		}
		f, err := parser.ParseFile(l.fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse source: %w", err)
		}
		l.sources[path] = text
		l.files = append(l.files, f)
	}
	l.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	l.conf.Importer = importer.ForCompiler(l.fset, "gc",
		func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	if _, err := l.conf.Check(l.ImportPath, l.fset, l.files, l.info); err != nil {
		return nil, fmt.Errorf("check types of %s: %w", dir, err)
	}
	return l, nil
}

// compiles reports whether the package still does with a mutant.
func (l *loaded) compiles(m *Mutant) bool {
	files := slices.Clone(l.files)
	for i, f := range files {
		path := l.fset.Position(f.Pos()).Filename
		if filepath.Base(path) != filepath.Base(m.File) {
			continue
		}
		changed, err := parser.ParseFile(l.fset, path, m.apply(l.sources[path]), parser.SkipObjectResolution)
		if err != nil {
			return false
		}
		files[i] = changed
	}
	_, err := l.conf.Check(l.ImportPath, l.fset, files, nil)
	return err == nil
}

// Find lists all mutants of a target; root is the directory of the module. It runs go list, and needs whatever
// go build needs.
func Find(root string, t Target) ([]Mutant, error) {
	l, err := load(root, t.Dir)
	if err != nil {
		return nil, err
	}
	var list []Mutant
	for _, f := range l.files {
		path := l.fset.Position(f.Pos()).Filename
		if len(t.Files) > 0 && !slices.Contains(t.Files, filepath.Base(path)) {
			continue
		}
		w := walker{fset: l.fset, info: l.info, source: l.sources[path], file: filepath.Join(t.Dir, filepath.Base(path))}
		for _, d := range f.Decls {
			w.declaration(d)
		}
		list = append(list, w.list...)
	}
	list = slices.DeleteFunc(list, func(m Mutant) bool { return m.Func != "" && slices.Contains(t.Except, m.Func) })
	times := map[string]int{}
	for i := range list {
		list[i].Nth = 1
		key := list[i].Key()
		times[key]++
		list[i].Nth = times[key]
	}
	return list, nil
}

// declaration looks at a function, or at constants and variables.
func (w *walker) declaration(d ast.Decl) {
	w.of, w.body = "", body{}
	switch d := d.(type) {
	case *ast.FuncDecl:
		w.of = d.Name.Name
		if d.Recv != nil && len(d.Recv.List) == 1 {
			t := d.Recv.List[0].Type
			if star, ok := t.(*ast.StarExpr); ok {
				t = star.X
			}
			w.of = w.text(t) + "." + w.of
		}
		if d.Body == nil {
			return
		}
		w.body = body{w.offset(d.Body.Pos()), w.offset(d.Body.End()), d.Type.Results == nil}
		ast.Inspect(d.Body, func(n ast.Node) bool {
			if _, ok := n.(*ast.LabeledStmt); ok {
				w.body = body{} // a function has each label once
			}
			return true
		})
		ast.Inspect(d.Body, w.visit)
	case *ast.GenDecl:
		if d.Tok == token.CONST || d.Tok == token.VAR {
			ast.Inspect(d, w.visit)
		}
	}
}
