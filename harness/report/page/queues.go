package page

import (
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario"
)

// queues draws what waited in front of rates, and what found no room there.
func (d *drawing) queues(s *scenario.Scenario) {
	var waiting, lost []named
	for _, series := range report.Queues(d.r) {
		name := report.QueueName(series, s)
		waiting = append(waiting, named{name, series, d.series(series)})
		lost = append(lost, named{name, series + ".drops", d.rate(series + ".drops")})
	}
	d.lines("Packets in queues", "waiting for a rate or a slot, in the mean", counts, d.moved(waiting))
	d.lines("Packets for which a queue had no room", "a second", counts, d.moved(lost))
}
