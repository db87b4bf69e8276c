package diagram

import (
	"fmt"
	"math"
)

// bounds returns the corners of what is drawn.
func (t *trial) bounds() (low, high point) {
	low, high = point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	add := func(b box) {
		low, high = point{min(low.x, b.x-b.w), min(low.y, b.y-b.h)}, point{max(high.x, b.x+b.w), max(high.y, b.y+b.h)}
	}
	for _, b := range t.taken {
		add(b)
	}
	for _, line := range t.lines {
		for _, p := range line {
			add(box{p, 0, 0})
		}
	}
	return low, high
}

// cost is the area of a picture, to which a crossing adds twice of it.
func (t *trial) cost() float64 {
	low, high := t.bounds()
	return (high.x - low.x) * (high.y - low.y) * float64(1+2*t.crossings)
}

// drawing makes pixels of a trial.
func (t *trial) drawing() Drawing {
	low, high := t.bounds()
	px := func(p point) (x, y int) {
		return int(math.Round(p.x - low.x + margin)), int(math.Round(p.y - low.y + margin))
	}
	path := func(points ...point) string {
		out, command := "", 'M'
		for _, p := range points {
			x, y := px(p)
			out += fmt.Sprintf("%c%d %d", command, x, y)
			command = 'L'
		}
		return out
	}
	var d Drawing
	d.Width, d.Height = px(high.plus(point{1, 1}, margin))
	for i, line := range t.lines {
		d.Links = append(d.Links, Path{path(line...), t.n.Links[i].Class})
	}
	for i, b := range t.nodes {
		s := Shape{Node: t.n.Nodes[i], W: int(2 * b.w), H: int(2 * b.h)}
		s.X, s.Y = px(b.plus(point{b.w, b.h}, -1))
		s.Middle, s.NameY, s.AboutY = s.X+s.W/2, s.Y+17, s.Y+33
		d.Nodes = append(d.Nodes, s)
	}
	for _, l := range t.labels {
		out, mark := Label{Anchor: "middle"}, ""
		at, away := l.point, l.out.x
		if math.Abs(away) < 0.5 && l.place != Middle { // above or below: from the node on
			away = l.dir.x * float64(1-l.place)
		}
		switch {
		case away >= 0.5:
			out.Anchor, at.x = "start", at.x-l.w
		case away <= -0.5:
			out.Anchor, at.x = "end", at.x+l.w
		}
		var y int
		out.X, y = px(point{at.x, at.y - l.h})
		for i, line := range t.n.Links[l.link].Labels[l.place] {
			if line.Arrow {
				if mark == "" || mark == "watch" {
					mark = line.Class
				}
				line.Text = l.arrow() + " " + line.Text
			}
			out.Lines = append(out.Lines, Text{line, y + i*lineHeight + 12})
		}
		d.Labels = append(d.Labels, out)
		if mark == "" {
			continue
		}
		stops, dirs, middle := t.stops(l.link)
		i := [places]int{0, middle, len(stops) - 1}[l.place]
		side := point{-dirs[i].y, dirs[i].x}
		for _, way := range []float64{1, -1} {
			if l.place == First && way < 0 || l.place == Second && way > 0 {
				continue
			}
			back := stops[i]
			if l.place == Middle { // two heads, back to back
				back = back.plus(dirs[i], 2*way)
			}
			head := path(back.plus(dirs[i], 13*way), back.plus(side, 5.5), back.plus(side, -5.5))
			d.Marks = append(d.Marks, Path{head + "Z", mark})
		}
	}
	return d
}

// arrow is the letter that points where packets go.
func (l placed) arrow() string {
	dir := l.dir
	switch {
	case l.place == Middle && math.Abs(dir.x) >= math.Abs(dir.y):
		return "↔"
	case l.place == Middle:
		return "↕"
	case l.place == Second:
		dir = point{-dir.x, -dir.y}
	}
	eighths := int(math.Round(math.Atan2(dir.y, dir.x) / (math.Pi / 4)))
	return [...]string{"→", "↘", "↓", "↙", "←", "↖", "↑", "↗"}[(eighths+8)%8]
}
