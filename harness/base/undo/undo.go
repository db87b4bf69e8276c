// Package undo keeps what has to be undone, for code that builds several things
// that must all be gone again: kernel objects, processes, files.
//
//	var undo undo.Stack
//	defer func() { if err != nil { err = errors.Join(err, undo.Close()) } }()
//	a, err := makeA()
//	…
//	undo.Push(a.Close)
//
// Undo functions take no context: they run when the context that the building was
// done under is cancelled already.
package undo

import "errors"

// Stack is a last-in, first-out stack of undo functions. The zero value is empty
// and ready. It is not safe for use by several goroutines at once.
type Stack struct {
	functions []func() error
}

// Push adds a function that undoes what was just done.
func (s *Stack) Push(f func() error) { s.functions = append(s.functions, f) }

// Close calls all functions, the newest first, each once, and joins their errors.
// One that fails does not keep the others from running; nor does one that panics,
// which goes on panicking once the rest has run.
func (s *Stack) Close() (err error) {
	if len(s.functions) == 0 {
		return nil
	}
	last := s.functions[len(s.functions)-1]
	s.functions = s.functions[:len(s.functions)-1]
	defer func() { err = errors.Join(err, s.Close()) }()
	return last()
}
