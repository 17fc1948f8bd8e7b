package tokenize

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A splitter is a pre-tokenizer: it cuts a piece into words.
type splitter interface {
	split(p piece, yield func(piece) error) error
}

// splitters are the pre-tokenizers of tokenizer.json, by type.
var splitters = map[string]func(component) (splitter, error){
	"ByteLevel":          newByteLevel,
	"BertPreTokenizer":   func(component) (splitter, error) { return bertSplit(), nil },
	"CharDelimiterSplit": newDelimiterSplit,
	"Digits":             newDigits,
	"Metaspace":          newMetaspaceSplit,
	"Punctuation":        newPunctuation,
	"Split":              newSplit,
	"Whitespace":         func(component) (splitter, error) { return wordsAndSymbols{}, nil },
	"WhitespaceSplit":    func(component) (splitter, error) { return cut{unicode.IsSpace, removed}, nil },
}

// chain runs the splitters one after the other and word on what comes out.
func chain(splits []splitter, word func(piece) error) func(piece) error {
	for i := len(splits) - 1; i >= 0; i-- {
		next, s := word, splits[i]
		word = func(p piece) error {
			if err := p.limit.check(); err != nil {
				return err
			}
			return s.split(p, next)
		}
	}
	return word
}

// byteLevel splits by GPT-2's pattern and spells each word's bytes as characters.
type byteLevel struct {
	AddPrefixSpace bool `json:"add_prefix_space"`
	TrimOffsets    bool `json:"trim_offsets"` // not used: spans here cover the whole text
	UseRegex       bool `json:"use_regex"`

	keepBytes bool // the model takes raw bytes: nothing to spell
}

func newByteLevel(c component) (splitter, error) {
	b := &byteLevel{AddPrefixSpace: true, UseRegex: true}
	return b, c.read(b)
}

func (b *byteLevel) split(p piece, yield func(piece) error) error {
	if b.AddPrefixSpace && !strings.HasPrefix(p.text, " ") {
		p = prepend(p, " ")
	}
	if !b.UseRegex {
		return yield(b.spell(p))
	}
	return scanSplit(scanGPT2).split(p, func(word piece) error { return yield(b.spell(word)) })
}

func (b *byteLevel) spell(p piece) piece {
	if b.keepBytes {
		return p
	}
	e := edit(p)
	for i := range len(p.text) {
		e.replace(i, i+1, string(byteRunes[p.text[i]]))
	}
	return e.piece()
}

// scanSplit cuts a piece with a scanner.
type scanSplit scanner

func (scan scanSplit) split(p piece, yield func(piece) error) error {
	for at := 0; at < len(p.text); {
		n := scan(p.text[at:])
		if err := yield(p.slice(at, at+n)); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// cut splits at single characters.
type cut struct {
	is       func(rune) bool
	behavior behavior
}

func (c cut) split(p piece, yield func(piece) error) error {
	return c.behavior.apply(p, c.matches(p.text), yield)
}

// matches returns the characters that match and what lies between them.
func (c cut) matches(s string) []match {
	var out []match
	done := 0
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		if c.is(r) {
			if done < at {
				out = append(out, match{done, at, false})
			}
			out = append(out, match{at, at + size, true})
			done = at + size
		}
		at += size
	}
	if done < len(s) {
		out = append(out, match{done, len(s), false})
	}
	return out
}

// sequence runs several splitters as one.
type sequence []splitter

func (s sequence) split(p piece, yield func(piece) error) error { return chain(s, yield)(p) }

func bertSplit() splitter {
	return sequence{cut{unicode.IsSpace, removed}, cut{punctuation.has, isolated}}
}

func newDelimiterSplit(c component) (splitter, error) {
	var fields struct {
		Delimiter string `json:"delimiter"`
	}
	err := c.read(&fields)
	r, _ := utf8.DecodeRuneInString(fields.Delimiter)
	return cut{func(got rune) bool { return got == r }, removed}, err
}

func newDigits(c component) (splitter, error) {
	var fields struct {
		Individual bool `json:"individual_digits"`
	}
	err := c.read(&fields)
	if fields.Individual {
		return digitsApart{cut{numerics.has, isolated}}, err
	}
	return cut{numerics.has, contiguous}, err
}

// digitsApart makes each digit a word. Its own type lets oneScanner know it.
type digitsApart struct{ cut }

func newPunctuation(c component) (splitter, error) {
	fields := struct {
		Behavior behavior `json:"behavior"`
	}{isolated}
	err := c.read(&fields)
	return cut{punctuation.has, fields.Behavior}, err
}

// wordsAndSymbols is \w+|[^\w\s]+ without what lies between.
type wordsAndSymbols struct{}

func (wordsAndSymbols) split(p piece, yield func(piece) error) error {
	kind := func(r rune) int {
		switch {
		case wordCharacters.has(r):
			return 1
		case unicode.IsSpace(r):
			return 0
		}
		return 2
	}
	start, last := 0, 0
	for at, r := range p.text {
		now := kind(r)
		if now != last {
			if last != 0 {
				if err := yield(p.slice(start, at)); err != nil {
					return err
				}
			}
			start, last = at, now
		}
	}
	if last != 0 {
		return yield(p.slice(start, len(p.text)))
	}
	return nil
}
