package tokenize

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// This file brings text into Unicode's normalisation forms, with golang.org/x/text
// where that agrees with Hugging Face's library.

// lateRunes are the characters since Unicode 9 that normalisation concerns: marks
// with a combining class, and characters with a decomposition. The library's
// tables are those of Unicode 9: it leaves these alone.
var lateRunes = runeSet{
	{0x7FD, 0x7FD}, {0x898, 0x89F}, {0x8CA, 0x8D3}, {0x9FE, 0x9FE}, {0xC3C, 0xC3C}, {0xD3B, 0xD3C},
	{0xEBA, 0xEBA}, {0x1715, 0x1715}, {0x1ABF, 0x1ACE}, {0x1DF6, 0x1DFA}, {0x32FF, 0x32FF}, {0xA7F2, 0xA7F4},
	{0xA82C, 0xA82C}, {0xAB69, 0xAB69}, {0x10781, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
	{0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
	{0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11930},
	{0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
	{0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
	{0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E06D}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
	{0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
}

var nfc = pure(func(p piece) piece { return toForm(norm.NFC, p) })

func form(f norm.Form) func(component) (normalizer, error) {
	return func(component) (normalizer, error) {
		return pure(func(p piece) piece { return toForm(f, p) }), nil
	}
}

// toForm brings p into form f, segment by segment: what a character and its
// combining marks become has their place.
func toForm(f norm.Form, p piece) piece {
	if f.IsNormalString(p.text) && !hasLate(p.text) {
		return p
	}
	e := edit(p)
	for at := 0; at < len(p.text); {
		n := segment(f, p.text[at:])
		text := p.text[at : at+n]
		e.rewrite(at, at+n, formOf(f, text))
		at += n
	}
	return e.piece()
}

func hasLate(s string) bool {
	for _, r := range s {
		if r >= lateRunes[0].lo && lateRunes.has(r) {
			return true
		}
	}
	return false
}

// segment returns the length of what is normalised by itself at the start of s.
// A late character counts for a starter that combines with nothing.
func segment(f norm.Form, s string) int {
	r, size := utf8.DecodeRuneInString(s)
	if lateRunes.has(r) {
		return size
	}
	n := f.NextBoundaryInString(s, true)
	for at, r := range s[:n] {
		if at > 0 && lateRunes.has(r) {
			return at
		}
	}
	return n + marks(s[n:])
}

// marks returns the length of the combining marks that s begins with.
func marks(s string) int {
	for at, r := range s {
		if lateRunes.has(r) || classOf(r) == 0 {
			return at
		}
	}
	return len(s)
}

// classOf is the canonical combining class of a character.
func classOf(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }

// manyMarks is the length in characters from which on a segment may have more marks than
// norm puts in order at once, 30 when they are taken apart; it parts longer runs, as
// Unicode's Stream-Safe Text Process does.
const manyMarks = 10

// longForm brings a segment of more marks into form f: it takes the characters apart, puts
// the marks in the order of their classes, and composes them again (Unicode, section 3.11).
func longForm(f norm.Form, segment string) string {
	apart := f
	if decomposed, ok := decomposition[f]; ok {
		apart = decomposed
	}
	var runes []rune
	for _, r := range segment {
		runes = append(runes, []rune(apart.String(string(r)))...)
	}
	for start := 0; start < len(runes); start++ {
		end := start
		for end < len(runes) && classOf(runes[end]) > 0 {
			end++
		}
		slices.SortStableFunc(runes[start:end], func(a, b rune) int { return cmp.Compare(classOf(a), classOf(b)) })
		start = max(start, end-1)
	}
	if apart == f {
		return string(runes)
	}
	return compose(runes)
}

// compose joins characters to the last starter before them, unless one between has their
// class or a higher one.
func compose(runes []rune) string {
	out := runes[:0:0]
	starter, last := -1, -1 // last is the class of the mark before, -1 right after a starter
	for _, r := range runes {
		class := int(classOf(r))
		if starter >= 0 && last < class {
			if both, ok := composed(out[starter], r); ok {
				out[starter] = both
				continue
			}
		}
		out = append(out, r)
		if last = class; class == 0 {
			starter, last = len(out)-1, -1
		}
	}
	return string(out)
}

// composed returns the one character that two make.
func composed(a, b rune) (rune, bool) {
	both := []rune(norm.NFC.String(string([]rune{a, b})))
	return both[0], len(both) == 1 && !(a > 0xFFFF && both[0] <= 0xFFFF)
}

// formOf brings a segment into form f.
func formOf(f norm.Form, segment string) string {
	if r, _ := utf8.DecodeRuneInString(segment); lateRunes.has(r) {
		return segment
	}
	if utf8.RuneCountInString(segment) > manyMarks {
		return longForm(f, segment)
	}
	with := f.String(segment)
	// norm looks pairs up by the lower 16 bits of each character, so that U+10043
	// and a cedilla become what "C" and a cedilla do.
	if decomposed, ok := decomposition[f]; ok {
		apart := decomposed.String(segment)
		first, _ := utf8.DecodeRuneInString(apart)
		composed, _ := utf8.DecodeRuneInString(with)
		if first > 0xFFFF && composed <= 0xFFFF {
			return apart
		}
	}
	return with
}

// decomposition is the form of which a composed form is made.
var decomposition = map[norm.Form]norm.Form{norm.NFC: norm.NFD, norm.NFKC: norm.NFKD}
