// Package sweep makes the runs of a campaign's plan: as many at a time as there are workers, the cheap and decisive
// first, until every case is decided, seeds run out, the budget is spent or the user interrupts it.
//
// [Run] asks package cases which runs are wanted, makes them with a [Runner], appends their records to an archive and
// hands the results to the cases. All that it knows is in the archive, so that a sweep which was interrupted,
// or killed, continues where it stopped when it is called again with the same archive: nothing is lost and nothing runs
// twice.
//
// A run that breaks is made once more, and stored as broken after that, so that a later evaluation of the archive knows of it.
// An arm that breaks again and again is given up. When several arms break, one after the other, a run that succeeded
// before is repeated. If it breaks too, the machine is at fault, and the sweep ends with the error. A run that the
// kernel refuses, since it does not accept a value of the scenario, is refused for every seed: its arm is given up at once,
// and the others go on.
//
// The trap: workers take an arm with some seeds at a time, not single runs, because the first run of an arm on a
// machine is expensive (the scenario is prepared) and those that follow are cheap.
package sweep
