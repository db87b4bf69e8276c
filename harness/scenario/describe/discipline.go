package describe

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Discipline names a link's, with the settings that are not the usual ones: fq_codel (target 1ms, no-ecn).
func Discipline(d *scenario.Discipline) string {
	v := reflect.ValueOf(d).Elem()
	for _, f := range yamldoc.FieldsOf(v.Type()) {
		if p := v.Field(f.Index); !p.IsNil() {
			settings := settings(p.Elem())
			if len(settings) == 0 {
				return f.Name
			}
			return f.Name + " (" + strings.Join(settings, ", ") + ")"
		}
	}
	return ""
}

// settings are the fields of a structure that differ from their defaults, as a file has them.
func settings(v reflect.Value) (list []string) {
	for _, f := range yamldoc.FieldsOf(v.Type()) {
		got := v.Field(f.Index)
		switch {
		case f.Default != "" && reflect.DeepEqual(got.Interface(), f.Parse(f.Default).Interface()):
		case f.Default == "" && got.IsZero():
		case got.Kind() == reflect.Bool:
			list = append(list, f.Name)
		default:
			list = append(list, fmt.Sprintf("%s %v", f.Name, got.Interface()))
		}
	}
	return list
}
