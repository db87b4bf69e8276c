package run

import "runtime/debug"

// withoutCollector calls f while Go's garbage collector of this process is off. The threads of the recorder and of
// what acts at planned moments have real-time priorities. One that has to wait for the collector, which has none, spins
// (runtime.casgstatus) and keeps it from going on, until the kernel stops real-time threads for 50 ms in each second
// (sched(7), sched_rt_runtime_us): they were up to 955 ms late. What this process allocates in a run is little.
func withoutCollector(f func() error) error {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return f()
}
