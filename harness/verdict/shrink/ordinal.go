package shrink

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Draw returns the numbers of the packets that a fault of a document chooses by chance, if they are counted over one
// direction of its link. It returns nothing for a fault that has no chance.
type Draw func(text []byte, fault string) []int

// listed is how many ordinals a fault names at the most, and windows how many such lists are tried.
const listed, windows = 64, 8

// ordinals names the packets that a fault chooses, in place of a chance: the first so many, or those that follow. What
// is not needed of them is left out afterwards, like other elements of lists.
func (s *shrinker) ordinals(ctx context.Context) error {
	faults := value(s.root(), "faults")
	if s.Draw == nil || faults == nil {
		return nil
	}
	for i := range faults.Content {
		if err := s.named(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// named does that for one fault.
func (s *shrinker) named(ctx context.Context, i int) error {
	f := value(s.root(), "faults").Content[i]
	name := value(f, "name")
	if name == nil || value(value(f, "select"), "chance") == nil {
		return nil
	}
	text, err := Text(s.doc)
	if err != nil {
		return err
	}
	chosen := s.Draw(text, name.Value)
	for window := range slices.Chunk(chosen[:min(len(chosen), windows*listed)], listed) {
		words := fmt.Sprintf("fault %s: %d packets by number in place of a chance", name.Value, len(window))
		ok, err := s.try(ctx, words, func(root *yaml.Node) bool {
			sel := value(value(root, "faults").Content[i], "select")
			for _, key := range []string{"chance", "nth", "every", "first", "per", "ordinals"} {
				remove(sel, key)
			}
			list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, n := range window {
				list.Content = append(list.Content, scalar(strconv.Itoa(n)))
			}
			sel.Content = append(sel.Content, scalar("per"), scalar("link"), scalar("ordinals"), list)
			return true
		})
		if err != nil || ok {
			return err
		}
	}
	return nil
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
