package scenario

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

func (v *validation) loads() {
	for i := range v.Load {
		l, path := &v.Load[i], fmt.Sprintf("load[%d]", i)
		pace, paced := l.Pace()
		okFrom, okTo := v.known(path+".from", l.From), (l.To != "" || paced) && v.known(path+".to", l.To)
		if paced && l.To == "" && v.sound(path) {
			v.fail(path, "no node to ask", "add the key to, with the name of a node")
		}
		if okFrom && okTo && v.target(path, l) {
			way := v.path(l.From, l.To, false)
			if pace.IPv6 {
				v.ipv6(path+"."+pace.Kind, way)
			}
		}
		v.loadName(path+".name", i)
		switch kinds, all := mappings(l); {
		case len(kinds) == 0 && !v.sound(path): // its kind may be misspelt
			continue
		case len(kinds) == 0:
			v.fail(path, "load without a kind", "kinds: "+strings.Join(all, ", "))
			continue
		case len(kinds) > 1:
			v.fail(path+"."+kinds[1], "load of two kinds", "make it two loads")
			continue
		case l.Exec != nil:
			v.client(path+".exec", l.Exec)
			continue
		}
		v.arrivals(path+"."+pace.Kind, pace, l.HTTP)
		if l.HTTP == nil {
			continue
		}
		v.page(path+".http.path", l.HTTP.Path)
		v.host(path+".http.host", l)
		v.manners(path+".http", l.HTTP)
	}
}

// mappings are the keys of a load, or of a service, that hold a mapping and say what it is: those that are set, and
// all.
func mappings[T Traffic | Service](of *T) (set, all []string) {
	value := reflect.ValueOf(of).Elem()
	for _, f := range yamldoc.FieldsOf(value.Type()) {
		x := value.Field(f.Index)
		if x.Kind() != reflect.Pointer {
			continue
		}
		if all = append(all, f.Name); !x.IsNil() {
			set = append(set, f.Name)
		}
	}
	return set, all
}

// loadName checks the name of a load, which begins the names of its metrics.
func (v *validation) loadName(path string, index int) {
	l := &v.Load[index]
	switch {
	case l.Name == "":
	case !faultName.MatchString(l.Name):
		v.fail(path, fmt.Sprintf("%s is not a load's name", quote(l.Name)),
			"a letter, then up to 31 letters, digits and dashes")
	case l.Exec != nil:
		v.fail(path, "a program has no name as load", "its metrics are named after it: NODE.exec.NAME.")
	case slices.ContainsFunc(v.Load[:index], func(other Traffic) bool { return other.Name == l.Name }):
		v.fail(path, fmt.Sprintf("a second load %s", quote(l.Name)), "")
	}
}

// target checks that there is something at the other end of a load.
func (v *validation) target(path string, l *Traffic) bool {
	ports, lacks := v.portsFor(l)
	pace, paced := l.Pace()
	switch {
	case l.From == l.To:
		v.fail(path+".to", fmt.Sprintf("load from %s to itself", l.To), "that would not touch any link")
		return false
	case !paced:
	case len(ports) == 0:
		if v.sound(join("nodes", l.To)) {
			v.fail(path+".to", fmt.Sprintf("%s has %s", l.To, lacks), v.servers(pace.Kind))
		}
		return false
	case !slices.Contains(ports, pace.Port) && v.sound(join("nodes", l.To)):
		v.fail(join(path, pace.Kind)+".port",
			fmt.Sprintf("nothing serves %s on port %d of %s", pace.protocol(), pace.Port, l.To),
			fmt.Sprintf("without the key, port %d is used", ports[0]))
	}
	return v.reachable(path+".to", l.From, l.To)
}

// ipv6 checks that every link of a way can carry IPv6 (RFC 8200, section 5: 1280 bytes).
func (v *validation) ipv6(path string, way []string) {
	for i := range len(way) - 1 {
		if l := v.link(way[i], way[i+1]); l != nil && l.MTU < 1280 {
			v.fail(path+".ipv6", fmt.Sprintf("the link between %s and %s has no IPv6: its MTU is %d", way[i], way[i+1],
				l.MTU), "IPv6 needs an MTU of 1280 at least")
			return
		}
	}
}

// arrivals checks when a load runs, and how much it is.
func (v *validation) arrivals(path string, h Pace, http *HTTPLoad) {
	if !v.sound("duration") || !v.sound("warmup") || !v.sound(path) {
		return
	}
	v.phase(path, h.Phase)
	if !v.sound(path+".phase") || h.Phase != "" && !v.sound(join("phases", h.Phase)) {
		return
	}
	begin := v.begin(h.At)
	if begin >= v.Duration {
		v.fail(path+".at", fmt.Sprintf("the load would begin at %v, and the run ends at %v", begin, v.Duration), "")
		return
	}
	if h.For > v.Duration-begin {
		v.fail(path+".for",
			fmt.Sprintf("the load would end %v after the run: it begins %s and lasts %v, and the run ends at %v",
				h.For-(v.Duration-begin), at(begin), h.For, v.Duration), "leave the key out to load to the end")
		return
	}
	if http != nil {
		v.process(path, http)
		return
	}
	switch {
	case h.First != nil && h.Arrivals != Constant:
		v.fail(path+".first", "the first of random arrivals is random too", "set arrivals: constant, or leave the key out")
	case h.First != nil && *h.First >= h.For:
		v.fail(path+".first", fmt.Sprintf("the first %s would be %v after the load begins, and the load lasts %v",
			h.unit(), *h.First, h.For), "")
	}
	if n := float64(h.Rate) * float64(h.For) / 1e9; n > mostRequests {
		v.fail(path+".rate", fmt.Sprintf("%v for %v makes %.0f %ss, and %d is the most", h.Rate, h.For, n, h.unit(),
			mostRequests), "")
	}
}

