// Package diagram places the picture of a network: nodes as boxes, links as lines between them, and labels beside the
// lines, at one of the link's ends or in its middle. It gives numbers; colours and fonts are the page's business.
//
// A tree is drawn in layers, and a line is the simplest tree. A node that has a link to all others is drawn in the
// middle of them. Everything else is a circle. Each form is tried at growing distances until all labels find a free
// place, and the smallest picture wins that fits the width. Nothing is random: the same network gives the same numbers.
//
// The trap: the boxes of labels are computed, not measured. The page must use a monospaced font in the sizes of
// [LabelSize] and [NameSize], or letters leave their boxes.
//
// (gonum's graph/layout places points. It knows neither the size of a node nor labels, which are what needs the room.)
package diagram
