package scenario

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// field is what the tags of a struct field say.
type field struct {
	name     string
	index    int
	typ      reflect.Type // without the pointer
	required bool
	fallback string   // default
	low      string   // min, or above
	above    bool     // low itself is excluded
	high     string   // max
	enum     []string // allowed values
	off      string   // a word for zero
	most     int      // items of a list or mapping; 0 for anything else
}

func fieldsOf(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		f := field{name: name, index: i, typ: sf.Type, required: options != "omitempty",
			fallback: sf.Tag.Get("default"), low: sf.Tag.Get("min"), high: sf.Tag.Get("max"), off: sf.Tag.Get("off")}
		f.most, _ = strconv.Atoi(sf.Tag.Get("most"))
		if f.typ.Kind() == reflect.Pointer {
			f.typ = f.typ.Elem()
		}
		if above := sf.Tag.Get("above"); above != "" {
			f.low, f.above = above, true
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		list = append(list, f)
	}
	return list
}

func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return list
}

// setDefault sets v, whose key was not written, to the field's default. A struct gets
// those of its fields; a pointer to a struct stays nil.
func (f *field) setDefault(v reflect.Value) {
	if v.Kind() == reflect.Struct {
		for _, sub := range fieldsOf(v.Type()) {
			sub.setDefault(v.Field(sub.index))
		}
		return
	}
	if f.fallback == "" {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	v.Set(f.parse(f.fallback))
}

// parse reads a tag's value, which is as it would stand in a file.
func (f *field) parse(text string) reflect.Value {
	v := reflect.New(f.typ).Elem()
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	read := readString
	if s, ok := scalars[f.typ]; ok {
		read = s.read
	}
	if err := read(n, v); err != nil {
		panic(fmt.Sprintf("tag of %s: %v", f.name, err)) // a test parses every tag
	}
	return v
}

// tooMany says in a message that there are more than the most items, or returns an empty string.
func (f *field) tooMany(items int) string {
	if f == nil || f.most == 0 || items <= f.most {
		return ""
	}
	return fmt.Sprintf("%s has %d items, and %d is the most", f.name, items, f.most)
}

// outside says in a message why v is not within the field's bounds, or returns an empty string.
func (f *field) outside(v reflect.Value) string {
	text := fmt.Sprint(v.Interface())
	if len(f.enum) > 0 {
		for _, e := range f.enum {
			if e == text {
				return ""
			}
		}
		return fmt.Sprintf("%s is %s, not %s", f.name, alternatives(f.enum), clip(text))
	}
	tooLow := f.low != "" && (less(v, f.parse(f.low)) || f.above && !less(f.parse(f.low), v))
	tooHigh := f.high != "" && less(f.parse(f.high), v)
	if !tooLow && !tooHigh {
		return ""
	}
	return fmt.Sprintf("%s is %s, not %s", f.name, f.bounds(), text)
}

// bounds in words, such as "1 to 16" or "above 0% and at most 100%".
func (f *field) bounds() string {
	switch {
	case f.above:
		return fmt.Sprintf("above %s and at most %s", f.low, f.high)
	case f.low != "" && f.high != "":
		return f.low + " to " + f.high
	case f.low != "":
		return f.low + " at least"
	}
	return ""
}

func alternatives(list []string) string {
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
	reflect.TypeFor[Duration]():  {"a duration, such as 20ms", reader(ParseDuration)},
	reflect.TypeFor[Rate]():      {"a rate, such as 100mbit", reader(ParseRate)},
	reflect.TypeFor[Size]():      {"a size, such as 24kB", reader(ParseSize)},
	reflect.TypeFor[Frequency](): {"a frequency, such as 40/s", reader(ParseFrequency)},
	reflect.TypeFor[Share]():     {"a share, such as 10%", reader(ParseShare)},
	reflect.TypeFor[Speed]():     {"a speed, such as 500mips", reader(ParseSpeed)},
	reflect.TypeFor[int]():       {"a whole number", readInt},
	reflect.TypeFor[bool]():      {"true or false", readBool},
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
	case n.Style&quoted != 0 && digits(unsigned) == len(unsigned):
		return &slip{fmt.Sprintf("%s is a string, not a number", quote(n.Value)), "leave out the quotes"}
	case unsigned == "" || digits(unsigned) != len(unsigned):
		return &slip{fmt.Sprintf("%s is not a whole number", quote(n.Value)), ""}
	case len(unsigned) > 1 && unsigned[0] == '0':
		return &slip{fmt.Sprintf("%s begins with a zero", n.Value), "YAML takes it for an octal number; leave the zero out"}
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		return fmt.Errorf("%s is too large", clip(n.Value))
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
	return fmt.Errorf("%s is not true or false", quote(n.Value))
}

func readString(n *yaml.Node, v reflect.Value) error {
	if strings.TrimSpace(n.Value) == "" {
		return errors.New("empty")
	}
	v.SetString(n.Value)
	return nil
}

func wantString(t reflect.Type) string {
	if t == reflect.TypeFor[Expectation]() {
		return "a condition, such as http.errors == 0"
	}
	return "a word"
}

// wantHint says what a missing key would hold.
func wantHint(f field) string {
	if s, ok := scalars[f.typ]; ok {
		return f.name + " is " + s.want
	}
	switch {
	case len(f.enum) > 0:
		return f.name + " is " + alternatives(f.enum)
	case f.typ.Kind() == reflect.Struct:
		return "keys of " + f.name + ": " + strings.Join(names(fieldsOf(f.typ)), ", ")
	case f.typ.Kind() == reflect.Array:
		return f.name + " names two nodes, such as [client, web]"
	}
	return ""
}
