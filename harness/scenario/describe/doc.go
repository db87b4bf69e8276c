// Package describe puts what a scenario says into words: a fault as a sentence, the time
// at which it acts, a load, a node, a link. A plan, a report in text or Markdown, the page of a
// run and the events of a run all say the same thing in the same words.
//
// Words are for people who know networks and have not read the reference of scenario
// files: "drop 10 % of data segments from client, 3 at a time", and not the keys of YAML.
// They begin in lower case and have no full stop, so that they fit into a table's cell as well
// as into a sentence.
//
// Everything that changes what a fault does is said. The trap: a key that is added to
// package scenario and not to the words here makes the words a lie, so the test holds them
// against every field of the types.
package describe
