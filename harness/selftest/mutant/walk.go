package mutant

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// walker finds the mutants of one file.
type walker struct {
	fset   *token.FileSet
	info   *types.Info
	source []byte
	file   string
	of     string // the function
	body   body
	list   []Mutant
}

func (w *walker) offset(p token.Pos) int { return w.fset.Position(p).Offset }

func (w *walker) text(n ast.Node) string {
	return string(w.source[w.offset(n.Pos()):w.offset(n.End())])
}

// add adds a mutant that changes something within a node.
func (w *walker) add(op Operator, n ast.Node, edits ...edit) {
	from := w.offset(n.Pos())
	to := Mutant{}
	for _, e := range edits {
		to.edits = append(to.edits, edit{e.from - from, e.to - from, e.text})
	}
	before := w.text(n)
	after := oneLine(string(to.apply([]byte(before))))
	if op == Dropped && strings.HasPrefix(after, "if false") {
		after = "nothing"
	}
	w.list = append(w.list, Mutant{
		File: w.file, Line: w.fset.Position(n.Pos()).Line, Func: w.of, Operator: op, From: oneLine(before), To: after,
		edits: edits, body: w.body,
	})
}

// replace is the edit of a token at a place.
func (w *walker) replace(at token.Pos, before, after string) edit {
	return edit{w.offset(at), w.offset(at) + len(before), after}
}

// change is another operator.
type change struct {
	op Operator
	to token.Token
}

var operators = map[token.Token][]change{
	token.LSS: {{Boundary, token.LEQ}, {Negation, token.GEQ}}, token.LEQ: {{Boundary, token.LSS}, {Negation, token.GTR}},
	token.GTR: {{Boundary, token.GEQ}, {Negation, token.LEQ}}, token.GEQ: {{Boundary, token.GTR}, {Negation, token.LSS}},
	token.EQL: {{Negation, token.NEQ}}, token.NEQ: {{Negation, token.EQL}},
	token.LAND: {{Logic, token.LOR}}, token.LOR: {{Logic, token.LAND}},
	token.ADD: {{Arithmetic, token.SUB}}, token.SUB: {{Arithmetic, token.ADD}},
	token.MUL: {{Arithmetic, token.QUO}}, token.QUO: {{Arithmetic, token.MUL}}, token.REM: {{Arithmetic, token.MUL}},
	token.AND: {{Bits, token.OR}}, token.OR: {{Bits, token.AND}}, token.XOR: {{Bits, token.AND}},
	token.AND_NOT: {{Bits, token.AND}},
	token.SHL:     {{Bits, token.SHR}}, token.SHR: {{Bits, token.SHL}},
}

var assignment = map[token.Token]change{
	token.ADD_ASSIGN: {Arithmetic, token.SUB_ASSIGN}, token.SUB_ASSIGN: {Arithmetic, token.ADD_ASSIGN},
	token.MUL_ASSIGN: {Arithmetic, token.QUO_ASSIGN}, token.QUO_ASSIGN: {Arithmetic, token.MUL_ASSIGN},
	token.REM_ASSIGN: {Arithmetic, token.MUL_ASSIGN},
	token.AND_ASSIGN: {Bits, token.OR_ASSIGN}, token.OR_ASSIGN: {Bits, token.AND_ASSIGN},
	token.XOR_ASSIGN: {Bits, token.AND_ASSIGN},
	token.SHL_ASSIGN: {Bits, token.SHR_ASSIGN}, token.SHR_ASSIGN: {Bits, token.SHL_ASSIGN},
}

