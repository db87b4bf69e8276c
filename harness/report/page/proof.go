package page

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// proven is how one can tell that a fault acted.
type proven struct {
	Text   string
	Forged []string // segments that were made up, and how many more there are
}

// mostForged is how many forged segments of a fault are listed.
const mostForged = 50

// proofs says for each fault what was asked for and what was counted.
func proofs(r *result.Record, s *scenario.Scenario) []proven {
	var out []proven
	for i := range s.Faults {
		f := &s.Faults[i]
		for _, receipt := range r.Faults {
			if receipt.Name == f.Name {
				p := proven{Text: proof(f, receipt)}
				for n, segment := range receipt.Forged {
					if n == mostForged {
						p.Forged = append(p.Forged, fmt.Sprintf("and %s more", quantity.Count(int64(len(receipt.Forged)-n))))
						break
					}
					p.Forged = append(p.Forged, report.Forged(segment))
				}
				out = append(out, p)
			}
		}
	}
	return out
}

func proof(f *scenario.Fault, c result.Receipt) string {
	out := fmt.Sprintf("%s was to %s, %s. ", f.Name, describe.Fault(f), describe.When(f))
	switch f.Do.Kind() {
	case "inject":
		out += fmt.Sprintf("%s entered the link, into %s of %s that it had seen open.",
			quantity.Plural(c.Delivered, "forged segment"),
			quantity.Plural(c.Chosen, "connection"), quantity.Count(c.Matched))
		return out + lost(c)
	case "pause":
		return out + fmt.Sprintf("%s stood still %s, for %s in all, and used no CPU time meanwhile.",
			quantity.Plural(c.Processes, "process"), quantity.Plural(c.Chosen, "time"), quantity.Seconds(c.Stood))
	case "down":
		out += fmt.Sprintf("It went down %s; both nodes’ kernels noticed %s.", quantity.Plural(c.Chosen, "time"),
			quantity.Count(c.Delivered))
	default:
		out += matched(f, c) + " " + delivered(f, c)
	}
	return out + lost(c)
}

// lost says whether something disappeared that no fault asked for.
func lost(c result.Receipt) string {
	var out string
	if c.Overlimits > 0 {
		length := ""
		if c.Queue > 0 { // records of earlier builds do not say
			length = " of " + quantity.Plural(c.Queue, "packet")
		}
		out += fmt.Sprintf(" Its queue%s had no room for %s.", length, quantity.Plural(c.Overlimits, "packet"))
	}
	if c.LostInQueue > 0 {
		out += fmt.Sprintf(" After it, the queue of the link had no room for %s.", quantity.Plural(c.LostInQueue, "packet"))
	}
	switch {
	case c.UnexplainedLoss != 0:
		return out + fmt.Sprintf(" %s got lost although no fault asked for it.", quantity.Plural(c.UnexplainedLoss, "packet"))
	case out == "":
		return " Nothing else was lost on its way."
	}
	return out + " Nothing else was lost."
}

// matched says how the packets were chosen, and whether chance explains how many.
func matched(f *scenario.Fault, c result.Receipt) string {
	out := fmt.Sprintf("While it was on, %s of that kind came along", quantity.Plural(c.Matched, "packet"))
	if c.Chosen == c.Matched {
		return out + ", and it acted on all of them." + first(c)
	}
	out += fmt.Sprintf(", and it acted on %s", quantity.Count(c.Chosen))
	drawn := c.Chosen
	if c.Hits > 0 { // with bursts, the others were taken along
		drawn = c.Hits
		out += fmt.Sprintf(", of which %s by the draw and the others in their wake", quantity.Count(drawn))
	}
	if len(c.Interval) == 2 && f.Select.Chance != nil && c.Matched > 0 {
		out += fmt.Sprintf(", which is %s where %s was asked for: chance alone gives %s to %s in 999 of 1000 runs",
			quantity.Share(float64(drawn)/float64(c.Matched)), describe.Share(*f.Select.Chance), quantity.Count(c.Interval[0]),
			quantity.Count(c.Interval[1]))
	}
	return out + "." + first(c)
}

// first says when the first packets were chosen, and of which kinds all were.
func first(c result.Receipt) (out string) {
	if len(c.Times) > 0 {
		out = fmt.Sprintf(" The first was at %.3f s.", c.Times[0])
	}
	var kinds []string
	for _, k := range []struct{ key, one string }{{"pure-ack", "pure ACK"}, {"data", "data segment"}, {"syn", "SYN"},
		{"tcp", "other TCP segment"}, {"other", "other packet"}} {
		if n := c.Kinds[k.key]; n > 0 {
			kinds = append(kinds, quantity.Plural(n, k.one))
		}
	}
	if len(kinds) > 0 {
		out += fmt.Sprintf(" Among them were %s.", quantity.List(kinds))
	}
	return out
}

// delivered says what the far end of the wire saw of it.
func delivered(f *scenario.Fault, c result.Receipt) string {
	n := c.Delivered
	switch f.Do.Kind() {
	case "watch":
		return "It only watched them."
	case "duplicate":
		return fmt.Sprintf("The far end of the wire saw %s more than were sent.", quantity.Plural(n, "packet"))
	case "loss":
		out := fmt.Sprintf("The far end of the wire missed %s", quantity.Plural(n, "packet"))
		if len(c.DeliveredInterval) == 2 {
			out += fmt.Sprintf(", where the model gives %s to %s in 999 of 1000 runs", quantity.Count(c.DeliveredInterval[0]),
				quantity.Count(c.DeliveredInterval[1]))
		}
		return out + "."
	case "drop":
		return fmt.Sprintf("The far end of the wire missed %s.", quantity.Plural(n, "packet"))
	case "corrupt":
		return fmt.Sprintf("%s arrived damaged.", quantity.Plural(n, "packet"))
	case "mark":
		return fmt.Sprintf("The far end of the wire saw CE on %s more than were sent with it.", quantity.Plural(n, "packet"))
	case "mtu", "reject":
		told := ""
		if c.Messages > 0 {
			told = fmt.Sprintf(", and their senders were informed by %s", quantity.Plural(c.Messages, describe.Message(f)))
		}
		return fmt.Sprintf("%s did not get through%s.", quantity.Plural(n, "packet"), told)
	}
	return fmt.Sprintf("%s went through its queue and arrived.", quantity.Plural(n, "packet"))
}
