// Package page makes the HTML page of a run, for people who have not seen the run and need not know what a
// pure ACK is: what was done, what came of it, and how one can tell that the fault acted.
//
// A page is one file. It loads nothing, needs no script, prints, and is light or dark as the reader's system
// is. Everything that a scenario or a record brings along (names, about, expectations) goes through
// html/template, and a content security policy in the page forbids whatever a mistake there could let in.
//
// Charts share one time axis, on which the faults are shaded, and their text is HTML: only the curves are
// SVG, stretched to the room there is, so that a page can be read on a telephone. The picture of the network has its
// text in it, so there are two, and the style shows the one that fits the screen.
//
// The trap: there is no template.HTML anywhere here, and none may come. What package chart gives is numbers and the
// letters of path commands, which html/template leaves as they are.
package page
