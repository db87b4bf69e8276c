// Package verdict says what paired runs show about a suspicion: confirmed, ruled out,
// inconclusive or invalid.
//
// Callers state a [Hypothesis], with the smallest effect that matters (its margin), feed
// pairs of values to a [State], and ask [Judge], or [Campaign] for many hypotheses at once.
// They choose no statistical test. The error bounds hold for any distribution and
// at any stopping time, so a caller may look after every pair:
//
//   - CONFIRMED: the mean exceeds the margin; and so do most seeds, or the mean with seeds
//     that go the other way counted as unchanged.
//   - RULED OUT: the mean stays inside the margin, and so do most seeds, and the mean with
//     no seed counted outside of zero to twice the margin; fewer than one seed in twenty is
//     beyond that; the dose was given; the control was seen. The absence of an
//     effect is never enough.
//   - INCONCLUSIVE: neither; with the interval, and how many more seeds it would take.
//   - INVALID: the fault did not act, the control was missed, or too many runs were lost.
//
// # Evidence
//
// Evidence is an e-value: under every truth that would make the verdict false, its mean is
// at most 1 at any moment of stopping, so that it reaches 1/α with a probability of at most
// α, however often it is looked at. The e-values of one hypothesis stop on its own data
// only. Over a campaign, [ClosedEBH] sets the bar so that at most a share α of the confirmations,
// and a share α of the ruled out, is expected to be false, whatever the dependence between
// hypotheses that share runs.
//
// The primitives are exported, each a plain value with methods: [Moments] for the mean of
// differences, [Share] for yes and no, [Detector] for what comes night after night.
//
// # Life cycle
//
// [NewState] checks the hypothesis; [State.Add] takes one pair in constant time and memory;
// [State.Lose] counts a seed that gave no pair; [State.Evidence] is cheap enough to be asked
// after each; [Judge] makes the [Verdict]. Nothing here runs, reads or stores anything, and
// judging the same values again gives the same verdict.
//
// # The trap
//
// n counts seeds, and a seed is a pair: the same seed with and without the cause. A run that
// is repeated with the same seed repeats its values and tells nothing, and leaving out the
// seeds that failed bends the answer; hand them to [State.Lose].
//
// Formulas, proofs, sources and measured error rates: docs/architecture/verdict.md.
//
// # The wing
//
// What comes in: records, or a file that asks for many. What goes out: what they mean together. Campaigns (campaign,
// design) are made by sweep and judged case by case (cases); compare and nightly ask the same of two sides and of two
// nights; forecast says beforehand what it will cost. Open judge.go first.
package verdict
