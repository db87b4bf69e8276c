package query

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Query is a question to an archive. The zero value asks for all runs.
type Query struct {
	// Where is a condition; empty for all runs.
	Where string
	// Show are the columns: fields, metrics, counters, and expressions of numbers such as http.errors / http.planned.
	// Without any there is what identifies a run, and what Where asks for.
	Show []string
	// By are fields with words, and valid, by which runs are grouped. A group has a row. Runs that are not valid are left
	// out of groups, unless Where or By names valid.
	By []string
	// Take is what a group's row has of each number in Show: mean, median, min, max, sum, or a percentile such as p90.
	// Without any it is the median.
	Take []string
	// Sort is the name of a column; empty for the order in which the runs were made, and of groups that of their fields.
	Sort       string
	Descending bool
	// Limit of the rows; 0 for none.
	Limit int
}

// Table is an answer.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	// Unknown runs do not have what the condition asks for, First says what the first of them is without; Invalid ones
	// were left out of groups; More rows were beyond the limit, as far as they were counted.
	Unknown, Invalid int
	First            error
	More             bool
}

// Column of a table. Unit is that of its numbers, as in package metric; it has words if Words.
type Column struct {
	Name  string
	Unit  string
	Share bool
	Words bool
}

// Cell has a text or a number. A number that there is none of is NaN.
type Cell struct {
	Text   string
	Number float64
}

// column works a cell out.
type column struct {
	Column
	text   string // as it was asked for
	number *expect.Figure
}

// Ask answers. What is wrong with the query is an error of kind [problem.Usage].
func (s *Source) Ask(q Query) (*Table, error) {
	a := &asking{Source: s, query: q, table: new(Table)}
	if err := a.prepare(); err != nil {
		return nil, err
	}
	err := s.archive.Entries(a.entry)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if len(q.By) > 0 {
		a.sum()
	}
	a.sort()
	if q.Limit > 0 && len(a.table.Rows) > q.Limit {
		a.table.Rows, a.table.More = a.table.Rows[:q.Limit], true
	}
	return a.table, nil
}

// errEnough ends the reading once there is all that is shown.
var errEnough = errors.New("enough rows")

type asking struct {
	*Source
	query  Query
	table  *Table
	where  *expect.Filter
	shown  []column
	takes  []take
	groups map[string]*group
	order  []*group
	sortBy int // index of the column, or -1
	valid  bool
}

// prepare compiles the query.
func (a *asking) prepare() error {
	q := &a.query
	if q.Where != "" {
		f, err := a.Vocabulary.Filter(q.Where)
		if err != nil {
			return mistake("query", q.Where, err)
		}
		a.where = f
	}
	for _, name := range q.By {
		f := a.field(name)
		if f == nil || f.Kind == expect.Number {
			return a.unknown("--by", name, func(f expect.Field) bool { return f.Kind != expect.Number }, "group by one of: ")
		}
	}
	show := q.Show
	if len(show) == 0 {
		show = a.usual()
	}
	for _, text := range show {
		c := column{Column: Column{Name: text, Unit: metric.One}, text: text}
		if f := a.field(text); f != nil && f.Kind != expect.Number {
			c.Words, c.Unit = true, ""
		} else {
			n, err := a.Vocabulary.Figure(text)
			if err != nil {
				return mistake("--show", text, err)
			}
			c.number, c.Unit, c.Share = n, n.Unit, n.Share
		}
		if c.Words && len(q.By) > 0 {
			return problem.Wrap(problem.Usage, fmt.Errorf("show %s of a group: it is not a number", text),
				"group by it, with --by "+text)
		}
		a.shown = append(a.shown, c)
	}
	if err := a.columns(); err != nil {
		return err
	}
	a.valid = a.where != nil && slices.Contains(a.where.Names, "valid") || slices.Contains(q.By, "valid")
	a.sortBy = -1
	if q.Sort == "" {
		return nil
	}
	names := make([]string, len(a.table.Columns))
	for i, c := range a.table.Columns {
		names[i] = c.Name
	}
	if a.sortBy = slices.Index(names, q.Sort); a.sortBy < 0 {
		return mistake("--sort", q.Sort, &problem.Mistake{
			Length: len(q.Sort), Msg: fmt.Sprintf("no column %q", q.Sort), Hint: nearest(q.Sort, names, "columns: ")})
	}
	return nil
}

// usual are the columns when none is asked for.
func (a *asking) usual() []string {
	var list []string
	if len(a.query.By) == 0 {
		list = []string{"run", "kernel", "seed", "valid"}
	}
	if a.where == nil {
		return list
	}
	for _, name := range a.where.Names {
		f := a.field(name)
		if words := f != nil && f.Kind != expect.Number; !slices.Contains(list, name) && !(words && len(a.query.By) > 0) {
			list = append(list, name)
		}
	}
	return list
}

