package blame

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// Directories is what the records of two directories say of one another.
type Directories struct {
	A string `json:"a"`
	B string `json:"b"`
	// Identical, Differ and Alarms count pairs. Alarms are among those that differ: see [Story.Alarm].
	Identical int `json:"identical"`
	Differ    int `json:"differ"`
	Alarms    int `json:"alarms"`
	// Asked is what was asked differently in all pairs that differ, in the same way.
	Asked []compare.Setting `json:"asked"`
	Pairs []Pair            `json:"pairs"`
	// OnlyA and OnlyB have no partner.
	OnlyA []Lone `json:"only_a"`
	OnlyB []Lone `json:"only_b"`
}

// Lone is the record of a run.
type Lone struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	File     string `json:"file"` // in its directory
}

// Pair is the records of both directories with one scenario and seed.
type Pair struct {
	Scenario  string `json:"scenario"`
	Seed      uint64 `json:"seed"`
	A         string `json:"a"` // files in the directories
	B         string `json:"b"`
	Identical bool   `json:"identical"`
	Alarm     bool   `json:"alarm"`
	// Heading and First say how they differ, and what differs first.
	Heading string `json:"heading"`
	First   string `json:"first"`
	// Asked is what was asked differently in this pair, and not in all.
	Asked []compare.Setting `json:"asked"`
}

// key is what records are paired by.
type key struct {
	scenario string
	seed     uint64
}

// shelf is the records of a directory.
type shelf struct {
	files map[key]string
	keys  []key // sorted
}

// Match pairs the records of two directories by scenario and seed, and tells of each pair what differs first. The
// margin is that of [Tell]. An error of kind [problem.Usage] says that a file is no record, or that a directory has two
// of one scenario and seed.
func Match(dirA, dirB string, margin float64) (*Directories, error) {
	d := &Directories{A: dirA, B: dirB, Asked: []compare.Setting{}, Pairs: []Pair{}, OnlyA: []Lone{}, OnlyB: []Lone{}}
	a, err := open(dirA)
	if err != nil {
		return nil, err
	}
	b, err := open(dirB)
	if err != nil {
		return nil, err
	}
	for _, k := range a.keys {
		if _, ok := b.files[k]; !ok {
			d.OnlyA = append(d.OnlyA, Lone{k.scenario, k.seed, filepath.Base(a.files[k])})
			continue
		}
		p, err := told(k, a.files[k], b.files[k], margin)
		if err != nil {
			return nil, err
		}
		d.add(p)
	}
	for _, k := range b.keys {
		if _, ok := a.files[k]; !ok {
			d.OnlyB = append(d.OnlyB, Lone{k.scenario, k.seed, filepath.Base(b.files[k])})
		}
	}
	if len(d.Pairs) == 0 {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("no record of %s pairs with a record of %s", dirA, dirB),
			"pairs have the same scenario and seed")
	}
	d.common()
	return d, nil
}

// open reads what records there are.
func open(dir string) (*shelf, error) {
	files, _, err := result.Files([]string{dir})
	if err != nil {
		return nil, err
	}
	s := &shelf{files: map[key]string{}}
	for _, file := range files {
		r, err := result.Read(file)
		if err != nil {
			return nil, err
		}
		k := key{r.Scenario.Name, r.Seed}
		if other, ok := s.files[k]; ok {
			return nil, problem.Wrap(problem.Usage,
				fmt.Errorf("%s has two records of %s with seed %d: %s and %s", dir, k.scenario, k.seed, filepath.Base(other),
					filepath.Base(file)),
				"it is unknown which to compare: move one of them into another directory")
		}
		s.files[k] = file
		s.keys = append(s.keys, k)
	}
	slices.SortFunc(s.keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.scenario, b.scenario), cmp.Compare(a.seed, b.seed))
	})
	return s, nil
}

