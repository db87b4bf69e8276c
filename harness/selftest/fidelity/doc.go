// Package fidelity compares the built-in services with real programs under the same load, in figures that a user would
// draw conclusions from, and says where they differ by more than a tenth. make fidelity writes docs/fidelity.md.
package fidelity