// unit is what of a load arrives one by one.
func (p Pace) unit() string {
	if p.Kind == "udp" {
		return "datagram"
	}
	return "request"
}

// protocol is what the service of a load speaks, in words.
func (p Pace) protocol() string {
	if p.Kind == "bulk" {
		return "bulk data"
	}
	return strings.ToUpper(p.Kind)
}

// at says when something begins; d is negative in the warm-up.
func at(d Duration) string {
	if d < 0 {
		return fmt.Sprintf("with the warm-up, %v before the measured window,", -d)
	}
	return fmt.Sprintf("at %v", d)
}

// phases checks the spans that faults and loads can name.
func (v *validation) phases() {
	for _, name := range slices.Sorted(maps.Keys(v.Phases)) {
		path := join("phases", name)
		if !faultName.MatchString(name) {
			v.failKey(path, fmt.Sprintf("%s is not a phase's name", quote(name)),
				"a letter, then up to 31 letters, digits and dashes")
		}
		p := v.Phases[name]
		v.span(path, "phase", p.At, p.For)
	}
}

// phase checks that the phase at path exists and that at and for do not say something else.
func (v *validation) phase(path, name string) {
	if name == "" {
		return
	}
	if v.Phases[name] == nil {
		hint := "the scenario has no phases: add the key phases"
		if len(v.Phases) > 0 {
			hint = nearHint(name, slices.Sorted(maps.Keys(v.Phases)))
		}
		v.fail(path+".phase", fmt.Sprintf("no phase %s", quote(name)), hint)
		return
	}
	for _, key := range []string{".at", ".for"} {
		if v.d.Written(path + key) {
			v.fail(path+key, "both a phase and "+key[1:], "the phase says when; leave one of them out")
		}
	}
}

// during checks that a fault happens within the measured window, and how it repeats.
func (v *validation) during(path string, f *Fault) {
	v.phase(path, f.Phase)
	if f.Phase == "" {
		v.span(path, "fault", f.At, f.For)
	}
	if !v.sound(path+".at") || !v.sound(path+".for") || !v.sound(path+".every") {
		return
	}
	once := f.Do.Inject != nil // it takes no time
	switch {
	case once && f.For > 0 && f.Phase == "":
		v.fail(path+".for", "an injection takes no time", "leave the key out; every and times repeat it")
	case f.Times > 0 && f.Every == 0:
		v.fail(path+".times", "times without every", "add the key every: the time from one beginning to the next")
	case f.Every > 0 && f.For == 0 && !once:
		v.fail(path+".every", "every without for", "add the key for: how long the fault lasts each time")
	case f.Every > 0 && f.Every <= f.For && !once:
		v.fail(path+".every", fmt.Sprintf("the fault lasts %v and would begin again after %v", f.For, f.Every),
			"every counts from one beginning to the next; make it longer than for")
	case f.Times > 1 && v.sound("duration") && f.At+Duration(f.Times-1)*f.Every >= v.Duration:
		v.fail(path+".times", fmt.Sprintf("the last of %d times would begin at %v, and the run ends at %v", f.Times,
			f.At+Duration(f.Times-1)*f.Every, v.Duration), "leave the key out to repeat it to the end")
	case f.Every > 0 && v.sound("duration") && v.Duration/f.Every > mostSpans:
		v.fail(path+".every", fmt.Sprintf("%d repetitions, and %d is the most", v.Duration/f.Every, mostSpans), "")
	}
	v.ramp(path, f)
}

// span checks that something happens within the measured window.
func (v *validation) span(path, what string, at, length Duration) {
	if !v.sound("duration") || !v.sound(path+".at") || !v.sound(path+".for") {
		return
	}
	switch {
	case at >= v.Duration:
		v.fail(path+".at", fmt.Sprintf("the %s would begin at %v, and the run ends at %v", what, at, v.Duration), "")
	case length > v.Duration-at:
		v.fail(path+".for",
			fmt.Sprintf("the %s would end %v after the run: it begins at %v and lasts %v, and the run ends at %v",
				what, length-(v.Duration-at), at, length, v.Duration), "leave the key out for a "+what+" that lasts to the end")
	}
}

// ramp checks that a fault has what its ramp changes.
func (v *validation) ramp(path string, f *Fault) {
	r := f.Ramp
	if r == nil || !v.sound(path+".ramp") || !v.sound(path+".do") {
		return
	}
	path += ".ramp"
	set := 0
	for _, is := range []bool{r.Chance != nil, r.Delay > 0, r.Rate > 0} {
		if is {
			set++
		}
	}
	kind := f.Do.Kind()
	switch {
	case set != 1:
		v.fail(path, "a ramp changes one value", "one of: chance, delay, rate")
	case kind == "inject" || kind == "down" || kind == "mtu" || kind == "pause":
		v.fail(path, kind+" has no value that a ramp could change", "")
	case r.Delay > 0 && kind != "delay":
		v.fail(path+".delay", "a ramp of delay, but the fault does not delay",
			"write do: {delay: …}, the value at the beginning")
	case r.Delay > 0 && f.Do.Jitter > r.Delay:
		v.fail(path+".delay", fmt.Sprintf("the jitter of %v would be more than the delay of %v", f.Do.Jitter, r.Delay),
			"a packet cannot leave before it came")
	case r.Rate > 0 && kind != "rate":
		v.fail(path+".rate", "a ramp of rate, but the fault has no rate", "write do: {rate: …}, the value at the beginning")
	case f.For > 0 && r.Over > f.For:
		v.fail(path+".over", fmt.Sprintf("the ramp takes %v, and the fault lasts %v", r.Over, f.For), "")
	}
}

// mostSpans is how often a fault may repeat.
const mostSpans = 1_000_000
