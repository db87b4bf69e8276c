package result

import (
	"encoding/json"
	"fmt"
	"sort"
)

// Difference is one place in which two records of the same run disagree.
type Difference struct {
	Field string // such as metrics.http.latency.p99
	// Moment is where on the timeline the difference begins, in seconds from the start
	// of the measured window; negative when the field is not a timeline.
	Moment float64
	A, B   string // the two values, as JSON; "missing" where one has none
}

// Compare lists where the deterministic parts of two records differ: timelines
// first, by moment, since the earliest of them is where to look for the cause;
// then the other fields by name. It returns nothing exactly when the digests agree.
func Compare(a, b *Record) []Difference {
	var out []Difference
	out = append(out, compareTimelines(a.Timeline, b.Timeline)...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Moment < out[j].Moment })

	fa, fb := flatten(a), flatten(b)
	names := make([]string, 0, len(fa))
	for name := range fa {
		names = append(names, name)
	}
	for name := range fb {
		if _, ok := fa[name]; !ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		va, oka := fa[name]
		vb, okb := fb[name]
		if va == vb && oka == okb {
			continue
		}
		out = append(out, Difference{Field: name, Moment: -1, A: orMissing(va, oka), B: orMissing(vb, okb)})
	}
	return out
}

func orMissing(v string, ok bool) string {
	if !ok {
		return "missing"
	}
	return v
}

func compareTimelines(a, b Timeline) []Difference {
	var out []Difference
	names := make(map[string]bool)
	for name := range a.Series {
		names[name] = true
	}
	for name := range b.Series {
		names[name] = true
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	for _, name := range sorted {
		sa, oka := a.Series[name]
		sb, okb := b.Series[name]
		field := "timeline." + name
		if !oka || !okb {
			out = append(out, Difference{Field: field, Moment: 0, A: presence(oka), B: presence(okb)})
			continue
		}
		for i := range max(len(sa), len(sb)) {
			va, vb := sample(sa, i), sample(sb, i)
			if va != vb {
				out = append(out, Difference{Field: field, Moment: float64(i) * a.Interval, A: va, B: vb})
				break
			}
		}
	}
	return out
}

func presence(ok bool) string {
	if ok {
		return "recorded"
	}
	return "missing"
}

// flatten turns the deterministic part of a record, minus the timeline's series, into
// dotted names and JSON values.
func flatten(r *Record) map[string]string {
	c := r.deterministic()
	c.Timeline.Series = nil
	out := make(map[string]string)
	b, err := json.Marshal(&c)
	if err != nil {
		return map[string]string{"record": err.Error()}
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return map[string]string{"record": err.Error()}
	}
	walk("", v, out)
	return out
}

func walk(prefix string, v any, out map[string]string) {
	join := func(k string) string {
		if prefix == "" {
			return k
		}
		return prefix + "." + k
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			walk(join(k), e, out)
		}
	case []any:
		for i, e := range v {
			walk(fmt.Sprintf("%s[%d]", prefix, i), e, out)
		}
	default:
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte(err.Error())
		}
		out[prefix] = string(b)
	}
}
