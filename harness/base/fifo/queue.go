// Package fifo is a queue that uses its memory again.
//
// The roles in a guest collect no garbage (see package socket). A slice that is appended to behind and cut off in front
// would leave all that ever was in it to nobody, unless it is empty once in a while.
package fifo

// Queue is values in the order in which they came. The zero value is empty and ready.
type Queue[T any] struct {
	list  []T
	front int
}

// Len is how many there are.
func (q *Queue[T]) Len() int { return len(q.list) - q.front }

// Push puts a value at the end.
func (q *Queue[T]) Push(v T) {
	if len(q.list) == cap(q.list) && 2*q.front >= len(q.list) { // half of it is free, so a value is moved once or so
		q.list, q.front = q.list[:copy(q.list, q.list[q.front:])], 0
	}
	q.list = append(q.list, v)
}

// First is the first value, of which there must be one. It is valid until the next Push or Pop.
func (q *Queue[T]) First() *T { return &q.list[q.front] }

// Pop takes the first value off.
func (q *Queue[T]) Pop() {
	if q.front++; q.front == len(q.list) {
		q.list, q.front = q.list[:0], 0
	}
}
