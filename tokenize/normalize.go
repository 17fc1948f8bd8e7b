package tokenize

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A normalizer rewrites text before it is split into words.
type normalizer interface {
	normalize(p piece) (piece, error)
}

// normalizers are the normalisers of tokenizer.json, by type.
var normalizers = map[string]func(component) (normalizer, error){
	"BertNormalizer": newBertNormalizer,
	"ByteLevel":      func(component) (normalizer, error) { return pure((&byteLevel{}).spell), nil },
	"Lowercase":      func(component) (normalizer, error) { return pure(lowercase), nil },
	"NFC":            form(norm.NFC),
	"NFD":            form(norm.NFD),
	"NFKC":           form(norm.NFKC),
	"NFKD":           form(norm.NFKD),
	"Nmt":            func(component) (normalizer, error) { return pure(nmt), nil },
	"Precompiled":    newPrecompiled,
	"Prepend":        newPrepend,
	"Replace":        newReplace,
	"Strip":          newStripNormalizer,
	"StripAccents":   func(component) (normalizer, error) { return pure(stripAccents), nil },
}

// pure is a normaliser that cannot fail.
type pure func(piece) piece

func (f pure) normalize(p piece) (piece, error) { return f(p), nil }

// normalizerSequence runs one normaliser after the other.
type normalizerSequence []normalizer

func (s normalizerSequence) normalize(p piece) (piece, error) {
	var err error
	for _, n := range s {
		if p, err = n.normalize(p); err == nil {
			err = p.limit.check()
		}
		if err != nil {
			return piece{}, err
		}
	}
	return p, nil
}

// mapRunes rewrites p character by character: with returns what stands for r, and
// whether that is anything but r itself.
func mapRunes(p piece, with func(r rune) (string, bool)) piece {
	var e *editor // made at the first change
	kept := 0
	for at, r := range p.text {
		s, changed := with(r)
		if !changed {
			continue
		}
		if e == nil {
			e = edit(p)
		}
		e.keep(kept, at)
		kept = at + len(string(r))
		e.replace(at, kept, s)
	}
	if e == nil {
		return p
	}
	e.keep(kept, len(p.text))
	return e.piece()
}

// dropRunes removes the characters that drop reports.
func dropRunes(p piece, drop func(rune) bool) piece {
	return mapRunes(p, func(r rune) (string, bool) { return "", drop(r) })
}

// lowercase maps each character to lower case by itself: İ becomes i and a
// combining dot, and Σ never becomes ς.
func lowercase(p piece) piece {
	return mapRunes(p, func(r rune) (string, bool) {
		if r == 'İ' {
			return "i\u0307", true
		}
		low := toLower(r)
		return string(low), low != r
	})
}

