package page_test

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/report/page"
	"github.com/ruleout/ruleout/harness/scenario"
)

const repository = "../../.."

// networks are those that the picture has to be good for: all scenarios, and shapes that none of them has.
func networks(t *testing.T) map[string]*scenario.Scenario {
	t.Helper()
	out := map[string]*scenario.Scenario{
		"line of 8":  shaped("client", 8, func(i, j int) bool { return j == i+1 }),
		"ring of 8":  shaped("n", 8, func(i, j int) bool { return j == i+1 || i == 0 && j == 7 }),
		"star of 8":  shaped("server", 8, func(i, _ int) bool { return i == 0 }),
		"mesh of 4":  shaped("n", 4, func(int, int) bool { return true }),
		"mesh of 5":  shaped("site", 5, func(int, int) bool { return true }),
		"tree of 8":  shaped("n", 8, func(i, j int) bool { return i == (j-1)/2 }),
		"star of 20": shaped("n", 20, func(i, _ int) bool { return i == 0 }),
		"two stars":  shaped("n", 18, func(i, j int) bool { return i == 0 && (j == 9 || j < 9) || i == 9 }),
		"alone":      shaped("n", 3, func(int, int) bool { return false }),
		"one":        shaped("n", 1, func(int, int) bool { return false }),
		"long":       shaped("abcdefghijklmn", 3, func(i, j int) bool { return j == i+1 }),
		"too many":   shaped("n", 40, func(i, _ int) bool { return i%3 == 0 }),
	}
	for _, count := range []int{2, 3} {
		s := shaped("n", 2, func(int, int) bool { return true })
		for len(s.Links) < count { // no valid scenario has these
			s.Links = append(s.Links, s.Links[0])
		}
		out[fmt.Sprintf("%d parallel links", count)] = s
	}
	long := out["long"]
	for i := range long.Links {
		long.Links[i].Queue, long.Links[i].MTU = 1_000_000, 9000
	}
	for i := range 6 {
		long.Faults = append(long.Faults, scenario.Fault{
			Name: strings.Repeat("f", 31) + strconv.Itoa(i), Link: long.Links[0].Between,
			Do: scenario.Action{Delay: scenario.Duration(1_234_567_891)}, Select: scenario.Select{Chance: new(scenario.Share)},
		})
	}
	root := filepath.Join(repository, "scenarios")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s, err := scenario.Parse(path, data, nil)
		if err == nil { // a campaign is not one
			name, _ := filepath.Rel(root, path)
			out[name] = s
		}
		return nil
	}))
	return out
}

// shaped makes a network with a fault in each direction of its first link, one on the last, and IPv6.
func shaped(name string, nodes int, joined func(i, j int) bool) *scenario.Scenario {
	load := []scenario.Traffic{{HTTP: &scenario.HTTPLoad{IPv6: true}}}
	s := &scenario.Scenario{Nodes: map[string]*scenario.Node{}, Load: load}
	names := make([]string, nodes)
	for i := range names {
		names[i] = name + strconv.Itoa(i)
		s.Nodes[names[i]] = &scenario.Node{Role: []scenario.Role{scenario.Router, scenario.Host}[min(i%3, 1)]}
	}
	for i := range names {
		for j := i + 1; j < nodes; j++ {
			if joined(i, j) {
				s.Links = append(s.Links, scenario.Link{Between: [2]string{names[i], names[j]}, MTU: 1500, Rate: 100_000_000,
					Delay: scenario.Duration(time.Duration(i+j) * time.Millisecond)})
			}
		}
	}
	if n := len(s.Links); n > 0 {
		first, last := s.Links[0].Between, s.Links[n-1].Between
		s.Faults = []scenario.Fault{
			{Name: "dup-acks", Link: first, From: first[0], Do: scenario.Action{Duplicate: 3}},
			{Name: "late", Link: first, From: first[1], Do: scenario.Action{Delay: 5_000_000}},
			{Name: "flap", Link: last, Do: scenario.Action{Down: true}},
			{Name: "seen", Link: last, From: last[1], Do: scenario.Action{Watch: true}},
		}
	}
	return s
}

// rect is a rectangle by its corners.
type rect struct {
	what                     string
	left, top, right, bottom float64
}

func (r rect) overlaps(o rect) bool {
	return r.left < o.right && o.left < r.right && r.top < o.bottom && o.top < r.bottom
}

