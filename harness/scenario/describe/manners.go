package describe

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// manners says how a client treats its requests, but for when they arrive.
func manners(h *scenario.HTTPLoad) (out string) {
	if h.RetryWait > 0 {
		out += ", after " + Duration(h.RetryWait)
	}
	if h.Body > 0 {
		out += "; posts " + Size(h.Body)
	}
	for _, p := range []struct {
		does string
		pace *scenario.Slow
	}{{"reads", h.Reads}, {"sends", h.Sends}} {
		if p.pace != nil {
			out += fmt.Sprintf("; %s %s every %s", p.does, Size(p.pace.Bytes), Duration(p.pace.Every))
		}
	}
	if h.ConnectTimeout > 0 {
		out += "; waits " + Duration(h.ConnectTimeout) + " for a connection"
	}
	if h.FirstByteTimeout > 0 {
		out += "; waits " + Duration(h.FirstByteTimeout) + " for the first byte"
	}
	switch a := h.Abort; {
	case a == nil:
	case a.After > 0:
		out += "; aborts after " + Duration(a.After)
	default:
		out += "; aborts after " + Size(a.Bytes)
	}
	return out
}

// times is how often something is done again.
func times(n int) string {
	if n == 1 {
		return "once more"
	}
	return "up to " + quantity.Count(int64(n)) + " times more"
}