// newLower are the capitals of Unicode 16 and 17, which the library knows and Go
// 1.26 does not.
var newLower = []struct{ lo, hi, delta rune }{
	{0x1C89, 0x1C89, 1}, {0xA7CB, 0xA7CB, 0x264 - 0xA7CB}, {0xA7CC, 0xA7CC, 1}, {0xA7CE, 0xA7CE, 1},
	{0xA7D2, 0xA7D2, 1}, {0xA7D4, 0xA7D4, 1}, {0xA7DA, 0xA7DA, 1}, {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
	{0x10D50, 0x10D65, 0x20}, {0x16EA0, 0x16EB8, 0x1B},
}

func toLower(r rune) rune {
	for _, n := range newLower {
		if n.lo <= r && r <= n.hi {
			return r + n.delta
		}
	}
	return unicode.ToLower(r)
}

func stripAccents(p piece) piece { return dropRunes(p, combiningMarks.has) }

// nmt is the clean-up of Google's translation models: control characters go,
// line ends and unusual blanks become spaces.
func nmt(p piece) piece {
	return mapRunes(p, func(r rune) (string, bool) {
		switch {
		case 0x01 <= r && r <= 0x08, r == 0x0B, 0x0E <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
			return "", true
		case r == 0x09, r == 0x0A, r == 0x0C, r == 0x0D, r == 0x1680, 0x200B <= r && r <= 0x200F,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			return " ", true
		}
		return "", false
	})
}

// prefixer is Prepend: it inserts a text before any that is not empty.
type prefixer struct {
	Prepend string `json:"prepend"`
}

func newPrepend(c component) (normalizer, error) {
	n := new(prefixer)
	if err := c.read(n); err != nil {
		return nil, err
	}
	return n, c.wrap(checkLength("the text to prepend", n.Prepend))
}

func (n *prefixer) normalize(p piece) (piece, error) { return prepend(p, n.Prepend), nil }

// replacer is Replace, as a normaliser and as a decoder.
type replacer struct {
	Pattern pattern `json:"pattern"`
	Content string  `json:"content"`
}

func readReplace(c component) (*replacer, error) {
	n := new(replacer)
	if err := c.read(n); err != nil {
		return nil, err
	}
	return n, c.wrap(errors.Join(n.Pattern.compile(), checkLength("the replacement", n.Content)))
}

func newReplace(c component) (normalizer, error) {
	n, err := readReplace(c)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func newReplaceDecoder(c component) (decoder, error) {
	n, err := readReplace(c)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (n *replacer) normalize(p piece) (piece, error) {
	matches, err := n.Pattern.matches(p.text, p.limit)
	if err != nil {
		return piece{}, err
	}
	if len(matches) == 0 || len(matches) == 1 && !matches[0].hit {
		return p, nil
	}
	e := edit(p)
	for _, m := range matches {
		if m.hit {
			e.replace(m.start, m.end, n.Content)
		} else {
			e.keep(m.start, m.end)
		}
	}
	return e.piece(), nil
}

func (n *replacer) decode(tokens []string, limit *allowance) ([]string, error) {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		p, err := n.normalize(piece{text: token, limit: limit})
		if err != nil {
			return nil, err
		}
		out[i] = p.text
	}
	return out, nil
}

// stripSpace is Strip as a normaliser: white space at the ends goes.
type stripSpace struct {
	Left  bool `json:"strip_left"`
	Right bool `json:"strip_right"`
}

func newStripNormalizer(c component) (normalizer, error) {
	n := new(stripSpace)
	return n, c.read(n)
}

func (n *stripSpace) normalize(p piece) (piece, error) {
	start, end := 0, len(p.text)
	if n.Left {
		start = end - len(strings.TrimLeftFunc(p.text, unicode.IsSpace))
	}
	if n.Right {
		end = start + len(strings.TrimRightFunc(p.text[start:], unicode.IsSpace))
	}
	return p.slice(start, end), nil
}

// bertNormalizer is the clean-up of Google's BERT (tokenization.py, BasicTokenizer).
type bertNormalizer struct {
	CleanText    bool  `json:"clean_text"`
	ChineseChars bool  `json:"handle_chinese_chars"`
	StripAccents *bool `json:"strip_accents"` // null: as Lowercase
	Lowercase    bool  `json:"lowercase"`
}

func newBertNormalizer(c component) (normalizer, error) {
	n := new(bertNormalizer)
	return n, c.read(n)
}

func (n *bertNormalizer) normalize(p piece) (piece, error) {
	if n.CleanText {
		p = dropRunes(p, controls.has)
		p = mapRunes(p, func(r rune) (string, bool) { return " ", unicode.IsSpace(r) && r != ' ' })
	}
	if n.ChineseChars {
		p = mapRunes(p, func(r rune) (string, bool) { return " " + string(r) + " ", isChinese(r) })
	}
	if n.StripAccents == nil && n.Lowercase || n.StripAccents != nil && *n.StripAccents {
		p = dropRunes(toForm(norm.NFD, p), accents.has)
	}
	if n.Lowercase {
		p = lowercase(p)
	}
	return p, nil
}

// isChinese reports the ideographs that BERT sets apart.
func isChinese(r rune) bool { return ideographs.has(r) }

var ideographs = runeSet{
	{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
	{0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F},
}
