package tokenize

import (
	"errors"

	short "gopherlens/internal/brief"
)

// longestShown is how many bytes of a text from a file or a caller a message shows.
const longestShown = 80

// brief cuts a text short for a message.
func brief(s string) string { return short.Cut(s, longestShown) }

// briefError is an error of a library that may hold a whole file.
func briefError(err error) error { return errors.New(short.Cut(err.Error(), 3*longestShown)) }
