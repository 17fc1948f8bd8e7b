package tokenize

import (
	"sync"
	"unicode/utf8"
)

// class is a set of character properties, as the split patterns use them.
type class uint8

const (
	letter  class = 1 << iota // \p{L}
	number                    // \p{N}
	space                     // \s: Unicode's White_Space
	lineEnd                   // \r and \n
	other                     // [^\s\p{L}\p{N}]
	numeric                   // Rust's char::is_numeric, which the Digits pre-tokenizer asks
)

// wideLimit is just above the last code point that is not of class other.
const wideLimit = 0x323B0

// asciiClass holds the classes of the first 128 code points.
var asciiClass = func() [utf8.RuneSelf]class { return [utf8.RuneSelf]class(makeClasses(utf8.RuneSelf)) }()

// wideClass holds the classes of all code points below wideLimit: 200 kB, made
// when the first character beyond ASCII turns up.
var wideClass = sync.OnceValue(func() []class { return makeClasses(wideLimit) })

// makeClasses returns the classes of the first n code points.
func makeClasses(n rune) []class {
	table := make([]class, n)
	fill := func(set runeSet, c class) {
		for _, r := range set {
			for at := r.lo; at <= r.hi && at < n; at++ {
				table[at] |= c
			}
		}
	}
	fill(letters, letter)
	fill(numbers, number)
	fill(whiteSpace, space)
	for r := range table {
		if table[r] == 0 {
			table[r] = other
		}
	}
	fill(numerics, numeric)
	table['\r'] |= lineEnd
	table['\n'] |= lineEnd
	return table
}

// classAt returns the class of the character at s[i] and its length in bytes.
// A byte that is not UTF-8 is a character of its own.
func classAt(s string, i int) (class, int) {
	if b := s[i]; b < utf8.RuneSelf {
		return asciiClass[b], 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	if r >= wideLimit {
		return other, size
	}
	return wideClass()[r], size
}

// runOf returns the end of the run of characters from s[i:] that have a
// property of want and none of stop.
func runOf(s string, i int, want, stop class) int {
	for i < len(s) {
		c, size := classAt(s, i)
		if c&want == 0 || c&stop != 0 {
			break
		}
		i += size
	}
	return i
}
