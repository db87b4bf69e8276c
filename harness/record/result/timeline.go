package result

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// Timeline holds equally spaced samples from the start of the measured window. NaN is a gap: a sample that there is
// not, null in JSON.
type Timeline struct {
	Interval float64              `json:"interval"` // s; 0 when no timeline was recorded
	Series   map[string][]float64 `json:"series"`   // by name
}

// stored is a timeline as it is in a file.
type stored struct {
	Interval float64            `json:"interval"`
	Series   map[string]samples `json:"series"`
}

// samples are a series as it is in a file.
type samples []float64

// MarshalJSON writes a timeline.
func (t Timeline) MarshalJSON() ([]byte, error) {
	s := stored{Interval: t.Interval}
	if t.Series != nil {
		s.Series = make(map[string]samples, len(t.Series))
	}
	for name, values := range t.Series {
		s.Series[name] = values
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads one.
func (t *Timeline) UnmarshalJSON(b []byte) error {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*t = Timeline{Interval: s.Interval}
	if s.Series != nil {
		t.Series = make(map[string][]float64, len(s.Series))
	}
	for name, values := range s.Series {
		t.Series[name] = values
	}
	return nil
}

// MarshalJSON writes null for a gap.
func (s samples) MarshalJSON() ([]byte, error) {
	if !slices.ContainsFunc(s, math.IsNaN) {
		return json.Marshal([]float64(s))
	}
	values := make([]*float64, len(s))
	for i := range s {
		if !math.IsNaN(s[i]) {
			values[i] = &s[i]
		}
	}
	return json.Marshal(values)
}

// UnmarshalJSON reads null as a gap.
func (s *samples) UnmarshalJSON(b []byte) error {
	if !bytes.Contains(b, []byte("null")) {
		return json.Unmarshal(b, (*[]float64)(s))
	}
	var values []*float64
	if err := json.Unmarshal(b, &values); err != nil || values == nil {
		return err
	}
	*s = make(samples, len(values))
	for i, v := range values {
		(*s)[i] = math.NaN()
		if v != nil {
			(*s)[i] = *v
		}
	}
	return nil
}

// sample writes one for people; one that is beyond the end is missing.
func sample(s []float64, i int) string {
	switch {
	case i >= len(s):
		return "missing"
	case math.IsNaN(s[i]):
		return "a gap"
	}
	return strconv.FormatFloat(s[i], 'g', -1, 64)
}
