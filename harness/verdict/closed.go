package verdict

import (
	"math"
	"slices"
)

// ClosedEBH returns the bar that e-values of a campaign have to reach, and how many do: a list of which the share of
// false ones is expected to be at most alpha, whatever the dependence between them. It is the largest list that
// closed e-BH allows (Xu, Fischer and Ramdas, arXiv 2504.11759), under one condition more, and at least as long as
// that of [EBH]. Hypotheses that cannot be judged belong in e with 0, not left out.
//
// A list R is allowed if it is mean consistent: for every set S of the n hypotheses, the mean of its e-values is at
// least |S∩R|/(alpha·|R|). Let S be the hypotheses whose claims are false. The mean of their e-values is expected to
// be 1 at most, so that the share of false ones in R, |S∩R|/|R|, is expected to be alpha at most.
//
// The condition more is that each e-value listed is at least the floor, which is 1/alpha or more (see [floor]). By mean
// consistency alone, e-values below 1 could be listed beside large ones. With the floor, each of the list would pass
// alone; whatever else reaches the bar may be added; and more evidence for one never takes another away.
//
// The bar is that of [EBH] where its list is no shorter, otherwise the smallest e-value listed.
func ClosedEBH(e []float64, alpha float64) (bar float64, passed int) {
	bar, passed = EBH(e, alpha)
	sorted := ascending(e)
	sums := cumulate(sorted)
	n := len(sorted)
	least, longest := 1.0, n
	for r := n - 1; r > passed; r-- { // a list of all is as e-BH has it
		least = max(least, floor(r, n))
		if weakest := sorted[n-r]; r <= longest && weakest*alpha >= least {
			fewer := tooMany(sorted, sums, r, alpha)
			if fewer == 0 {
				return weakest, r
			}
			longest = r - fewer
		}
	}
	return bar, passed
}

// floor returns what the smallest e-value of a list of r among n, more than r, has to be at least, times alpha; and so
// has that of each shorter list:
//
//	1 + max of x·(z-x)/(r·(r+1)) over 0 ≤ x ≤ r-1, where z = n-r-1.
//
// It follows from what makes [ClosedEBH] keep what it has: if a mean-consistent list has no e-value below it, the list
// is mean consistent with any further one that is no smaller than its smallest. The bar of [EBH], n/(alpha·r), is not
// below it.
func floor(r, n int) float64 {
	z, size := float64(n-r-1), float64(r)
	x := min(z/2, size-1)
	return 1 + x*(z-x)/(size*(size+1))
}

// tooMany returns 0 if the last r of the e-values are a mean-consistent list, otherwise by how much it has to be
// shorter at the least. Those before them, and the last r, each have to ascend; sums are their cumulated ones, from 0.
//
// Of all sets with t of the list and z others, that of the smallest decides; and for a given t, the z that are below
// t/(alpha·r). So one pass over t is enough, for there are more such others the larger t is.
func tooMany(e, sums []float64, r int, alpha float64) int {
	others := len(e) - r
	fewer, z := 0.0, 0
	for t := 1; t <= r; t++ {
		for z < others && e[z]*alpha*float64(r) < float64(t) {
			z++
		}
		sum := alpha * (sums[others+t] - sums[others] + sums[z])
		size, listed := float64(t+z), float64(t)
		if sum*float64(r) >= size*listed {
			continue
		}
		// With s fewer, the smallest, the same set has t-s of the list: it is enough from sum·(r-s) ≥ size·(t-s) on.
		s := (size*listed - sum*float64(r)) / (size - sum)
		fewer = max(fewer, 1, math.Ceil(s-1e-6))
	}
	return int(fewer)
}

// mixedBar returns the bar of a stronger claim of those listed, such that the list stays mean consistent when the
// stronger claim takes the place of the weaker wherever it reaches the bar. stronger has an e-value for each e, and
// none above it; bar is that of [ClosedEBH] for e.
//
// The bar of the list itself is enough where the large e-values that carry the small ones are not the ones that are
// replaced. That of [EBH] always is.
func mixedBar(e, stronger []float64, bar, alpha float64) float64 {
	var listed, others []float64
	for i, x := range e {
		switch {
		case x < bar:
			others = append(others, x)
		case stronger[i] >= bar:
			listed = append(listed, stronger[i])
		default:
			listed = append(listed, x)
		}
	}
	all := append(ascending(others), ascending(listed)...)
	if tooMany(all, cumulate(all), len(listed), alpha) == 0 {
		return bar
	}
	plain, _ := EBH(e, alpha)
	return plain
}

// ascending returns e-values in order, and none so large that sums of them are infinite.
func ascending(e []float64) []float64 {
	sorted := slices.Clone(e)
	for i := range sorted {
		sorted[i] = min(sorted[i], largest)
	}
	slices.Sort(sorted)
	return sorted
}

// cumulate returns the sums of the first 0, 1, … numbers.
func cumulate(list []float64) []float64 {
	sums := make([]float64, len(list)+1)
	for i, x := range list {
		sums[i+1] = sums[i] + x
	}
	return sums
}