// measured are the boxes of a picture as a browser finds them.
type measured struct {
	whole               rect
	nodes, inner, texts []rect
	lines, marks        [][]point
}

// point is a corner of a path.
type point struct{ x, y float64 }

func (r rect) has(p point) bool {
	return p.x > r.left && p.x < r.right && p.y > r.top && p.y < r.bottom
}

// along are the points of a path, a pixel or less apart.
func along(path []point) (out []point) {
	for i := range len(path) - 1 {
		a, b := path[i], path[i+1]
		n := math.Ceil(math.Hypot(b.x-a.x, b.y-a.y))
		for k := range int(n) {
			part := float64(k) / n
			out = append(out, point{a.x + (b.x-a.x)*part, a.y + (b.y-a.y)*part})
		}
	}
	return out
}

// measure reads a picture. The letters are those of DejaVu Sans Mono, which is as wide as any in the style's list: 1233
// of 2048 units. Small letters with tails reach 0.24 down, capital ones 0.76 up.
func measure(t *testing.T, svg *html.Node) (m measured) {
	t.Helper()
	number := func(n *html.Node, key string) float64 {
		v, err := strconv.ParseFloat(attribute(n, key), 64)
		require.NoError(t, err, "%s of %s", key, n.Data)
		return v
	}
	m.whole = rect{"picture", 0, 0, number(svg, "width"), number(svg, "height")}
	require.Equal(t, fmt.Sprintf("0 0 %v %v", m.whole.right, m.whole.bottom), attribute(svg, "viewbox"))
	for n := range svg.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "rect":
			x, y := number(n, "x"), number(n, "y")
			m.nodes = append(m.nodes, rect{"node", x, y, x + number(n, "width"), y + number(n, "height")})
		case n.Data == "text":
			size, x, y := 12., number(n, "x"), number(n, "y")
			if attribute(n, "class") == "name" {
				size = 14
			}
			text := n.FirstChild.Data
			w := float64(utf8.RuneCountInString(text)) * size * 1233 / 2048
			inside := n.Parent.Data == "g"
			switch anchor := attribute(n, "text-anchor"); {
			case inside || anchor == "middle":
				x -= w / 2
			case anchor == "end":
				x -= w
			default:
				require.Equal(t, "start", anchor)
			}
			r := rect{text, x, y - 0.76*size, x + w, y + 0.24*size}
			if inside {
				m.inner = append(m.inner, r)
			} else {
				m.texts = append(m.texts, r)
			}
		case n.Data == "path" && strings.HasPrefix(attribute(n, "class"), "wire"):
			m.lines = append(m.lines, corners(t, n))
		case n.Data == "path":
			m.marks = append(m.marks, corners(t, n))
		}
	}
	return m
}

// corners are those of a path.
func corners(t *testing.T, n *html.Node) (out []point) {
	t.Helper()
	command := func(r rune) bool { return strings.ContainsRune("MLZ", r) }
	for _, corner := range strings.FieldsFunc(attribute(n, "d"), command) {
		var p point
		_, err := fmt.Sscanf(corner, "%g %g", &p.x, &p.y)
		require.NoError(t, err, corner)
		out = append(out, p)
	}
	return out
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if strings.EqualFold(a.Key, key) {
			return a.Val
		}
	}
	return ""
}

func pictures(t *testing.T, s *scenario.Scenario) (text string, out []measured) {
	t.Helper()
	text, err := page.Network(s)
	require.NoError(t, err)
	wellFormed(t, "network", text)
	doc, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	for n := range doc.Descendants() {
		if n.Data == "svg" {
			out = append(out, measure(t, n))
		}
	}
	require.Len(t, out, 2, "wide and narrow")
	return text, out
}

// crowded are networks in whose pictures some links may run under labels. They are larger than those that the picture
// is made for.
var crowded = map[string]bool{"star of 20": true, "too many": true, "two stars": true}

// TestNothingOverlaps holds the boxes of all labels and nodes against one another.
func TestNothingOverlaps(t *testing.T) {
	all := networks(t)
	require.Greater(t, len(all), 100)
	for name, s := range all {
		text, sizes := pictures(t, s)
		again, _ := pictures(t, s)
		require.Equal(t, text, again, "%s: the same network gives the same bytes", name)
		for i, m := range sizes {
			where := fmt.Sprintf("%s, size %d", name, i)
			boxes := slices.Concat(m.nodes, m.texts)
			for i, b := range boxes {
				inside(t, where, b, m.whole)
				for _, c := range boxes[:i] {
					if b.overlaps(c) {
						t.Errorf("%s: %v and %v overlap", where, b, c)
					}
				}
			}
			for i, r := range m.inner {
				inside(t, where, r, m.nodes[i/2])
			}
			if i == 0 && !crowded[name] || strings.HasSuffix(name, ".yaml") {
				unobstructed(t, where, m)
			}
		}
	}
}

