package page

import (
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// datagrams draws what became of the datagrams of udp loads.
func (d *drawing) datagrams() {
	if len(d.r.Timeline.Series["udp.sent"]) == 0 {
		return
	}
	d.lines("Datagrams", "a second", counts, []named{
		{"sent", "udp.sent", d.rate("udp.sent")}, {"received", "udp.received", d.rate("udp.received")}})
	times := []named{{"longest of the interval", "udp.delay.max", d.series("udp.delay.max")}}
	if len(d.r.Timeline.Series["udp.back.received"]) > 0 {
		times = append(times, named{"of answers", "udp.back.delay.max", d.series("udp.back.delay.max")})
	}
	d.lines("Delay of datagrams", "one way, until the receiver took them", quantity.Seconds, times)
}

// bulk draws what came through bulk loads.
func (d *drawing) bulk() {
	if len(d.r.Timeline.Series["bulk.goodput"]) == 0 {
		return
	}
	list := []named{{"all", "bulk.goodput", d.series("bulk.goodput")}}
	for _, prefix := range report.NamedLoads(d.r, "bulk.flows") {
		list = append(list, named{report.LoadName(prefix), prefix + "bulk.goodput", d.series(prefix + "bulk.goodput")})
	}
	d.lines("Goodput of bulk data", "read by the sink", quantity.Rate, list)
}
