package verdict

import "slices"

// EBH returns the bar that e-values of a campaign have to reach, and how many do, so that
// the share of false ones among them is expected to be at most alpha, whatever the
// dependence between them (e-BH, Wang and Ramdas, arXiv 2009.02824). The bar is K/(alpha·k)
// for the greatest k of which it holds that k of the K e-values reach it. It is K/alpha when
// there is none. Hypotheses that cannot be judged belong in e with 0, not left out.
func EBH(e []float64, alpha float64) (bar float64, passed int) {
	sorted := slices.Clone(e)
	slices.Sort(sorted)
	n := len(sorted)
	for k := n; k > 0; k-- {
		if bar := float64(n) / (alpha * float64(k)); sorted[n-k] >= bar {
			return bar, k
		}
	}
	return float64(max(n, 1)) / alpha, 0
}
