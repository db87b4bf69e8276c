package probe

import "github.com/cilium/ebpf/asm"

// A task's entry in maps.tasks is two 32-bit words: the number of its node, and whether it
// counts as runnable. The count has to be remembered per task, because sched_wakeup is also
// traced for tasks that were woken before they had gone to sleep.
const (
	taskNode     = 0
	taskRunnable = 4
)

// schedSwitch, on sched:sched_switch (preempt, prev, next), keeps idle time, stops the softirq
// clock where softirqs can be preempted, and sees tasks go to sleep. Interrupts are off.
func (e *emitter) schedSwitch() {
	e.Add(asm.Mov.Reg(asm.R6, asm.R1))
	e.region()
	e.now()
	e.pause()
	e.Add(
		asm.LoadMem(asm.R9, asm.R6, 8, asm.DWord), // prev
		asm.LoadMem(asm.R1, asm.R7, atIdleTask, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "learn"),
	)
	e.Label("learnt")
	e.Add(asm.JEq.Reg(asm.R1, asm.R9, "wake"))

	// prev is a task. It sleeps if it is off the queue, or on it only pro forma.
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R9, asm.DWord))
	e.Lookup(e.maps.tasks, stackKey)
	e.Add(asm.JEq.Imm(asm.R0, 0, "unknown"), asm.StoreMem(asm.RFP, stackSaved, asm.R0, asm.DWord))
	e.onQueue(asm.R9)
	e.Add(
		asm.LoadMem(asm.R1, asm.RFP, stackSaved, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, taskRunnable, asm.Word),
		asm.JEq.Reg(asm.R2, asm.R9, "next"), // it was preempted: nothing changes
		asm.StoreMem(asm.R1, taskRunnable, asm.R9, asm.Word),
		asm.LoadMem(asm.R1, asm.R1, taskNode, asm.Word),
		asm.LSh.Imm(asm.R9, 1), // 1, 0 → +1, −1
		asm.Sub.Imm(asm.R9, 1),
	)
	e.Label("change")
	e.change()
	e.Label("next")
	e.Add(
		asm.LoadMem(asm.R1, asm.R6, 16, asm.DWord), // next
		asm.LoadMem(asm.R2, asm.R7, atIdleTask, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, "exit"),
		asm.StoreMem(asm.R7, atIdleFrom, asm.R8, asm.DWord),
	)
	e.exit()

	e.Label("wake") // from idle
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, atIdleFrom, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "exit"),
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.Sub.Reg(asm.R2, asm.R1),
	)
	e.bump()
	e.Add(
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R7, atIdleFrom, asm.R0, asm.DWord),
	)
	e.increase(asm.R7, atIdle, asm.R2)
	e.bump()
	e.Add(asm.Ja.Label("exit"))

	// Until it was seen once, it is unknown which task is this CPU's idle task.
	e.Label("learn")
	e.read(asm.R1, asm.R9, e.offsets.TaskPID, asm.Word)
	e.Add(
		asm.Mov.Reg(asm.R0, asm.R9),
		asm.JEq.Imm(asm.R1, 0, "found"),
		asm.LoadMem(asm.R0, asm.R6, 16, asm.DWord), // next
		asm.StoreMem(asm.RFP, stackSaved, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R9, asm.R0),
	)
	e.read(asm.R1, asm.R9, e.offsets.TaskPID, asm.Word)
	e.Add(
		asm.LoadMem(asm.R9, asm.R6, 8, asm.DWord),
		asm.LoadMem(asm.R0, asm.RFP, stackSaved, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "found"),
		asm.Mov.Imm(asm.R1, 0),
		asm.Ja.Label("learnt"),
	)
	e.Label("found")
	e.Add(
		asm.StoreMem(asm.R7, atIdleTask, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Ja.Label("learnt"),
	)

	// A task that was not seen before: runnable until now without having been counted.
	e.Label("unknown")
	e.onQueue(asm.R9)
	e.Add(
		asm.StoreMem(asm.RFP, stackSaved, asm.R9, asm.DWord),
		asm.FnGetCurrentCgroupId.Call(), // prev is still the current task here
		asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.DWord),
	)
	e.number(asm.R9, e.maps.cgroups)
	e.Add(
		asm.LoadMem(asm.R0, asm.R6, 8, asm.DWord),
		asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, stackValue+taskNode, asm.R9, asm.Word),
		asm.LoadMem(asm.R0, asm.RFP, stackSaved, asm.DWord),
		asm.StoreMem(asm.RFP, stackValue+taskRunnable, asm.R0, asm.Word),
	)
	e.store(e.maps.tasks)
	e.Add(
		asm.JNE.Imm(asm.R0, 0, "next"), // no room: leave it out rather than count it twice
		asm.LoadMem(asm.R0, asm.RFP, stackSaved, asm.DWord),
		asm.JEq.Imm(asm.R0, 0, "next"),
		asm.Mov.Reg(asm.R1, asm.R9),
		asm.Mov.Imm(asm.R9, 1),
		asm.Ja.Label("change"),
	)
}

