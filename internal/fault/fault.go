// Package fault gives errors a kind that a program can test for, whatever the message says:
//
//	return fault.Mark(fmt.Errorf("weights: %s: unknown kind of file", path), fault.ErrUnsupportedFile)
//
// It holds the kinds that several packages share; each of these names them in its own
// documentation.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// ErrUnsupportedFile says that a file is there and cannot be used: it is of a kind, or holds
// something, that is not known here, or it is damaged. The message tells which.
var ErrUnsupportedFile = errors.New("unsupported file")

// ErrOutOfContext says that a text has more tokens than the model has positions.
var ErrOutOfContext = errors.New("out of context")

// Mark adds a kind to an error and leaves its text alone: a message that tells what to do
// needs no name of the kind in the middle of it. Of no error it makes none.
func Mark(err, kind error) error {
	if err == nil {
		return nil
	}
	return &marked{err, kind}
}

type marked struct{ err, kind error }

func (m *marked) Error() string { return m.err.Error() }

// Unwrap returns both, so that whatever err wraps is found too.
func (m *marked) Unwrap() []error { return []error{m.err, m.kind} }

// Ended is the error of work whose context has ended, and nil while that has not: what was reached
// (in the manner of [fmt.Errorf]), and why it ended. [errors.Is] finds [context.Canceled] or
// [context.DeadlineExceeded] in it, and the context's cause if it was given one.
func Ended(ctx context.Context, format string, args ...any) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	reached := fmt.Errorf(format, args...)
	if cause := context.Cause(ctx); cause != err {
		return fmt.Errorf("%w: %w (%w)", reached, err, cause)
	}
	return fmt.Errorf("%w: %w", reached, err)
}