// told compares a pair. Its records are read again, so that two are in memory and not all of them.
func told(k key, fileA, fileB string, margin float64) (*Pair, error) {
	a, err := result.Read(fileA)
	if err != nil {
		return nil, err
	}
	b, err := result.Read(fileB)
	if err != nil {
		return nil, err
	}
	s, err := Tell(fileA, fileB, a, b, margin)
	if err != nil {
		return nil, err
	}
	return &Pair{Scenario: k.scenario, Seed: k.seed, A: filepath.Base(fileA), B: filepath.Base(fileB),
		Identical: s.Identical, Alarm: s.Alarm, Heading: s.Heading(), First: s.First(), Asked: s.Asked}, nil
}

func (d *Directories) add(p *Pair) {
	switch {
	case p.Identical:
		d.Identical++
	case p.Alarm:
		d.Alarms++
		d.Differ++
	default:
		d.Differ++
	}
	d.Pairs = append(d.Pairs, *p)
}

// common takes what was asked differently in all pairs that differ out of the pairs.
func (d *Directories) common() {
	for i := range d.Pairs {
		if p := &d.Pairs[i]; !p.Identical {
			d.Asked = slices.Clone(p.Asked)
			break
		}
	}
	d.Asked = slices.DeleteFunc(d.Asked, func(s compare.Setting) bool {
		return slices.ContainsFunc(d.Pairs, func(p Pair) bool { return !p.Identical && !slices.Contains(p.Asked, s) })
	})
	for i := range d.Pairs {
		p := &d.Pairs[i]
		p.Asked = slices.DeleteFunc(p.Asked, func(s compare.Setting) bool { return slices.Contains(d.Asked, s) })
	}
}

// Heading sums it up in a sentence.
func (d *Directories) Heading() string {
	text := quantity.Plural(int64(len(d.Pairs)), "pair") + ": "
	if d.Differ == 0 {
		text += "IDENTICAL, all to the last bit"
	} else {
		text += fmt.Sprintf("%s IDENTICAL, %s differ", quantity.Count(int64(d.Identical)), quantity.Count(int64(d.Differ)))
	}
	if d.Alarms > 0 {
		text += fmt.Sprintf(", %s of them with the same software, scenario and seed", quantity.Count(int64(d.Alarms)))
	}
	if n := len(d.OnlyA) + len(d.OnlyB); n > 0 {
		text += "; " + quantity.Plural(int64(n), "record") + " without a partner"
	}
	return text
}

// Text writes it for people; markdown as Markdown. all shows every setting.
func (d *Directories) Text(w io.Writer, markdown, all bool) error {
	t := begin(d.Heading(), d.A, d.B, markdown, all)
	t.settings("What was asked, in all pairs that differ", d.Asked, mostAsked)
	var rows [][]string
	for i := range d.Pairs {
		p := &d.Pairs[i]
		rows = append(rows, []string{p.Scenario, fmt.Sprint(p.Seed), p.outcome(), cmp.Or(p.First, metric.None)})
	}
	t.table("Pairs", []string{"scenario", "seed", "outcome", "what differs first"}, rows, len(rows), 4)
	rows = nil
	for i, list := range [][]Lone{d.OnlyA, d.OnlyB} {
		for _, l := range list {
			rows = append(rows, []string{[]string{"A", "B"}[i], l.Scenario, fmt.Sprint(l.Seed), l.File})
		}
	}
	t.table("Without a partner", []string{"in", "scenario", "seed", "record"}, rows, len(rows), 4)
	_, err := io.WriteString(w, t.String())
	return err
}

// outcome is how a pair compares, in a few words.
func (p *Pair) outcome() string {
	text := "differs"
	switch {
	case p.Identical:
		return "IDENTICAL"
	case p.Alarm:
		text = "ALARM: asked the same"
	}
	if n := len(p.Asked); n > 0 {
		s := p.Asked[0]
		text += fmt.Sprintf("; asked: %s %s, %s", s.Name, cmp.Or(s.A, metric.None), cmp.Or(s.B, metric.None))
		if n > 1 {
			text += fmt.Sprintf(" and %d more", n-1)
		}
	}
	return text
}
