package report

import (
	"math"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// none stands where a record has no number.
const none = "–"

// Quantity formats the value of the metric of that name, in the metric's unit.
func Quantity(name string, v float64, unit string) string {
	switch unit {
	case metric.Seconds:
		return quantity.Seconds(v)
	case metric.Bytes:
		return quantity.Bytes(v)
	case metric.PerSecond:
		return quantity.Digits(v) + "/s"
	}
	switch {
	case isShare(name):
		return quantity.Share(v)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return quantity.Count(int64(v))
	}
	return quantity.Level(v)
}

// isShare tells proportions from counts: the catalogue gives both the unit 1.
func isShare(name string) bool {
	return strings.Contains(name, ".cpu.") || strings.Contains(name, ".pressure.")
}
