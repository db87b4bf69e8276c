// Package campaign reads campaign files: hypotheses about a scenario, and the contexts in which each is tested.
//
// A [Campaign] is what stands in the file. [Campaign.Expand] turns it into a [Plan]: arms, which are scenarios with
// settings on a kernel, and cases, each of which is one hypothesis in one context and compares the same seeds of two
// arms (four, for one that explains). Arms are shared: ten hypotheses about ten metrics of one cause are two arms. So
// the cost of a campaign is its arms times their seeds, and hypotheses about what was recorded anyway cost nothing.
//
// The words:
//
//   - a factor has values, each of which sets paths of the scenario or names a kernel;
//   - a context is one value of each factor. All of them are covered, or all pairs or triples of values;
//   - a hypothesis is a cause (settings that the treated arm has and the base arm has not), a metric, a
//     direction and a margin;
//   - each expands a hypothesis into one for each combination of its words, which stand in braces where it uses them.
//
// The trap: a cause that adds a fault to a scenario also adds the devices in which the fault acts. Give the base arm
// the same fault with "do: watch", as the examples do, and the two differ in nothing but what the cause does.
package campaign
