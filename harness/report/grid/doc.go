// Package grid makes the page of a [matrix.Matrix]: scenarios as rows, steps from one kernel to the next as columns,
// and below, for each scenario that changed, its numbers on every kernel. A page is one file without scripts.
package grid