// visit adds the mutants of a node.
func (w *walker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.ADD && !w.number(n) {
			break // of strings
		}
		for _, c := range operators[n.Op] {
			w.add(c.op, n, w.replace(n.OpPos, n.Op.String(), c.to.String()))
		}
	case *ast.AssignStmt:
		if c, ok := assignment[n.Tok]; ok && w.number(n.Lhs[0]) {
			w.add(c.op, n, w.replace(n.TokPos, n.Tok.String(), c.to.String()))
		}
	case *ast.IncDecStmt:
		to := token.DEC
		if n.Tok == token.DEC {
			to = token.INC
		}
		w.add(Arithmetic, n, w.replace(n.TokPos, n.Tok.String(), to.String()))
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			w.add(Negation, n, w.replace(n.OpPos, n.Op.String(), ""))
		}
	case *ast.BasicLit:
		w.literal(n)
	case *ast.Ident:
		if o := w.info.Uses[n]; o != nil && o.Parent() == types.Universe && (n.Name == "true" || n.Name == "false") {
			w.add(Constant, n, w.replace(n.Pos(), n.Name, map[string]string{"true": "false", "false": "true"}[n.Name]))
		}
	case *ast.ExprStmt:
		if call, ok := n.X.(*ast.CallExpr); ok && w.text(call.Fun) != "panic" {
			w.add(Dropped, n, edit{w.offset(n.Pos()), w.offset(n.Pos()), "if false { "},
				edit{w.offset(n.End()), w.offset(n.End()), " }"})
		}
	case *ast.CallExpr:
		w.call(n)
	case *ast.ImportSpec, *ast.ArrayType:
		return false // a size is a matter of types
	}
	return true
}

// number reports whether an expression is one.
func (w *walker) number(e ast.Expr) bool {
	t := w.info.TypeOf(e)
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsNumeric != 0
}

// literal adds one to an integer and doubles another number. Modes of files, in octal, decide nothing.
func (w *walker) literal(n *ast.BasicLit) {
	v := constant.MakeFromLiteral(n.Value, n.Kind, 0)
	switch {
	case n.Kind == token.INT && !strings.HasPrefix(n.Value, "0o"):
		w.add(Constant, n, w.replace(n.Pos(), n.Value, constant.BinaryOp(v, token.ADD, constant.MakeInt64(1)).ExactString()))
	case n.Kind == token.FLOAT:
		f, _ := constant.Float64Val(v)
		after := fmt.Sprintf("%g", 2*f)
		if f == 0 {
			after = "1."
		} else if !strings.ContainsAny(after, ".e") {
			after += "."
		}
		w.add(Constant, n, w.replace(n.Pos(), n.Value, after))
	}
}

// call adds mutants of a call: two arguments exchanged, the first argument in place of what is made of it, the greater
// in place of the smaller.
func (w *walker) call(n *ast.CallExpr) {
	fun := w.info.Types[n.Fun]
	if fun.IsType() || strings.HasPrefix(w.text(n.Fun), "fmt.") { // the order of words is a matter of taste
		return
	}
	name := w.text(n.Fun)
	if fun.IsBuiltin() && (name == "min" || name == "max") {
		w.add(Arithmetic, n, w.replace(n.Fun.Pos(), name, map[string]string{"min": "max", "max": "min"}[name]))
	}
	for i := 0; i+1 < len(n.Args) && name != "min" && name != "max" && name != "append"; i++ {
		a, b := n.Args[i], n.Args[i+1]
		if n.Ellipsis.IsValid() && i+2 == len(n.Args) || w.text(a) == w.text(b) || !same(w.info.TypeOf(a), w.info.TypeOf(b)) {
			continue
		}
		w.add(Swapped, n, edit{w.offset(a.Pos()), w.offset(a.End()), w.text(b)},
			edit{w.offset(b.Pos()), w.offset(b.End()), w.text(a)})
	}
	if len(n.Args) > 0 && !(n.Ellipsis.IsValid() && len(n.Args) == 1) && same(w.info.TypeOf(n), w.info.TypeOf(n.Args[0])) {
		w.add(Dropped, n, edit{w.offset(n.Pos()), w.offset(n.End()), w.text(n.Args[0])})
	}
}

// same reports whether two expressions of these types may stand for each other.
func same(a, b types.Type) bool {
	return a != nil && b != nil && types.Identical(types.Default(a), types.Default(b))
}
