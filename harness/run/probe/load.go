package probe

import "math"

// loadAverage damps a number of tasks over one minute with the kernel's constant: every 5 s,
// load ← load·e + tasks·(1−e), where e is 1884/2048 (EXP_1 in include/linux/sched/loadavg.h).
//
// It differs from the kernel's in that tasks is the mean over the 5 s, which the run queue's integral
// gives exactly, where the kernel looks once; and it starts from 0. A shorter last step, of t,
// has e^(t/5s) for e.
type loadAverage struct {
	value float64
	began int64 // of the present step, ns
	queue int64 // integral at that time, task-ns
}

// decay is EXP_1 over FIXED_1.
const decay = 1884.0 / 2048.0

// add ends a step at a time, given the integral of runnable tasks up to then.
func (l *loadAverage) add(now, queue int64) {
	step := float64(now - l.began)
	if step <= 0 {
		return
	}
	e := math.Pow(decay, step/float64(beat))
	l.value = l.value*e + float64(queue-l.queue)/step*(1-e)
	l.began, l.queue = now, queue
}