// columns of the table.
func (a *asking) columns() error {
	if len(a.query.By) == 0 {
		for _, c := range a.shown {
			a.table.Columns = append(a.table.Columns, c.Column)
		}
		return nil
	}
	a.groups = map[string]*group{}
	for _, name := range a.query.By {
		a.table.Columns = append(a.table.Columns, Column{Name: name, Words: true})
	}
	a.table.Columns = append(a.table.Columns, Column{Name: "runs", Unit: metric.One})
	words := a.query.Take
	if len(words) == 0 {
		words = []string{"median"}
	}
	for _, word := range words {
		t, ok := takeOf(word)
		if !ok {
			return mistake("--take", word, &problem.Mistake{
				Length: len(word), Msg: fmt.Sprintf("%q is not a statistic", word),
				Hint: nearest(word, takeWords, "there are ")})
		}
		a.takes = append(a.takes, t)
	}
	for _, c := range a.shown {
		for _, t := range a.takes {
			of := c.Column
			of.Name = t.word + " " + c.Name
			a.table.Columns = append(a.table.Columns, of)
		}
	}
	return nil
}

// field finds a field by its name.
func (s *Source) field(name string) *expect.Field {
	for i := range s.Vocabulary.Fields {
		if s.Vocabulary.Fields[i].Name == name {
			return &s.Vocabulary.Fields[i]
		}
	}
	return nil
}

func (s *Source) unknown(where, name string, of func(expect.Field) bool, lead string) error {
	var names []string
	for _, f := range s.Vocabulary.Fields {
		if of(f) {
			names = append(names, f.Name)
		}
	}
	return mistake(where, name, &problem.Mistake{
		Length: len(name), Msg: fmt.Sprintf("runs are not grouped by %q", name), Hint: nearest(name, names, lead)})
}

func nearest(name string, names []string, lead string) string {
	hint := lead + strings.Join(names, ", ")
	if best := spelling.Nearest(name, names); best != "" {
		return fmt.Sprintf("did you mean %q? %s", best, hint)
	}
	return hint
}

// mistake shows one in a text, as those in files are shown.
func mistake(where, text string, err error) error {
	var e *problem.Mistake
	if !errors.As(err, &e) {
		return err
	}
	runes := func(s string) int { return len([]rune(s)) }
	return problem.Wrap(problem.Usage, &yamldoc.Errors{List: []*yamldoc.Error{{
		File: where, Col: runes(text[:e.Offset]) + 1, Width: runes(text[e.Offset:min(len(text), e.Offset+max(e.Length, 1))]),
		Msg: e.Msg, Hint: e.Hint, Source: text,
	}}}, "")
}

// entry takes a run in.
func (a *asking) entry(e *archive.Entry) error {
	number, word := numbers(e), a.words(e)
	if a.where != nil {
		ok, err := a.where.Match(number, word)
		if err != nil {
			a.table.Unknown++
			a.table.First = cmp.Or(a.table.First, err)
			return nil
		}
		if !ok {
			return nil
		}
	}
	if len(a.query.By) == 0 {
		row := make([]Cell, len(a.shown))
		for i := range a.shown {
			row[i] = a.shown[i].cell(number, word)
		}
		a.table.Rows = append(a.table.Rows, row)
		if a.query.Limit > 0 && a.sortBy < 0 && len(a.table.Rows) > a.query.Limit {
			return errEnough
		}
		return nil
	}
	if !e.Valid && !a.valid {
		a.table.Invalid++
		return nil
	}
	keys := make([]string, len(a.query.By))
	for i, name := range a.query.By {
		keys[i] = word(name)
	}
	key := strings.Join(keys, "\x00")
	g := a.groups[key]
	if g == nil {
		g = &group{keys: keys, values: make([][]float64, len(a.shown))}
		a.groups[key], a.order = g, append(a.order, g)
	}
	g.runs++
	for i := range a.shown {
		if v := a.shown[i].cell(number, word).Number; !math.IsNaN(v) {
			g.values[i] = append(g.values[i], v)
		}
	}
	return nil
}

func (c *column) cell(number func(string) (float64, bool), word func(string) string) Cell {
	if c.Words {
		return Cell{Text: word(c.text)}
	}
	v, err := c.number.Value(number)
	if err != nil {
		v = math.NaN()
	}
	return Cell{Number: v}
}

// sort orders the rows; what has no number comes last either way.
func (a *asking) sort() {
	i := a.sortBy
	if i < 0 {
		return
	}
	words, sign := a.table.Columns[i].Words, 1
	if a.query.Descending {
		sign = -1
	}
	slices.SortStableFunc(a.table.Rows, func(x, y []Cell) int {
		v, w := x[i].Number, y[i].Number
		switch {
		case words:
			return sign * strings.Compare(x[i].Text, y[i].Text)
		case math.IsNaN(v) || math.IsNaN(w):
			return -cmp.Compare(v, w) // NaN is below all numbers
		}
		return sign * cmp.Compare(v, w)
	})
}
