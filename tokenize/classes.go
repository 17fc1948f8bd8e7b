package tokenize

import (
	"sync"
	"unicode"
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

// Hugging Face's library matches \p{L} and \p{N} by Unicode 16; Go's tables are
// those of Unicode 15. These are the letters and numbers between the two, found
// by asking tokenizers 0.23.3 about every code point (bench/tokenize.py classes).
var (
	newLetters = [][2]rune{
		{0x1C89, 0x1C8A}, {0xA7CB, 0xA7CD}, {0xA7DA, 0xA7DC}, {0x105C0, 0x105F3},
		{0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x11380, 0x11389},
		{0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
		{0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0}, {0x13460, 0x143FA},
		{0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED},
		{0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D},
	}
	newNumbers = [][2]rune{
		{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x16130, 0x16139},
		{0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA},
	}
	// Rust is one version ahead of the library's regular expressions.
	newNumeric = [][2]rune{{0x11DE0, 0x11DE9}, {0x16FF4, 0x16FF6}}
)

// asciiClass holds the classes of the first 128 code points.
var asciiClass = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = classOfRune(rune(r))
	}
	return table
}()

func classOfRune(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number | numeric
	case r == '\r' || r == '\n':
		return space | lineEnd
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// wideLimit is just above the last code point with a class (the end of CJK
// extension H, U+323AF).
const wideLimit = 0x323B0

// wideClass holds the classes of all code points below wideLimit: 200 kB, made
// when the first character beyond ASCII turns up.
var wideClass = sync.OnceValue(func() []class {
	table := make([]class, wideLimit)
	fillTable(table, unicode.L, letter)
	fillTable(table, unicode.N, number|numeric)
	fillTable(table, unicode.White_Space, space)
	fillRanges(table, newLetters, letter)
	fillRanges(table, newNumbers, number|numeric)
	for r := range table {
		if table[r] == 0 {
			table[r] = other
		}
	}
	fillRanges(table, newNumeric, numeric)
	copy(table, asciiClass[:])
	return table
})

func fillTable(table []class, ranges *unicode.RangeTable, c class) {
	for _, r := range ranges.R16 {
		for at := uint32(r.Lo); at <= uint32(r.Hi); at += uint32(r.Stride) {
			table[at] |= c
		}
	}
	for _, r := range ranges.R32 {
		for at := r.Lo; at <= r.Hi; at += r.Stride {
			table[at] |= c
		}
	}
}

func fillRanges(table []class, ranges [][2]rune, c class) {
	for _, r := range ranges {
		for at := r[0]; at <= r[1]; at++ {
			table[at] |= c
		}
	}
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

func isNumeric(r rune) bool {
	return unicode.IsNumber(r) || inRanges(newNumbers, r) || inRanges(newNumeric, r)
}

func inRanges(ranges [][2]rune, r rune) bool {
	for _, span := range ranges {
		if span[0] <= r && r <= span[1] {
			return true
		}
	}
	return false
}
