package fifo

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A queue holds what a slice would, whatever is done to it.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue[int]
		var want []int
		for i, push := range rapid.SliceOfN(rapid.Bool(), 0, 200).Draw(t, "push") {
			if push {
				q.Push(i)
				want = append(want, i)
			} else if len(want) > 0 {
				q.Pop()
				want = want[1:]
			}
			if q.Len() != len(want) {
				t.Fatalf("%d values, want %d", q.Len(), len(want))
			}
			if len(want) > 0 && *q.First() != want[0] {
				t.Fatalf("first is %d, want %d", *q.First(), want[0])
			}
		}
	})
}

// A queue that is never empty takes no more memory than it did when it was at its longest.
func TestMemoryIsUsedAgain(t *testing.T) {
	var q Queue[int]
	for i := range 100 {
		q.Push(i)
	}
	n := testing.AllocsPerRun(10, func() {
		for i := range 1000 {
			q.Push(i)
			q.Pop()
		}
	})
	require.Zero(t, n)
	require.Equal(t, 100, q.Len())
	require.LessOrEqual(t, cap(q.list), 256)
}
