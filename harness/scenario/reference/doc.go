// Package reference makes the JSON Schema and the Markdown tables of a file format from the types that the file is read
// into: from the tags that package yamldoc reads, and from the comments of types and fields.
//
// Only tests import it, and go generate, which runs them: comments are not there at run time, so what it makes is kept
// in files, and a test of the format's package fails when they are out of date. A [Format] has to be used in the
// directory of that package.
package reference