// pause stops the softirq clock when prev is preempted inside a softirq, and lets it go on when
// that task is back. That happens under PREEMPT_RT only, where softirqs are ordinary task code.
func (e *emitter) pause() {
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, atLast, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "outside"),
	)
	e.charge()
	e.Add(
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R7, atLast, asm.R0, asm.DWord),
		asm.LoadMem(asm.R0, asm.R6, 8, asm.DWord),
		asm.StoreMem(asm.R7, atPaused, asm.R0, asm.DWord),
		asm.Ja.Label("paused"),
	)
	e.Label("outside")
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, atPaused, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "paused"),
		asm.LoadMem(asm.R2, asm.R6, 16, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, "paused"),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R7, atPaused, asm.R0, asm.DWord),
		asm.StoreMem(asm.R7, atLast, asm.R8, asm.DWord),
	)
	e.Label("paused")
}

// onQueue replaces the task in reg by 1 if it is runnable and by 0 if it sleeps. The task's state
// would not do: a task with a signal pending is traced as sleeping and goes on (up to 6.14).
func (e *emitter) onQueue(reg asm.Register) {
	o := e.offsets
	asleep, done := e.Fresh("asleep"), e.Fresh("queued")
	size := asm.Word
	if o.TaskOnRQSize == 1 {
		size = asm.Byte
	}
	e.read(asm.R0, reg, o.TaskOnRQ, size)
	e.Add(asm.JEq.Imm(asm.R0, 0, asleep))
	if o.TaskDelayed != 0 {
		e.read(asm.R0, reg, o.TaskDelayed, asm.Byte)
		e.Add(asm.JNE.Imm(asm.R0, 0, asleep))
	}
	e.Add(asm.Mov.Imm(reg, 1), asm.Ja.Label(done))
	e.Label(asleep)
	e.Add(asm.Mov.Imm(reg, 0))
	e.Label(done)
}

// change counts R9, +1 or −1, more runnable tasks for the node in R1 and for the machine, at the
// time in R8. The greatest count is exact on one CPU; between CPUs two changes may cross.
func (e *emitter) change() {
	e.Add(
		asm.StoreMem(asm.RFP, stackRead, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R3, asm.R8), // ±now
		asm.JSGT.Imm(asm.R9, 0, "forward"),
		asm.Neg.Imm(asm.R3, 0),
	)
	e.Label("forward")
	count := func() {
		e.increase(asm.R2, slotCount, asm.R9)
		e.increase(asm.R2, slotMoments, asm.R3)
	}
	e.bump()
	e.Add(asm.Mov.Reg(asm.R2, asm.R7), asm.Add.Imm(asm.R2, headerSize))
	count()
	e.Add(asm.JEq.Imm(asm.R1, 0, "nobody"))
	e.slot(asm.R2, asm.R1)
	count()
	e.Label("nobody")
	e.bump()

	e.Add(asm.Mov.Imm(asm.R1, 0))
	e.record(asm.R2, asm.R1)
	e.greatest(asm.R2, recordRunnable, recordRunnableMax, asm.R9)
	e.Add(
		asm.LoadMem(asm.R1, asm.RFP, stackRead, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "counted"),
	)
	e.record(asm.R2, asm.R1)
	e.greatest(asm.R2, recordRunnable, recordRunnableMax, asm.R9)
	e.Label("counted")
}

