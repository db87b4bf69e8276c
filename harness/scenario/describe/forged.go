package describe

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// inject says how many segments are forged; [Segment] says which.
func inject(in *scenario.Inject) string {
	n := int64(0)
	for i := range in.Segments {
		n += int64(max(in.Segments[i].Count, 1))
	}
	connections := int64(max(in.Connections, 1))
	each := ""
	if connections > 1 {
		each = " each"
	}
	return fmt.Sprintf("forge %s into %s%s of flow %s", quantity.Plural(n, "segment"),
		quantity.Plural(connections, "connection"), each, in.Flow)
}

// Segment says what a forged segment is: "to web: ACK, seq 1,000,000 ahead of what web expects, ack as it should be".
func Segment(s *scenario.Segment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "to %s: %s", s.To, strings.ToUpper(s.Flags))
	if s.Flags == "" {
		b.WriteString("ACK")
	}
	if s.Payload > 0 {
		b.WriteString(" with " + Size(s.Payload) + " of payload")
	}
	fmt.Fprintf(&b, ", seq %s", relative(s.Seq, "what "+s.To+" expects next"))
	fmt.Fprintf(&b, ", ack %s", relative(s.Ack, "all that "+s.To+" has sent"))
	if s.Window != nil {
		fmt.Fprintf(&b, ", window %s", quantity.Count(int64(*s.Window)))
	}
	if s.Age > 0 {
		fmt.Fprintf(&b, ", %s old", Duration(s.Age))
	}
	if s.Count > 1 {
		fmt.Fprintf(&b, ", %s times", quantity.Count(int64(s.Count)))
	}
	return b.String()
}

// relative says how far a number is from the one that would be right.
func relative(n int, right string) string {
	switch {
	case n > 0:
		return quantity.Count(int64(n)) + " ahead of " + right
	case n < 0:
		return quantity.Count(-int64(n)) + " behind " + right
	}
	return right
}
