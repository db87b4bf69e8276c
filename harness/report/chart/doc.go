// Package chart turns series of samples into the geometry of SVG charts over a common time axis: the
// data of paths, the tops of scales, the places of ticks. It draws nothing itself. What colours and
// letters look like is the page's business, so that one page can be light and dark, wide and narrow.
//
// All coordinates are in a box of [Width] by [Height] that the page stretches to the room it has
// (preserveAspectRatio="none" and vector-effect="non-scaling-stroke"), which is why text is not part
// of a chart: it would be stretched too. (A plotting library writes pictures of one size, with fonts and colours in
// them. They cannot be read on a telephone, and not in the dark.)
//
// A series of any length is drawn with a bounded number of points. Where samples are closer than
// columns, each column gets a stroke from its least to its highest sample, so that a peak of
// one sample in a hundred thousand is as high as it was.
package chart
