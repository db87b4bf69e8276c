// Package quantity writes numbers as people read them: with their unit, a blank
// before it (ISO 80000-1), and no more digits than they are worth. Reports, plans and the
// pages of runs say them all in this one way.
//
// Numbers that were measured get three digits that matter; [Exact] is for those that a user chose.
//
// The trap: none of this can be read back. Files have the spelling of package scenario
// (20ms, not 20 ms), and programs read the JSON, where numbers are bare.
package quantity
