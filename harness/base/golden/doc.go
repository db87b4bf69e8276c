// Package golden compares what a program makes with a file that is kept beside its tests or among the documentation.
//
// Only tests import it. It gives them the flag -update, with which the files are written anew instead; what came of that is
// looked at with git diff before it is committed. "go generate" calls it for the files that users read.
package golden
