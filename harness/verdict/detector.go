package verdict

// Detector raises an alarm about a series that is measured again and again, every night
// with fresh seeds. It adds up evidence over the nights, forgets nothing that points to a
// change, and pays for the nights on which it looked: with e-values e, R becomes (R+1)·e.
// That is the Shiryaev-Roberts e-detector (Shin, Ramdas and Rinaldo, arXiv 2203.03532):
// while nothing has changed, the mean time to the first alarm is at least the bar.
type Detector struct {
	// R is the evidence so far; it is all that has to be kept from night to night.
	R float64 `json:"r"`
}

// Night takes the evidence of one night's seeds that the series has changed, in the suspected direction,
// which is the Confirm of a [State] that was new in the evening.
func (d *Detector) Night(e float64) {
	d.R = min((d.R+1)*e, largest)
}

// Alarm says whether the evidence has reached the bar. The change began at some time since the last reset. The caller
// sets R to zero when the alarm has been dealt with.
func (d Detector) Alarm(bar float64) bool { return d.R >= bar }

// AlarmBar returns the bar at which that many series give one false alarm in that many
// nights on the average, or fewer: 73,000 for 200 series and one a year.
func AlarmBar(series, nights int) float64 { return float64(series) * float64(nights) }
