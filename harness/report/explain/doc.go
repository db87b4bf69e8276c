// Package explain says what a run was like beside the same run without its faults: what each fault did, what left its
// calm range first, and what followed, in order of time.
//
// It has observations and no guesses. It says what differs and when, and never why.
//
// # Calm runs
//
// A calm run is one of the same scenario without its faults ([Calm]). The twin is the calm run with the seed of the
// record: its requests leave at the same times. Calm runs with further seeds say how far a figure goes by chance.
// [Maker] finds these runs or makes them. If the twin cannot be made, the time before the faults stands in for it,
// which is weaker.
//
// # The calm range
//
// A figure's calm range is from the least to the most of all calm runs; that of a sample is of the samples within half
// a second around it. A figure is out if it is beyond the range by half of the range's width, and by more than rounding
// moves it. A series must also be out by more than any calm run is when that one is held against the others in the
// same way. Series are looked at in samples and in blocks of a second: a sample shows a peak, a block shows what is a
// little higher all the time, or nothing where there should be something.
//
// The trap: with n calm runs, one figure in n or so is out by chance alone, for there are hundreds of them. So the
// page says how many figures of each calm run are out when it is held against the others.
package explain
