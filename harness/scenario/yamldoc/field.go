package yamldoc

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// Field is what the tags of a struct field say.
type Field struct {
	Name     string
	Index    int
	Type     reflect.Type // without the pointer
	Required bool
	Default  string   // as it would stand in a file; empty for none
	Low      string   // min, or above
	Above    bool     // Low itself is excluded
	High     string   // max
	Enum     []string // allowed values
	Off      string   // a word for zero
	Most     int      // items of a list or mapping; 0 for anything else
	OmitZero bool     // JSON leaves it out at its default
	Empty    bool     // texts in it may be empty, if they are written ""
}

// FieldsOf lists the exported fields of a struct type, as a file has them.
func FieldsOf(t reflect.Type) []Field {
	var list []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		f := Field{Name: name, Index: i, Type: sf.Type, Required: options != "omitempty",
			Default: sf.Tag.Get("default"), Low: sf.Tag.Get("min"), High: sf.Tag.Get("max"), Off: sf.Tag.Get("off")}
		f.Most, _ = strconv.Atoi(sf.Tag.Get("most"))
		f.Empty = sf.Tag.Get("empty") != ""
		f.OmitZero = strings.HasSuffix(sf.Tag.Get("json"), ",omitzero")
		if f.Type.Kind() == reflect.Pointer {
			f.Type = f.Type.Elem()
		}
		if above := sf.Tag.Get("above"); above != "" {
			f.Low, f.Above = above, true
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.Enum = strings.Split(enum, ",")
		}
		list = append(list, f)
	}
	return list
}

func names(fields []Field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return list
}