// unobstructed checks that no link runs under a label, or under a node that is not one of its ends.
func unobstructed(t *testing.T, where string, m measured) {
	t.Helper()
	for _, line := range m.lines {
		for _, p := range along(line) {
			for _, text := range m.texts {
				if text.has(p) {
					t.Errorf("%s: a link runs under %v", where, text)
				}
			}
			for _, node := range m.nodes {
				if node.has(p) && !node.has(line[0]) && !node.has(line[len(line)-1]) {
					t.Errorf("%s: a link runs under %v", where, node)
				}
			}
		}
	}
}

// TestFaultsAreAtTheirEnd draws each end of a link as the first and as the second, and looks where the arrow's head is.
func TestFaultsAreAtTheirEnd(t *testing.T) {
	for _, from := range []string{"n0", "n1"} {
		for _, ends := range [][2]string{{"n0", "n1"}, {"n1", "n0"}} {
			s := shaped("n", 2, func(int, int) bool { return true })
			s.Links[0].Between = ends
			s.Faults = []scenario.Fault{{Name: "late", Link: ends, From: from, Do: scenario.Action{Delay: 5_000_000}}}
			text, sizes := pictures(t, s)
			for _, m := range sizes {
				require.Len(t, m.marks, 1)
				tip, back := m.marks[0][0], m.marks[0][1]
				sender := m.nodes[0]
				if from != ends[0] {
					sender = m.nodes[1]
				}
				require.Less(t, distance(back, sender), distance(tip, sender), "away from %s in %s", from, text)
				require.Less(t, distance(back, sender), 70., "beside %s", from)
				require.Contains(t, text, map[bool]string{true: "→ late", false: "← late"}[from == ends[0]])
			}
			require.Contains(t, text, `class="wire faulty"`)
			require.Contains(t, text, "Fault late: hold packets from "+from+" for 5 ms.", "in words")
		}
	}
}

// TestForgedSegmentsGoTheirWay forges into a flow whose end is two links away.
func TestForgedSegmentsGoTheirWay(t *testing.T) {
	for _, c := range []struct {
		to   []string
		want string
	}{{[]string{"n2"}, "→ forged"}, {[]string{"n0", "n0"}, "← forged"}, {[]string{"n0", "n2"}, "↔ forged"}} {
		s := shaped("n", 3, func(i, j int) bool { return j == i+1 })
		s.Nodes["n1"].Role = scenario.Router
		var inject scenario.Inject
		for _, to := range c.to {
			inject.Segments = append(inject.Segments, scenario.Segment{To: to})
		}
		s.Faults = []scenario.Fault{{Name: "forged", Link: s.Links[0].Between, Do: scenario.Action{Inject: &inject}}}
		text, _ := pictures(t, s)
		across := strings.NewReplacer("↓", "→", "↑", "←", "↕", "↔").Replace(text)
		require.Contains(t, across, c.want, "to %v", c.to)
	}
}

// distance is that of a point to the middle of a node.
func distance(p point, r rect) float64 {
	return math.Hypot(p.x-(r.left+r.right)/2, p.y-(r.top+r.bottom)/2)
}

func TestNetwork(t *testing.T) {
	s, err := scenario.Parse("made-up.yaml", []byte(story), nil)
	require.NoError(t, err)
	text, _ := pictures(t, s)
	golden.Equal(t, filepath.Join("testdata", "network.golden"), text)
}

// TestWhatIsNotDrawnIsSaid has more links than a picture shows, the last one with faults.
func TestWhatIsNotDrawnIsSaid(t *testing.T) {
	text, sizes := pictures(t, networks(t)["too many"])
	require.Contains(t, text, "links are not drawn")
	require.Contains(t, text, "flap", "links with faults come first")
	for _, m := range sizes {
		require.Len(t, m.lines, 24)
	}
}

func inside(t *testing.T, where string, inner, outer rect) {
	t.Helper()
	if inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom {
		t.Errorf("%s: %v is not inside of %v", where, inner, outer)
	}
}
