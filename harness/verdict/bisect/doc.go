// Package bisect says which of many differences makes an effect: which of forty settings, which fault, which kernel.
//
// The two sides of a search are a calm one and one that shows the effect. What differs between them is a list of items.
// A configuration is the calm side with some of the items as the other side has them, a [Set]. A [World] says of a
// configuration whether it shows the effect. [Search] asks it for as few configurations as it can:
//
//   - The smallest beginning of the list that shows the effect ends with an item that is needed. Keep that, and look
//     for the next in what comes before it, until what was kept shows the effect alone. That is the left-extending
//     bisection of golang.org/x/tools/cmd/bisect; a set of k items of n takes some k·log2(n) questions.
//   - Take the set out and go on, as long as the rest shows the effect: all sets that have no item in common.
//   - Confirm each set on seeds that were not used before: it shows the effect alone, and without any one of its items
//     it does not.
//
// That is controlled sequential bifurcation (Wan, Ankenman and Nelson, Operations Research 54(4), 2006) with another
// test. The test is that of [Tally]: seeds are added until those that show the effect are ahead by a number of seeds,
// or behind. If each seed is right with a probability of 90 % at least, a lead of 5 is wrong with 1 in 59,050 (Wald's
// sequential test: 1/(1 + 9^5)). Where seeds agree, as most do, it takes 5 of them.
//
// If all items together do not show the effect, some may hide what others make. Then the rows of a covering array are
// asked, in which any two items occur in all four combinations (package design), and the search goes on in a row that
// shows it.
//
// The trap: bisection needs that more items never show less. Where that does not hold, a search can end with a set that
// is not the smallest, and the confirmation drops what is not needed; [Result.Hides] says what hides an effect.
package bisect
