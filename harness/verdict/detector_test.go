package verdict

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// night returns the evidence of 20 fresh seeds, in margins.
func night(t *testing.T, r *rand.Rand, mean, sd float64) float64 {
	s, err := NewState(failures(Up), Rule{})
	require.NoError(t, err)
	for range 20 {
		s.Add(Pair{0, mean + sd*r.NormFloat64()})
	}
	return s.Evidence().Confirm
}

func TestDetector(t *testing.T) {
	var d Detector
	for _, e := range []float64{0.5, 2, 0, 3} {
		d.Night(e)
	}
	assert.InDelta(t, 3, d.R, 1e-12, "(0+1)·0.5, (0.5+1)·2, nothing, (0+1)·3")
	for range 10 {
		d.Night(1e250)
	}
	assert.InDelta(t, largest, d.R, 0)
	assert.InDelta(t, 73_000, AlarmBar(200, 365), 0)
}

// No alarm in 60,000 quiet nights of a series that scatters by as much as its margin.
func TestDetectorStaysQuiet(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	var d Detector
	var most float64
	for range 60_000 {
		d.Night(night(t, r, 0, 1))
		most = max(most, d.R)
	}
	t.Logf("largest R in 60,000 quiet nights: %.3g; the bar is 73,000", most)
	assert.False(t, Detector{most}.Alarm(AlarmBar(200, 365)))
}

// A series that sits exactly at the margin is the worst of the quiet ones. Its first alarm
// comes no sooner, on the average, than the bar promises.
func TestDetectorAtTheMargin(t *testing.T) {
	const bar, runs = 30, 200
	r := rand.New(rand.NewPCG(11, 2))
	var nights int
	for range runs {
		for d := (Detector{}); !d.Alarm(bar); nights++ {
			d.Night(night(t, r, 1, 1))
		}
	}
	mean := float64(nights) / runs
	t.Logf("mean time to a false alarm at the margin: %.0f nights; promised %d", mean, bar)
	assert.GreaterOrEqual(t, mean, float64(bar))
}

func TestDetectorSees(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 3))
	for _, c := range []struct{ sd, want float64 }{{0.3, 2}, {0.5, 2}, {1, 4}} {
		const runs = 500
		var nights int
		for range runs {
			d := Detector{R: 1} // after a quiet time
			for !d.Alarm(AlarmBar(200, 365)) {
				d.Night(night(t, r, 2, c.sd))
				nights++
			}
		}
		mean := float64(nights) / runs
		t.Logf("twice the margin, scatter %.1f margins: seen after %.1f nights", c.sd, mean)
		assert.LessOrEqual(t, mean, c.want)
	}
}
