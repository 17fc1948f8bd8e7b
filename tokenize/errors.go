package tokenize

import (
	"errors"
	"io/fs"

	"gopherlens/internal/fault"
)

// The kinds of errors that a program can act on, with [errors.Is]. A file that is not there
// is [fs.ErrNotExist].
var (
	// ErrUnsupportedFile says that a tokenizer's file is there and is not read: a component
	// or a field of it is not known here, or it is damaged. The message tells which.
	ErrUnsupportedFile = fault.ErrUnsupportedFile
	// ErrOutOfContext says that a text has more tokens than [Options].Context allows.
	ErrOutOfContext = fault.ErrOutOfContext
)

// refused marks the error of a file as one of its content, unless the file is not there or
// could not be read at all.
func refused(err error) error {
	if system := (*fs.PathError)(nil); errors.As(err, &system) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fault.Mark(err, ErrUnsupportedFile)
}
