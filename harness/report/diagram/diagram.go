package diagram

import (
	"math"
	"unicode/utf8"
)

// Network is what is drawn. Nodes are known by their index.
type Network struct {
	Nodes []Node
	Links []Link
}

// Node is a box with its name, and with a smaller line of text below that.
type Node struct {
	Name, About string
	Router      bool
}

// Link joins two different nodes. Two nodes may have several links.
type Link struct {
	Ends   [2]int
	Labels [places][]Line
	Class  string
}

// Places of a label on a link.
const (
	First  = iota // at the end of Ends[0]
	Middle        // of the link
	Second        // at the end of Ends[1]
	places
)

// Line is a line of a label. One with an Arrow says that something acts on packets from this end to the other, or in
// both directions if it is in the middle.
type Line struct {
	Text, Class string
	Arrow       bool
}

// Drawing is a picture: whole pixels, from the top left. Later items lie over earlier ones.
type Drawing struct {
	Width, Height int
	Links         []Path
	Marks         []Path // heads of arrows on links
	Nodes         []Shape
	Labels        []Label
	Spared        bool // whether lines of labels were left out
}

// Path is the data of an SVG path.
type Path struct{ D, Class string }

// Shape is a node in its place.
type Shape struct {
	Node
	X, Y, W, H, Middle, NameY, AboutY int
}

// Label is text in its place, in lines.
type Label struct {
	X      int
	Anchor string // start, middle or end: what of the text is at X
	Lines  []Text
}

// Text is a line of a label, with its baseline.
type Text struct {
	Line
	Y int
}

// Sizes of letters in pixels: of names, which are bold, and of everything else.
const (
	NameSize  = 14
	LabelSize = 12
)

const (
	advance    = 0.61 // width of a letter of a monospaced font, of its size; 0.602 is the widest common one
	lineHeight = 15
	padding    = 10 // of a node, left and right
	nodeHeight = 40
	margin     = 4 // between boxes, and around the picture
	gap        = 8 // between a link and its label
	step       = 6 // between the places on a link that are tried
	clearance  = 8 // of a node, for the first of them
)

func width(text string, size float64) float64 {
	return math.Ceil(float64(utf8.RuneCountInString(text)) * advance * size)
}

// point is a place, or a direction.
type point struct{ x, y float64 }

func (p point) plus(q point, times float64) point { return point{p.x + q.x*times, p.y + q.y*times} }

// to is the direction to q and the distance.
func (p point) to(q point) (point, float64) {
	d := math.Hypot(q.x-p.x, q.y-p.y)
	if d == 0 {
		return point{1, 0}, 0
	}
	return point{(q.x - p.x) / d, (q.y - p.y) / d}, d
}

// box is a rectangle around a point, by half of its width and height.
type box struct {
	point
	w, h float64
}

func (b box) grown(by float64) box { return box{b.point, b.w + by, b.h + by} }

func (b box) overlaps(c box) bool {
	return math.Abs(b.x-c.x) < b.w+c.w && math.Abs(b.y-c.y) < b.h+c.h
}

// crosses says whether a segment enters the box (Liang and Barsky).
func (b box) crosses(p, q point) bool {
	from, to := 0., 1.
	for _, side := range [4][2]float64{
		{p.x - q.x, p.x - (b.x - b.w)}, {q.x - p.x, b.x + b.w - p.x},
		{p.y - q.y, p.y - (b.y - b.h)}, {q.y - p.y, b.y + b.h - p.y},
	} {
		switch d, room := side[0], side[1]; {
		case d == 0 && room <= 0:
			return false
		case d < 0:
			from = max(from, room/d)
		case d > 0:
			to = min(to, room/d)
		}
	}
	return from < to
}
