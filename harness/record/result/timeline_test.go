package result_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
)

func TestGapsOfATimelineAreNull(t *testing.T) {
	gap := math.NaN()
	line := result.Timeline{Interval: 0.1, Series: map[string][]float64{
		"a": {1, gap, 0.25}, "b": {1, 2}, "c": {gap}, "d": {}, "e": nil,
	}}
	text, err := json.Marshal(line)
	require.NoError(t, err)
	require.Equal(t, `{"interval":0.1,"series":{"a":[1,null,0.25],"b":[1,2],"c":[null],"d":[],"e":null}}`, string(text))
	var back result.Timeline
	require.NoError(t, json.Unmarshal(text, &back))
	require.True(t, math.IsNaN(back.Series["a"][1]))
	require.Equal(t, 0.25, back.Series["a"][2])
	require.Nil(t, back.Series["e"])
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	for _, text := range []string{`{"series":{"a":["1"]}}`, `{"series":{"a":[null,"1"]}}`, `{"series":7}`} {
		require.Error(t, json.Unmarshal([]byte(text), &back), text)
	}
}

func TestAGapIsNoDifference(t *testing.T) {
	r := func(v float64) *result.Record {
		return &result.Record{Timeline: result.Timeline{Interval: 1, Series: map[string][]float64{"a": {1, v}}}}
	}
	require.Empty(t, result.Compare(r(math.NaN()), r(math.NaN())))
	require.Equal(t, []result.Difference{{Field: "timeline.a", Moment: 1, A: "a gap", B: "0"}},
		result.Compare(r(math.NaN()), r(0)))
}
