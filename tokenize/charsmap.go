package tokenize

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsMap is sentencepiece's table of character replacements, such as nmt_nfkc:
// a double-array trie (Darts) from texts to offsets into a list of texts that end
// in a zero byte.
type charsMap struct {
	units []unit
	texts string
}

// A unit is an entry of a Darts double array: label, offset and whether a value
// hangs below it, in 32 bits (github.com/s-yata/darts-clone, darts.h).
type unit uint32

func (u unit) hasLeaf() bool  { return u>>8&1 == 1 }
func (u unit) value() uint32  { return uint32(u) & (1<<31 - 1) }
func (u unit) label() uint32  { return uint32(u) & (1<<31 | 0xFF) }
func (u unit) offset() uint32 { return uint32(u) >> 10 << (u & (1 << 9) >> 6) }

// parseCharsMap reads the precompiled_charsmap of a sentencepiece model.
func parseCharsMap(data []byte) (*charsMap, error) {
	if len(data) < 4 {
		return nil, errors.New("the table of characters is cut off")
	}
	size := binary.LittleEndian.Uint32(data)
	rest := data[4:]
	if size%4 != 0 || size == 0 || int64(size) > int64(len(rest)) {
		return nil, fmt.Errorf("the table of characters says that it has %d bytes, and %d are there", size, len(rest))
	}
	m := &charsMap{units: make([]unit, size/4), texts: string(rest[size:])}
	for i := range m.units {
		m.units[i] = unit(binary.LittleEndian.Uint32(rest[4*i:]))
	}
	for text := range strings.SplitSeq(m.texts, "\x00") {
		if err := checkLength("the table of characters: the replacement", text); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// prefixes calls found with the value of each entry that s begins with, the
// shortest first, until found returns false.
func (m *charsMap) prefixes(s string, found func(value uint32, size int) bool) {
	at := m.units[0].offset()
	for i := range min(len(s), maxTokenBytes) {
		at ^= uint32(s[i])
		if s[i] == 0 || int(at) >= len(m.units) || m.units[at].label() != uint32(s[i]) {
			return
		}
		u := m.units[at]
		at ^= u.offset()
		if u.hasLeaf() && int(at) < len(m.units) && !found(m.units[at].value(), i+1) {
			return
		}
	}
}

// text returns the replacement at an offset.
func (m *charsMap) text(value uint32) string {
	if int64(value) >= int64(len(m.texts)) {
		return ""
	}
	text, _, _ := strings.Cut(m.texts[value:], "\x00")
	return text
}

// longest returns the replacement of the longest entry that s begins with, size 0
// if there is none.
func (m *charsMap) longest(s string) (with string, size int) {
	m.prefixes(s, func(value uint32, n int) bool {
		with, size = m.text(value), n
		return true
	})
	return with, size
}

// shortest reports whether s begins with an entry, and what replaces the shortest.
func (m *charsMap) shortest(s string) (with string, ok bool) {
	m.prefixes(s, func(value uint32, _ int) bool {
		with, ok = m.text(value), true
		return false
	})
	return with, ok
}

// precompiled is the Precompiled normaliser. Hugging Face's library does not look
// for the longest entry, as sentencepiece does: it takes each grapheme of up to
// five bytes, else each character, and replaces all of it with what the shortest
// entry in it says.
type precompiled struct{ table *charsMap }

// longestGrapheme is the length from which on a grapheme goes character by character.
const longestGrapheme = 6

func newPrecompiled(c component) (normalizer, error) {
	var fields struct {
		Table json.RawMessage `json:"precompiled_charsmap"`
	}
	if err := c.read(&fields); err != nil {
		return nil, err
	}
	var data []byte // base64 in the file
	if err := json.Unmarshal(fields.Table, &data); err != nil {
		return nil, c.wrap(err)
	}
	table, err := parseCharsMap(data)
	if err != nil {
		return nil, c.wrap(err)
	}
	return &precompiled{table}, nil
}

func (n *precompiled) normalize(p piece) (piece, error) {
	e := edit(p)
	for at, state := 0, -1; at < len(p.text); {
		var size int
		size, state = firstGrapheme(p.text[at:], state)
		end := at + size
		grapheme := p.text[at:end]
		if with, ok := n.table.shortest(grapheme); ok && len(grapheme) < longestGrapheme {
			e.replace(at, end, with)
		} else {
			n.characters(e, at, end)
		}
		at = end
	}
	return e.piece(), nil
}

// lateExtend are the marks of Unicode 16 and 17 that uniseg takes for characters
// of their own. Beyond U+FFFF they do not matter: such graphemes are too long.
var lateExtend = runeSet{{0x897, 0x897}, {0x1ACF, 0x1ADD}, {0x1AE0, 0x1AEB}}

// firstGrapheme returns the length of the first grapheme of s, and uniseg's state.
func firstGrapheme(s string, state int) (size, next int) {
	first, rest, _, next := uniseg.FirstGraphemeClusterInString(s, state)
	// A mark joins what any older mark, such as U+0301, would join.
	joins := startsLate(rest) && uniseg.GraphemeClusterCount(first+"\u0301") == 1
	for joins && startsLate(rest) {
		_, rest, _, next = uniseg.FirstGraphemeClusterInString(rest, -1)
	}
	return len(s) - len(rest), next
}

func startsLate(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return lateExtend.has(r)
}

// characters replaces the characters of a grapheme one by one.
func (n *precompiled) characters(e *editor, at, end int) {
	for at < end {
		_, size := utf8.DecodeRuneInString(e.from.text[at:])
		if with, ok := n.table.shortest(e.from.text[at : at+size]); ok {
			e.replace(at, at+size, with)
		} else {
			e.keep(at, at+size)
		}
		at += size
	}
}
