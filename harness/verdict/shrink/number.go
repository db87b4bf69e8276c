package shrink

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// number is one with its unit, if it has one.
var number = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([a-zA-Z%/]*)$`)

// halved are the keys whose numbers are halved: times, rates and counts. Others only get fewer digits.
var halved = []string{
	"duration", "warmup", "at", "for", "rate", "workers", "queries", "response", "backlog", "duplicate",
}

// halvings of one number at the most.
const halvings = 6

// numbers makes numbers smaller and rounder.
func (s *shrinker) numbers(ctx context.Context) error {
	for _, where := range scalars(s.root(), nil) {
		key := ""
		if parent := where[:len(where)-1].node(s.root()); parent.Kind == yaml.MappingNode {
			key = parent.Content[where[len(where)-1]-1].Value
		}
		if slices.Contains([]string{"version", "expect"}, key) || where[0] == s.expectAt() {
			continue
		}
		if err := s.rounder(ctx, where, key); err != nil {
			return err
		}
	}
	return nil
}

// expectAt is the position of the expectations in the root.
func (s *shrinker) expectAt() int {
	return 1 + keyAt(s.root(), "expect")
}

// scalars lists the places of all scalar values.
func scalars(n *yaml.Node, where at) (list []at) {
	switch n.Kind {
	case yaml.ScalarNode:
		return []at{slices.Clone(where)}
	case yaml.MappingNode, yaml.SequenceNode:
		for _, c := range children(n) {
			i := c.at + c.size - 1
			list = append(list, scalars(n.Content[i], append(slices.Clone(where), i))...)
		}
	}
	return list
}

// rounder makes one number smaller, if its key is one of those, and then rounder.
func (s *shrinker) rounder(ctx context.Context, where at, key string) error {
	set := func(to string) (bool, error) {
		was := where.node(s.root()).Value
		return s.try(ctx, fmt.Sprintf("%s: %s in place of %s", key, to, was), func(root *yaml.Node) bool {
			where.node(root).Value = to
			return to != was
		})
	}
	for range halvings {
		n, unit, ok := split(where.node(s.root()).Value)
		if !ok || !slices.Contains(halved, key) || n < 2 {
			break
		}
		if ok, err := set(write(math.Floor(n/2), unit)); err != nil {
			return err
		} else if !ok {
			break
		}
	}
	n, unit, ok := split(where.node(s.root()).Value)
	if !ok || n == 0 {
		return nil
	}
	round, err := strconv.ParseFloat(strconv.FormatFloat(n, 'e', 0, 64), 64) // one digit
	if err != nil {
		return err
	}
	_, err = set(write(round, unit))
	return err
}

func split(text string) (n float64, unit string, ok bool) {
	m := number.FindStringSubmatch(text)
	if m == nil {
		return 0, "", false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	return n, m[2], err == nil
}

func write(n float64, unit string) string { return strconv.FormatFloat(n, 'f', -1, 64) + unit }
