// Package problem tells apart the three ways in which a request can end badly,
// because a person, a shell script and a CI job each react differently to them:
//
//   - what the user wrote is wrong ([Usage]): mend the file or the command line;
//   - this machine cannot do it ([Machine]): install, load or permit something;
//   - the run is invalid ([Invalid]): nothing was shown either way.
//
// An error of any other kind is a defect or an accident of the operating system.
package problem

import "errors"

// Kind says who has to act on an error. Its value is the exit status of the command.
type Kind int

const (
	// Other is an unclassified error; the command exits with 1.
	Other Kind = 1
	// Usage says that the command line or a file is wrong; the command exits with 2.
	Usage Kind = 2
	// Machine says that this machine cannot do it; the command exits with 3.
	Machine Kind = 3
	// Invalid says that the run did not test what it set out to test; the command exits with 4.
	Invalid Kind = 4
)

// Error is an error with a kind, which says who can act on it, and a hint.
type Error struct {
	Kind Kind
	Err  error
	// Hint is one sentence that tells what to do, or empty.
	Hint string
	// Place is the path of the scenario's value that is wrong, such as nodes.web.sysctls, or empty.
	Place string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the classified error.
func (e *Error) Unwrap() error { return e.Err }

// Mistake is something wrong in what a user wrote: a value in a file, a word of the command line, or a part of either.
type Mistake struct {
	// Path of the value, such as expect[0], or empty if there is one text only.
	Path string
	// Offset and Length in bytes of the part of the value that is wrong; 0 and 0 for all of it.
	Offset, Length int
	// Msg says what is wrong, Hint (perhaps empty) what to write instead.
	Msg, Hint string
}

// Error returns the message; the place is for those who have the text.
func (m *Mistake) Error() string { return m.Msg }

// Missing is an error of kind [Machine], without a hint, about what this machine lacks.
func Missing(what string) error { return Wrap(Machine, errors.New(what), "") }

// Wrap classifies err and attaches a hint; it returns nil for a nil err.
func Wrap(kind Kind, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Err: err, Hint: hint}
}

// KindOf returns the kind of the outermost classified error in err's chain, or Other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Other
}

// PlaceOf returns the first place found in err's chain, or an empty string.
func PlaceOf(err error) string { return first(err, func(e *Error) string { return e.Place }) }

// HintOf returns the first hint of a classified error found in err's chain, or that of a [Mistake], or an empty string.
func HintOf(err error) string {
	text := first(err, func(e *Error) string { return e.Hint })
	if m := (*Mistake)(nil); text == "" && errors.As(err, &m) {
		return m.Hint
	}
	return text
}

// first returns what the first error in err's chain says that says something.
func first(err error, says func(*Error) string) string {
	var e *Error
	for errors.As(err, &e) {
		if text := says(e); text != "" {
			return text
		}
		err = e.Err
	}
	return ""
}
