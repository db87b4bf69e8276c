package scenario

import (
	"fmt"
	"strings"
)

// mostRequests that one load may plan: each is remembered until it is answered.
const mostRequests = 10_000_000

func (v *validation) loads() {
	for i := range v.Load {
		l, path := &v.Load[i], fmt.Sprintf("load[%d]", i)
		okFrom, okTo := v.known(path+".from", l.From), v.known(path+".to", l.To)
		if okFrom && okTo && v.target(path, l) {
			way := v.path(l.From, l.To, false)
			if l.HTTP != nil && l.HTTP.IPv6 {
				v.ipv6(path, way)
			}
		}
		if l.HTTP == nil {
			v.fail(path+".http", "load without a kind", "kinds: http")
			continue
		}
		v.arrivals(path+".http", l.HTTP)
	}
}

// target checks that there is something at the other end of a load.
func (v *validation) target(path string, l *Traffic) bool {
	node := v.Nodes[l.To]
	switch {
	case l.From == l.To:
		v.fail(path+".to", fmt.Sprintf("load from %s to itself", l.To), "that would not touch any link")
		return false
	case node.Service == nil || node.Service.PHP == nil:
		if v.sound(join("nodes", l.To)) {
			v.fail(path+".to", fmt.Sprintf("%s has no php service", l.To), v.servers("php"))
		}
		return false
	case l.HTTP != nil && l.HTTP.Port != node.Service.PHP.Port && v.sound(join("nodes", l.To)):
		v.fail(path+".http.port", fmt.Sprintf("nothing serves HTTP on port %d of %s", l.HTTP.Port, l.To),
			fmt.Sprintf("its php service is on port %d; without the key, that is what is used", node.Service.PHP.Port))
	}
	return v.reachable(path+".to", l.From, l.To)
}

// ipv6 checks that every link of a way can carry IPv6 (RFC 8200, section 5: 1280 bytes).
func (v *validation) ipv6(path string, way []string) {
	for i := range len(way) - 1 {
		if l := v.link(way[i], way[i+1]); l != nil && l.MTU < 1280 {
			v.fail(path+".http.ipv6", fmt.Sprintf("the link between %s and %s has no IPv6: its MTU is %d", way[i], way[i+1], l.MTU), "IPv6 needs an MTU of 1280 at least")
			return
		}
	}
}

// arrivals checks when a load runs, and how much it is.
func (v *validation) arrivals(path string, h *HTTPLoad) {
	if !v.sound("duration") || !v.sound("warmup") || !v.sound(path) {
		return
	}
	begin := v.begin(h)
	if begin >= v.Duration {
		v.fail(path+".at", fmt.Sprintf("the load would begin at %v, and the run ends at %v", begin, v.Duration), "")
		return
	}
	if h.For > v.Duration-begin {
		v.fail(path+".for", fmt.Sprintf("the load would end %v after the run: it begins %s and lasts %v, and the run ends at %v",
			h.For-(v.Duration-begin), at(begin), h.For, v.Duration), "leave the key out to load to the end")
		return
	}
	if n := float64(h.Rate) * float64(h.For) / 1e9; n > mostRequests {
		v.fail(path+".rate", fmt.Sprintf("%v for %v makes %.0f requests, and %d is the most", h.Rate, h.For, n, mostRequests), "")
	}
}

// at says when something begins; d is negative in the warm-up.
func at(d Duration) string {
	if d < 0 {
		return fmt.Sprintf("with the warm-up, %v before the measured window,", -d)
	}
	return fmt.Sprintf("at %v", d)
}

func (v *validation) faults() {
	seen := map[string]int{}
	for i := range v.Faults {
		f, path := &v.Faults[i], fmt.Sprintf("faults[%d]", i)
		if !faultName.MatchString(f.Name) {
			v.fail(path+".name", fmt.Sprintf("%s is not a fault's name", quote(f.Name)), "a letter, then up to 31 letters, digits and dashes")
		} else if first, ok := seen[f.Name]; ok {
			v.fail(path+".name", fmt.Sprintf("a second fault called %q", f.Name), fmt.Sprintf("faults[%d] has that name", first))
		} else {
			seen[f.Name] = i
		}
		v.place(path, f)
		v.action(path+".do", f.Do)
		v.during(path, f)
	}
}

// place checks the link of a fault and the end from which it acts.
func (v *validation) place(path string, f *Fault) {
	a, b := f.Link[0], f.Link[1]
	okA, okB := v.known(path+".link[0]", a), v.known(path+".link[1]", b)
	if !okA || !okB {
		return
	}
	if v.link(a, b) == nil && v.sound("links") {
		hint := "links of " + a + ": "
		for i, n := range v.neighbours(a) {
			if i > 0 {
				hint += ", "
			}
			hint += "[" + a + ", " + n + "]"
		}
		if len(v.neighbours(a)) == 0 {
			hint = a + " has no link"
		}
		v.fail(path+".link", fmt.Sprintf("no link between %s and %s", a, b), hint)
		return
	}
	if f.From != "" && f.From != a && f.From != b {
		v.fail(path+".from", fmt.Sprintf("%s is not an end of the link", quote(f.From)), fmt.Sprintf("from is the end that sends the packets: %s or %s", a, b))
	}
}

func (v *validation) action(path string, a Action) {
	if !v.sound(path) {
		return
	}
	var set []string
	for _, c := range []struct {
		name string
		set  bool
	}{{"drop", a.Drop}, {"delay", a.Delay > 0}, {"reorder", a.Reorder > 0}, {"duplicate", a.Duplicate > 0}, {"rate", a.Rate > 0}} {
		if c.set {
			set = append(set, c.name)
		}
	}
	switch {
	case len(set) == 0 && a.Jitter > 0:
		v.fail(path+".jitter", "jitter without delay", "add the key delay, the mean around which it varies")
	case len(set) == 0:
		v.fail(path, "a fault that does nothing", "one of: drop, delay (with jitter), reorder, duplicate, rate")
	case len(set) > 1:
		v.fail(path, "a fault does one thing, not "+strings.Join(set, " and "), "write one fault for each; they act one after the other")
	case a.Jitter > 0 && a.Delay == 0:
		v.fail(path+".jitter", "jitter goes with delay, not with "+set[0], "")
	case a.Jitter > a.Delay:
		v.fail(path+".jitter", fmt.Sprintf("a jitter of %v is more than the delay of %v", a.Jitter, a.Delay), "a packet cannot leave before it came")
	}
}

// during checks that a fault happens within the measured window.
func (v *validation) during(path string, f *Fault) {
	if !v.sound("duration") || !v.sound(path+".at") || !v.sound(path+".for") {
		return
	}
	switch {
	case f.At >= v.Duration:
		v.fail(path+".at", fmt.Sprintf("the fault would begin at %v, and the run ends at %v", f.At, v.Duration), "")
	case f.For > v.Duration-f.At:
		v.fail(path+".for", fmt.Sprintf("the fault would end %v after the run: it begins at %v and lasts %v, and the run ends at %v",
			f.For-(v.Duration-f.At), f.At, f.For, v.Duration), "leave the key out for a fault that lasts to the end")
	}
}
