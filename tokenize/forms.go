package tokenize

import (
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
	return n
}

// formOf brings a segment into form f.
func formOf(f norm.Form, segment string) string {
	if r, _ := utf8.DecodeRuneInString(segment); lateRunes.has(r) {
		return segment
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
