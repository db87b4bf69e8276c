// Package yamldoc reads YAML files into Go structs and says exactly where a mistake is: file, line,
// column, the line itself with carets below, what was expected, and the nearest valid name.
//
// A struct's tags are all that it knows of a file: a key without omitempty is required; default is what stands in for a
// missing key; min, max and above (min, itself excluded) bound a value that was written; enum lists the values allowed;
// off is a word for zero; most is the most items of a list or mapping. The types of package quantity are written with
// their units. A type can say more by the methods [Wanter], [Shortener], [Exampler] and [Namer].
//
// Life cycle: [Read] decodes and works --set arguments in; the caller looks at the value and reports what is wrong with
// its meaning by [Document.Fail] and its kin, in terms of paths such as links[0].delay; [Document.Err] returns
// everything in the order of the text. Every step goes on after a mistake.
//
// Only a small part of YAML is accepted: one document of at most 256 KiB, nested at most 32 deep, without
// anchors, aliases, merge keys and tags. Aliases are refused, not bounded: without them nothing in a file can
// grow when it is read.
//
// The trap: [Document.Sound] asks whether something is wrong already at a path or below it. Checks that rely on a value
// ask it first, or one mistake is reported twice in different words.
package yamldoc
