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

// Find lists all mutants of a target; root is the directory of the module. It runs go list, and needs whatever go build needs.
func Find(root string, t Target) ([]Mutant, error) {
	dir := t.Dir
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", "./"+dir)
	cmd.Dir = root
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list package %s: %w: %s", dir, err, complaint.String())
	}
	exports := map[string]string{}
	var target listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list package %s: %w", dir, err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			target = p
		}
	}
	fset := token.NewFileSet()
	sources := map[string][]byte{}
	var parsed []*ast.File
	for _, name := range target.GoFiles {
		path := filepath.Join(target.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read source: %w", err)
		}
		f, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse source: %w", err)
		}
		sources[path] = text
		parsed = append(parsed, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	if _, err := conf.Check(target.ImportPath, fset, parsed, info); err != nil {
		return nil, fmt.Errorf("check types of %s: %w", dir, err)
	}
	var list []Mutant
	for _, f := range parsed {
		path := fset.Position(f.Pos()).Filename
		if len(t.Files) > 0 && !slices.Contains(t.Files, filepath.Base(path)) {
			continue
		}
		w := walker{fset: fset, info: info, source: sources[path], file: filepath.Join(dir, filepath.Base(path))}
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
	w.of = ""
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
		if d.Body != nil {
			ast.Inspect(d.Body, w.visit)
		}
	case *ast.GenDecl:
		if d.Tok == token.CONST || d.Tok == token.VAR {
			ast.Inspect(d, w.visit)
		}
	}
}
