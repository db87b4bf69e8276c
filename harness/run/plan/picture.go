package plan

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Canvas is what a picture is drawn on.
type Canvas struct {
	// Width of a line in characters; at least 40 are used.
	Width int
	// ASCII draws without block characters and arrows.
	ASCII bool
}

// mostLabel is how wide the names in front of the rows may be.
const mostLabel = 20

// Picture draws the rows of a plan as text, a line each, above an axis in seconds of the run's own time.
func (p *Plan) Picture(c Canvas) []string {
	label := 0
	for _, t := range p.Tracks(1) {
		label = max(label, utf8.RuneCountInString(t.Name))
	}
	label = min(label, mostLabel)
	// two blanks and a border at each end, and the last number of the axis with its unit
	columns := max(c.Width, 40) - label - 4 - 4
	var lines []string
	for _, t := range p.Tracks(columns) {
		lines = append(lines, c.name(t.Name, label)+"  "+c.border()+c.cells(t)+c.border())
	}
	return append(lines, p.axis(label+3, columns)...)
}

func (c Canvas) border() string {
	if c.ASCII {
		return "|"
	}
	return "│"
}

func (c Canvas) name(name string, width int) string {
	if c.ASCII {
		name = strings.ReplaceAll(name, "→", ">")
	}
	if n := utf8.RuneCountInString(name); n > width {
		mark := "…"
		if c.ASCII {
			mark = "~"
		}
		name = string([]rune(name)[:width-1]) + mark
	}
	return name + strings.Repeat(" ", width-utf8.RuneCountInString(name))
}

// shades by height; the first is nothing.
var (
	blocks = []rune(" ▁▂▃▄▅▆▇█")
	ascii  = []rune(" .:-=+*%#")
)

func (c Canvas) cells(t Track) string {
	shades := blocks
	partial, marker, line := '▒', '▼', '─'
	if c.ASCII {
		shades, partial, marker, line = ascii, '+', 'v', '-'
	}
	var b strings.Builder
	for _, cell := range t.Cells {
		switch {
		case cell.Cover == 0:
			b.WriteByte(' ')
		case t.Kind == InjectTrack:
			b.WriteRune(marker)
		case t.Kind == PhaseTrack:
			b.WriteRune(line)
		case cell.Cover < 0.5 && t.Kind == FaultTrack:
			b.WriteRune(partial)
		default:
			i := int(math.Ceil(cell.Height * float64(len(shades)-1)))
			b.WriteRune(shades[min(max(i, 1), len(shades)-1)])
		}
	}
	return b.String()
}

// axis returns a line of marks and one of numbers, the unit after the last.
func (p *Plan) axis(indent, columns int) []string {
	marks, numbers := []byte(strings.Repeat(" ", columns)), []byte(strings.Repeat(" ", columns+12))
	free := 0
	for _, at := range Ticks(p.Begin(), p.Begin()+p.Length(), columns/10) {
		c := p.column(at, columns)
		text := TickText(at)
		if c < free {
			continue
		}
		marks[c] = '\''
		copy(numbers[c:], text)
		free = c + len(text) + 1
	}
	pad := strings.Repeat(" ", indent)
	return []string{
		strings.TrimRight(pad+string(marks), " "),
		strings.TrimRight(pad+string(numbers), " ") + " s",
	}
}

// TickText writes a moment in seconds without digits that say nothing.
func TickText(at float64) string {
	if math.Abs(at) < 1e-9 {
		return "0"
	}
	return strings.ReplaceAll(quantity.Exact(fmt.Sprintf("%.6f", at)), ",", "")
}
