package campaign

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ruleout/ruleout/harness/verdict/design"
)

// contexts lists the contexts that the campaign covers. All ranges together are one dimension, whose levels are the
// points of a Latin hypercube: each axis has a point in each of as many equal parts as there are samples.
func (v *validation) contexts() []point {
	var axes []int // factors that are ranges
	samples := 0
	for i := range v.Factors {
		if r := v.Factors[i].Range; r != nil {
			axes, samples = append(axes, i), max(samples, r.Samples)
		}
	}
	levels := make([][]level, len(v.Factors))
	var points [][]float64
	if len(axes) > 0 {
		var err error
		if points, err = design.LatinHypercube(samples, len(axes), uint64(v.Seeds.First)); err != nil {
			v.Fail("factors", err.Error(), "")
			return nil
		}
	}
	var dimensions []design.Factor
	for i := range v.Factors {
		if f := &v.Factors[i]; f.Range == nil {
			levels[i] = f.levels()
			dimensions = append(dimensions, design.Factor{Name: f.Name, Levels: len(levels[i])})
		}
	}
	if samples > 0 {
		dimensions = append(dimensions, design.Factor{Name: "ranges", Levels: samples})
	}
	rows, err := v.rows(dimensions, levels)
	if errors.Is(err, design.ErrEmpty) {
		v.Fail("except", "the exceptions leave no context", "")
		return nil
	} else if err != nil {
		v.Fail("factors", err.Error(), "fewer factors or values, or cover: pairs")
		return nil
	}
	var list []point
	for _, row := range rows {
		p := point{kernel: v.Kernel}
		column := 0
		for i := range v.Factors {
			f := &v.Factors[i]
			var l level
			if f.Range != nil {
				l = f.at(points[row[len(row)-1]][slices.Index(axes, i)])
			} else {
				l = levels[i][row[column]]
				column++
			}
			p.context = append(p.context, Level{f.Name, l.label})
			p.settings = p.settings.with(l.set)
			if l.kernel != "" {
				p.kernel = l.kernel
			}
		}
		list = append(list, p)
	}
	return list
}

// rows lists the combinations that are covered, as indices of levels.
func (v *validation) rows(dimensions []design.Factor, levels [][]level) ([]design.Row, error) {
	if len(dimensions) == 0 {
		return []design.Row{nil}, nil
	}
	space := design.Space{Factors: dimensions, Constraints: v.constraints(levels)}
	if err := space.Check(); err != nil {
		return nil, err
	}
	strength := map[Cover]int{Pairs: 2, Triples: 3}[v.Cover]
	if strength > 0 {
		return space.Covering(strength, uint64(v.Seeds.First))
	}
	if space.Size() > mostContexts {
		return nil, fmt.Errorf("there are %.0f combinations, and at most %d contexts are allowed", space.Size(), mostContexts)
	}
	rows := slices.Collect(space.Full())
	if len(rows) == 0 {
		return nil, design.ErrEmpty
	}
	return rows, nil
}

// constraints are the exceptions.
func (v *validation) constraints(levels [][]level) []design.Constraint {
	var list []design.Constraint
	for i, one := range v.Except {
		at := map[int]int{} // dimension → level
		dimension := 0
		for f := range v.Factors {
			if v.Factors[f].Range != nil {
				continue
			}
			if label, ok := one[v.Factors[f].Name]; ok {
				at[dimension] = slices.IndexFunc(levels[f], func(l level) bool { return l.label == label })
			}
			dimension++
		}
		list = append(list, design.Constraint{
			Name: fmt.Sprintf("except[%d]", i), Factors: slices.Sorted(maps.Keys(at)),
			Forbids: func(row design.Row) bool {
				for f, l := range at {
					if row[f] != l {
						return false
					}
				}
				return true
			},
		})
	}
	return list
}
