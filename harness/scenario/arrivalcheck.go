package scenario

import "fmt"

const (
	// mostRequests that one load may plan: each is remembered until it is answered.
	mostRequests = 10_000_000
	// mostPieces of the rate of one load: bursts, times the points of its curve.
	mostPieces = 1_000_000
)

// process checks when requests arrive.
func (v *validation) process(path string, h *HTTPLoad) {
	kinds := []struct {
		key string
		is  bool
	}{{"rate", h.Rate > 0}, {"curve", h.Curve != nil}, {"times", h.Times != nil}, {"replay", h.Replay != nil},
		{"users", h.Users != nil}}
	first := ""
	for _, kind := range kinds {
		switch {
		case kind.is && first == "":
			first = kind.key
		case kind.is:
			v.fail(join(path, kind.key), fmt.Sprintf("both %s and %s", first, kind.key),
				"each says by itself when requests arrive; make it two loads")
			return
		}
	}
	switch first {
	case "":
		v.fail(path, "nothing says when requests arrive", "add rate, such as rate: 40/s; or curve, times, replay or users")
		return
	case "times", "replay":
		v.stated(path, h, first)
	case "curve":
		v.curve(path, h)
	case "users":
		v.users(path, h)
		return
	}
	if h.Sync != "" && !faultName.MatchString(h.Sync) {
		v.fail(path+".sync", fmt.Sprintf("%s is not a name", quote(h.Sync)),
			"up to 32 letters, digits and dashes, a letter first")
	}
	switch {
	case h.First != nil && (h.Arrivals != Constant || first != "rate"):
		v.fail(path+".first", "the first of random arrivals is random too", "set arrivals: constant, or leave the key out")
	case h.First != nil && h.Bursts != nil:
		v.fail(path+".first", "first with bursts", "the first is in the first burst: leave the key out")
	case h.First != nil && *h.First >= h.For:
		v.fail(path+".first", fmt.Sprintf("the first request would be %v after the load begins, and the load lasts %v",
			*h.First, h.For), "")
	}
	if b := h.Bursts; b != nil && b.On+b.Off > 0 {
		points := Duration(len(h.Curve) + 1)
		if n := h.For / (b.On + b.Off); n > mostPieces/points {
			v.fail(path+".bursts", fmt.Sprintf("%d bursts, and %d is the most", n, mostPieces/points), "")
		}
	}
	v.amount(path, h, first)
}

// amount checks that there are not too many requests, and one at least where that is known.
func (v *validation) amount(path string, h *HTTPLoad, kind string) {
	rate := float64(h.Rate)
	for _, p := range h.Curve {
		rate = max(rate, float64(p.Rate))
	}
	n := rate * float64(h.For) / 1e9
	if h.Times != nil {
		n = float64(len(h.Times))
	}
	if h.Replay != nil {
		n = float64(h.Replay.recording.Requests)
	}
	switch n *= float64(max(h.Batch, 1)); {
	case n <= mostRequests || kind == "":
	case kind == "rate" && h.Batch == 0:
		v.fail(path+".rate", fmt.Sprintf("%v for %v makes %.0f requests, and %d is the most", h.Rate, h.For, n, mostRequests),
			"")
	default:
		v.fail(join(path, kind), fmt.Sprintf("up to %.0f requests, and %d is the most", n, mostRequests), "")
	}
}

// curve checks the points of a curve.
func (v *validation) curve(path string, h *HTTPLoad) {
	highest := Frequency(0)
	for i, p := range h.Curve {
		highest = max(highest, p.Rate)
		if i > 0 && p.At <= h.Curve[i-1].At {
			v.fail(fmt.Sprintf("%s.curve[%d].at", path, i), fmt.Sprintf("a point at %v after one at %v", p.At, h.Curve[i-1].At),
				"the points of a curve are in their order")
		}
		if p.At > v.Duration {
			v.fail(fmt.Sprintf("%s.curve[%d].at", path, i),
				fmt.Sprintf("a point at %v, and the run ends at %v", p.At, v.Duration), "")
		}
	}
	if highest == 0 {
		v.fail(path+".curve", "no request ever arrives: all rates are 0/s", "")
	}
}

// stated checks what arrives at times that the file, or another, says.
func (v *validation) stated(path string, h *HTTPLoad, kind string) {
	if v.d.Written(path + ".arrivals") {
		v.fail(path+".arrivals", fmt.Sprintf("arrivals with %s, which say when requests arrive", kind), "leave the key out")
	}
	if h.Bursts != nil {
		v.fail(path+".bursts", "bursts of requests whose times are given", "bursts go with rate and curve")
	}
	begin, end := v.begin(h.At), v.begin(h.At)+h.For
	switch {
	case h.Replay == nil:
	case end <= h.Base():
		v.fail(path+".for", fmt.Sprintf("the load is from %v to %v, and its replay begins at %v", begin, end, h.Base()),
			"add at, which is when load and replay begin; or make for longer than the warm-up")
	default:
		v.replay(path+".replay", h.Replay)
	}
	for i, t := range h.Times {
		at := fmt.Sprintf("%s.times[%d]", path, i)
		switch {
		case t < begin || t >= end:
			v.fail(at, fmt.Sprintf("a request at %v, and the load is from %v to %v", t, begin, end), "")
		case i > 0 && t < h.Times[i-1]:
			v.fail(at, fmt.Sprintf("a request at %v after one at %v", t, h.Times[i-1]), "times are in their order")
		}
	}
}

func (v *validation) replay(path string, r *Replay) {
	switch {
	case r.Log == "" && r.Capture == "":
		v.fail(path, "a replay of nothing", "add log, the path of an access log, or capture, that of a pcap")
	case r.Log != "" && r.Capture != "":
		v.fail(path+".capture", "both log and capture", "make it two loads")
	case r.Log != "" && r.Port > 0:
		v.fail(path+".port", "port with log", "lines of an access log have none")
	case r.recording.Requests == 0 && v.d.Sound(path):
		v.fail(path, "no request in the recording", "")
	}
}
