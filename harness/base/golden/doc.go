// Package golden compares the output of a program with a file in testdata or in the documentation.
//
// Only tests import it. It adds the flag -update to them, which writes the files instead of comparing them. Review the
// difference with git diff before you commit it. "go generate" does this for the generated files of the documentation.
package golden
