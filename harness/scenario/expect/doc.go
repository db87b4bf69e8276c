// Package expect is the language of a scenario's expectations: one condition a line,
// over the metrics of the run.
//
//	http.errors == 0
//	http.latency.p99 < 400ms and web.cpu.softirq < 20%
//	http.errors / http.planned <= 0.5%
//	not (web.TcpExt.ListenOverflows > 0)
//
// There are numbers with units as in the scenario, names from the catalogue in
// [metric], + - * / with the usual precedence, == != < <= > >=, and, or, not, and
// parentheses. Units are checked: a latency cannot be compared with 400 or with 20%,
// only 0 goes with everything. Names may contain dashes, so a minus needs blanks.
//
// [Compile] checks everything that can be checked before the run: names against the
// scenario's nodes and faults, and units. [Check] does that for a scenario that is
// being loaded, so that mistakes are shown in the file; [Load] is the usual way in.
//
// The trap: a counter that this kernel does not have cannot be distinguished from a misspelt
// one before the run. Only near misses of known counters are refused; the rest fails
// in [Expr.Eval].
package expect