// bump tells readers that words that belong together are about to change, or have. Stores
// of one CPU are seen in their order (x86), so no barrier is needed.
func (e *emitter) bump() {
	e.Add(asm.Mov.Imm(asm.R4, 1))
	e.increase(asm.R7, atSequence, asm.R4)
}

// greatest adds by to a word that all CPUs write, and keeps its greatest value. Atomic
// operations that return the new value came with 5.12 only, so it is read back.
func (e *emitter) greatest(base asm.Register, value, most int16, by asm.Register) {
	done := e.Fresh("greatest")
	e.Add(
		asm.AddAtomic.Mem(base, by, asm.DWord, value),
		asm.LoadMem(asm.R4, base, value, asm.DWord),
		asm.LoadMem(asm.R5, base, most, asm.DWord),
		asm.JSGE.Reg(asm.R5, asm.R4, done),
		asm.StoreMem(base, most, asm.R4, asm.DWord),
	)
	e.Label(done)
}

// schedWakeup, on sched:sched_wakeup and, with fresh, sched:sched_wakeup_new (p), sees tasks become
// runnable. A new task may have the address of one that is gone: what is known of that is void.
func (e *emitter) schedWakeup(fresh bool) {
	o := e.offsets
	e.Add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.StoreMem(asm.RFP, stackKey, asm.R6, asm.DWord))
	if !fresh {
		e.Lookup(e.maps.tasks, stackKey)
		e.Add(
			asm.JEq.Imm(asm.R0, 0, "unknown"),
			asm.LoadMem(asm.R1, asm.R0, taskRunnable, asm.Word),
			asm.JNE.Imm(asm.R1, 0, "exit"),
			asm.Mov.Imm(asm.R1, 1),
			asm.StoreMem(asm.R0, taskRunnable, asm.R1, asm.Word),
			asm.LoadMem(asm.R6, asm.R0, taskNode, asm.Word),
		)
		e.Label("change")
	} else {
		e.Add(asm.Ja.Label("unknown"))
		e.Label("change")
	}
	e.region()
	e.now()
	e.Add(asm.Mov.Imm(asm.R9, 1), asm.Mov.Reg(asm.R1, asm.R6))
	e.change()
	e.exit()

	e.Label("unknown")
	e.read(asm.R9, asm.R6, o.TaskCgroups, asm.DWord)
	e.read(asm.R9, asm.R9, o.CSSSetDefault, asm.DWord)
	e.read(asm.R9, asm.R9, o.CgroupNode, asm.DWord)
	e.read(asm.R0, asm.R9, o.NodeID, asm.DWord)
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.DWord))
	e.number(asm.R9, e.maps.cgroups)
	e.Add(
		asm.StoreMem(asm.RFP, stackKey, asm.R6, asm.DWord),
		asm.StoreMem(asm.RFP, stackValue+taskNode, asm.R9, asm.Word),
		asm.Mov.Imm(asm.R0, 1),
		asm.StoreMem(asm.RFP, stackValue+taskRunnable, asm.R0, asm.Word),
		asm.Mov.Reg(asm.R6, asm.R9),
	)
	e.store(e.maps.tasks)
	e.Add(
		asm.JNE.Imm(asm.R0, 0, "exit"),
		asm.Ja.Label("change"),
	)
}
