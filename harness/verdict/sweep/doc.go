// Package sweep is the one loop that makes runs: as many at a time as there are workers, with one policy for runs that
// break.
//
// A [Runner] makes a single run; [Fleet] is the one that makes them in virtual machines. A [Loop] asks a source which
// runs are wanted next. There are two sources. [Loop.Make] makes a list of jobs in order: for diff, a night, a soak,
// the validation and the measurement of a forecast. [Run] makes what the cases of a campaign want, the cheap and
// decisive runs first, until every case is decided or seeds run out; what is wanted follows from the runs so far.
// Both end early when the budget is spent or the context is cancelled, and both go on from what the archive has.
//
// A worker holds a lease: an arm with some seeds, which it runs one after the other. So a source can keep an arm with
// one worker: the first run of an arm takes long, since its scenario is prepared, and those that follow do not.
//
// The policy: a run that breaks is made once more. If it breaks again, it is stored as broken, where there is an
// archive, so that all who read the archive know of it; the next call tries it again. If 4 runs of an arm break in a
// row, the arm is given up. If the kernel refuses a value of the scenario, it does so at every seed: the arm is given
// up at once. The others go on. When several arms of a campaign break in a row, a run that was made before is made
// again. If that breaks, too, the machine is at fault, and the sweep ends with the error.
//
// The trap: a run that broke is not the same as one that was not wanted. Each comparison has to count it as lost, since
// what is looked for may be what broke it.
package sweep
