// Package forecast says what a campaign will cost before anything of it runs: how many runs, how long, and whether it
// can come to any verdict at all with the seeds and the budget that it has.
//
// The number of runs follows from the rule by which cases stop (package cases), if what is expected comes true and
// everything else is innocent. How long they take is predicted from run times that were measured, by an earlier sweep
// or for the purpose ([Measure]); without any it is estimated by the model in package plan, and says so.
//
// The trap: times hold for as many runs at a time as were measured, on the machine as busy as it was then.
package forecast
