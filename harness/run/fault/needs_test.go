package fault

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

func TestWhichScenariosNeedNetem(t *testing.T) {
	for _, c := range []struct {
		name, link, faults string
		needs              bool
	}{
		{"a bare link", "", "[]", false},
		{"a queue without a rate", "queue: 5", "[]", false},
		{"a delay", "delay: 1ms", "[]", true},
		{"a rate", "rate: 1mbit", "[]", true},
		{"a rate with a queue", "rate: 1mbit, queue: 5", "[]", true},
		{"a link that goes down", "", "[{name: f, link: [a, b], do: down, at: 1s, for: 1s}]", false},
		{"watched", "", "[{name: f, link: [a, b], do: watch}]", false},
		{"copies", "", "[{name: f, link: [a, b], do: {duplicate: 2}}]", false},
		{"lost", "", "[{name: f, link: [a, b], do: drop}]", true},
		{"held back", "", "[{name: f, link: [a, b], do: {delay: 1ms}}]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			link := "{between: [a, b]}"
			if c.link != "" {
				link = "{between: [a, b], " + c.link + "}"
			}
			s, err := scenario.Parse("test.yaml",
				[]byte("version: 1\nname: test\nduration: 5s\nnodes: {a: {}, b: {}}\nlinks:\n  - "+link+"\nfaults: "+c.faults+"\n"),
				nil)
			require.NoError(t, err)
			needs, err := NeedsNetem(s)
			require.NoError(t, err)
			require.Equal(t, c.needs, needs)
		})
	}
}
