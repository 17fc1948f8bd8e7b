package tokenize

import (
	"errors"
	"unicode/utf8"
)

// longestShown is how many bytes of a text from a file or a caller a message shows.
const longestShown = 80

// brief cuts a text short for a message.
func brief(s string) string { return cutTo(s, longestShown) }

// briefError is an error of a library that may hold a whole file.
func briefError(err error) error { return errors.New(cutTo(err.Error(), 3*longestShown)) }

func cutTo(s string, end int) string {
	if len(s) <= end {
		return s
	}
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
