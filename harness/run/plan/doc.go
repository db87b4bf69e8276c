// Package plan says what a run of a scenario would do, without running it: when what begins
// and ends ([describe.Moments]), how many requests leave and when, what the values of a ramp are, what it
// will cost ([Estimate]), and a picture of all that ([Plan.Picture]).
//
// A plan is a function of scenario and seed, as a run is. It is made of the same things as
// the run: arrivals are those that the generator will follow ([arrival.Plan]), the times of faults those of
// [scenario.Fault.Spans], and the events that a run tells are the moments of its plan.
//
// The trap: a plan knows what is asked for, not what comes of it. A loop of ACKs, a pile of
// retransmissions or requests that wait for a full server are not in its estimate.
package plan