// SetDefault sets v, whose key was not written, to the field's default. A struct gets
// those of its fields; a pointer to a struct stays nil.
func (f *Field) SetDefault(v reflect.Value) {
	if v.Kind() == reflect.Struct {
		for _, sub := range FieldsOf(v.Type()) {
			sub.SetDefault(v.Field(sub.Index))
		}
		return
	}
	if f.Default == "" {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	v.Set(f.Parse(f.Default))
}

// Parse reads a tag's value, which is as it would stand in a file.
func (f *Field) Parse(text string) reflect.Value {
	v := reflect.New(f.Type).Elem()
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	read := readString
	if s, ok := scalars[f.Type]; ok {
		read = s.read
	}
	if err := read(n, v); err != nil {
		panic(fmt.Sprintf("tag of %s: %v", f.Name, err)) // a test parses every tag
	}
	return v
}

// item is what holds for each item of a list or mapping; nil for nothing.
func (f *Field) item() *Field {
	if f == nil || !f.Empty {
		return nil
	}
	return &Field{Name: f.Name, Empty: true}
}

// tooMany says in a message that there are more than the most items, or returns an empty string.
func (f *Field) tooMany(items int) string {
	if f == nil || f.Most == 0 || items <= f.Most {
		return ""
	}
	return fmt.Sprintf("%s has %d items, and %d is the most", f.Name, items, f.Most)
}

// Outside says in a message why v is not within the field's bounds, or returns an empty string.
func (f *Field) Outside(v reflect.Value) string {
	text := fmt.Sprint(v.Interface())
	if len(f.Enum) > 0 {
		for _, e := range f.Enum {
			if e == text {
				return ""
			}
		}
		return fmt.Sprintf("%s is %s, not %s", f.Name, Alternatives(f.Enum), unit.Clip(text))
	}
	tooLow := f.Low != "" && (less(v, f.Parse(f.Low)) || f.Above && !less(f.Parse(f.Low), v))
	tooHigh := f.High != "" && less(f.Parse(f.High), v)
	if !tooLow && !tooHigh {
		return ""
	}
	return fmt.Sprintf("%s is %s, not %s", f.Name, f.Bounds(), text)
}

// Bounds in words, such as "1 to 16" or "above 0% and at most 100%".
func (f *Field) Bounds() string {
	switch {
	case f.Above:
		return fmt.Sprintf("above %s and at most %s", f.Low, f.High)
	case f.Low != "" && f.High != "":
		return f.Low + " to " + f.High
	case f.Low != "":
		return f.Low + " at least"
	}
	return ""
}

// Alternatives joins words with commas and an or.
func Alternatives(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

func less(a, b reflect.Value) bool {
	switch {
	case a.CanInt():
		return a.Int() < b.Int()
	case a.CanUint():
		return a.Uint() < b.Uint()
	}
	return !(a.Float() >= b.Float()) // so that NaN is outside of all bounds
}

// scalarType is a type that is written as one word.
type scalarType struct {
	want string
	read func(*yaml.Node, reflect.Value) error
}

var scalars = map[reflect.Type]scalarType{
	reflect.TypeFor[unit.Duration]():  {"a duration, such as 20ms", reader(unit.ParseDuration)},
	reflect.TypeFor[unit.Rate]():      {"a rate, such as 100mbit", reader(unit.ParseRate)},
	reflect.TypeFor[unit.Size]():      {"a size, such as 24kB", reader(unit.ParseSize)},
	reflect.TypeFor[unit.Frequency](): {"a frequency, such as 40/s", reader(unit.ParseFrequency)},
	reflect.TypeFor[unit.Share]():     {"a share, such as 10%", reader(unit.ParseShare)},
	reflect.TypeFor[unit.Speed]():     {"a speed, such as 500mips", reader(unit.ParseSpeed)},
	reflect.TypeFor[int]():            {"a whole number", readInt},
	reflect.TypeFor[bool]():           {"true or false", readBool},
}

func reader[T any](parse func(string) (T, error)) func(*yaml.Node, reflect.Value) error {
	return func(n *yaml.Node, v reflect.Value) error {
		x, err := parse(n.Value)
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	}
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle

func readInt(n *yaml.Node, v reflect.Value) error {
	unsigned := strings.TrimPrefix(n.Value, "-")
	switch {
	case n.Style&quoted != 0 && unit.Digits(unsigned) == len(unsigned):
		return &problem.Mistake{Msg: fmt.Sprintf("%s is a string, not a number", unit.Quote(n.Value)),
			Hint: "leave out the quotes"}
	case unsigned == "" || unit.Digits(unsigned) != len(unsigned):
		return &problem.Mistake{Msg: fmt.Sprintf("%s is not a whole number", unit.Quote(n.Value))}
	case len(unsigned) > 1 && unsigned[0] == '0':
		return &problem.Mistake{Msg: fmt.Sprintf("%s begins with a zero", n.Value),
			Hint: "YAML takes it for an octal number; leave the zero out"}
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		return fmt.Errorf("%s is too large", unit.Clip(n.Value))
	}
	v.SetInt(int64(i))
	return nil
}

func readBool(n *yaml.Node, v reflect.Value) error {
	switch {
	case n.Style&quoted != 0:
	case n.Value == "true", n.Value == "false":
		v.SetBool(n.Value == "true")
		return nil
	}
	return fmt.Errorf("%s is not true or false", unit.Quote(n.Value))
}

func readString(n *yaml.Node, v reflect.Value) error {
	if strings.TrimSpace(n.Value) == "" {
		return errors.New("empty")
	}
	v.SetString(n.Value)
	return nil
}

// A Wanter is a type of text that can say what it holds, with an example.
type Wanter interface{ Wants() string }

func wantString(t reflect.Type) string {
	if w, ok := reflect.Zero(t).Interface().(Wanter); ok {
		return w.Wants()
	}
	return "a word"
}

// wantHint says what a missing key would hold.
func wantHint(f Field) string {
	if s, ok := scalars[f.Type]; ok {
		return f.Name + " is " + s.want
	}
	switch {
	case len(f.Enum) > 0:
		return f.Name + " is " + Alternatives(f.Enum)
	case f.Type.Kind() == reflect.Struct:
		return "keys of " + f.Name + ": " + strings.Join(names(FieldsOf(f.Type)), ", ")
	case f.Type.Kind() == reflect.Array:
		return f.Name + " names two nodes, such as [client, web]"
	}
	return ""
}
