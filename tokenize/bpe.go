package tokenize

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// bpe is byte-pair encoding (Sennrich, Haddow and Birch 2016, arXiv 1508.07909):
// a word starts as single characters, or bytes, and the neighbours that come first
// in the list of merges are joined until none are left.
type bpe struct {
	vocab  *vocab
	merges *pairTable

	// byteIDs is set where words come as raw bytes (the last pre-tokenizer is
	// ByteLevel): the id of each byte, -1 where the vocabulary lacks it.
	byteIDs *[256]int32

	unk          int                // id of the unknown token, unkNone or unkMissing
	unkName      string             // its spelling
	fuseUnk      bool               // neighbouring unknown characters make one token
	fallback     *[256]int32        // ids of <0x00> to <0xFF>, nil without byte fallback
	prefix       string             // of symbols inside a word
	suffix       string             // of the last symbol of a word
	ignoreMerges bool               // a word that is a token is that token, whatever the merges say
	cache        *wordCache[symbol] // words seen before
}

const (
	unkNone    = -1 // unknown characters are lost
	unkMissing = -2 // they are an error
)

// A symbol is a token under construction: size bytes of the word.
type symbol struct {
	id   int32
	size int32
}

// tokenize appends the tokens of a word.
func (m *bpe) tokenize(dst []token, w piece) ([]token, error) {
	symbols, err := m.symbols(w.text)
	if err != nil {
		return dst, fmt.Errorf("at byte %d: %w", w.span(0, len(w.text)).Start, err)
	}
	return placeSymbols(dst, w, symbols), nil
}

// appendIDs appends the ids of a word's tokens, without their places.
func (m *bpe) appendIDs(dst []int, word string) ([]int, error) {
	symbols, err := m.symbols(word)
	for _, s := range symbols {
		dst = append(dst, int(s.id))
	}
	return dst, err
}

// symbols returns the tokens of a word; the caller only reads them.
func (m *bpe) symbols(word string) ([]symbol, error) {
	if found, ok := m.cache.get(word); ok {
		return found, nil
	}
	found, err := m.encode(word)
	if err != nil {
		return nil, err
	}
	m.cache.put(word, found)
	return found, nil
}

func (m *bpe) encode(word string) ([]symbol, error) {
	if m.ignoreMerges {
		if id, ok := m.whole(word); ok {
			return []symbol{{int32(id), int32(len(word))}}, nil
		}
	}
	if m.byteIDs != nil {
		return mergeAll(m.merges, m.startBytes(word)), nil
	}
	start, err := m.startRunes(word)
	return mergeAll(m.merges, start), err
}

// whole looks the word up as one token.
func (m *bpe) whole(word string) (int, bool) {
	if m.byteIDs != nil {
		word = toByteLevel(word)
	}
	id, ok := m.vocab.ids[word]
	return id, ok
}

// startBytes makes a symbol of each byte. A byte that the vocabulary lacks is
// lost, as in Hugging Face's library (SmolLM2 lacks 21 of the 256); its place in
// the text goes to the symbol before it, or after it at the beginning.
func (m *bpe) startBytes(word string) []symbol {
	out := make([]symbol, 0, len(word))
	lost := int32(0)
	for i := range len(word) {
		switch id := m.byteIDs[word[i]]; {
		case id >= 0:
			out = append(out, symbol{id, 1 + lost})
			lost = 0
		case len(out) > 0:
			out[len(out)-1].size++
		default:
			lost++
		}
	}
	return out
}

// startRunes makes a symbol of each character, with byte fallback and the
// unknown token where the vocabulary lacks it.
func (m *bpe) startRunes(word string) ([]symbol, error) {
	s := runeSymbols{out: make([]symbol, 0, len(word))}
	for at := 0; at < len(word); {
		r, size := utf8.DecodeRuneInString(word[at:])
		spelling := m.spelling(word, at, at+size)
		if id, ok := m.vocab.ids[spelling]; ok {
			s.flush(m.unk)
			s.add(int32(id), size)
		} else if ids, ok := fallbackIDs(m.fallback, spelling); ok {
			s.addBytes(ids, size)
		} else if m.unk == unkMissing {
			return nil, fmt.Errorf("%q is not in the vocabulary, and neither is the unknown token %q", r, brief(m.unkName))
		} else {
			s.addUnknown(m, size)
		}
		at += size
	}
	s.flush(m.unk)
	return s.out, nil
}

// spelling returns how the vocabulary writes the character word[at:end].
func (m *bpe) spelling(word string, at, end int) string {
	s := word[at:end]
	if at > 0 && m.prefix != "" {
		s = m.prefix + s
	}
	if end == len(word) && m.suffix != "" {
		s += m.suffix
	}
	return s
}

// runeSymbols are the symbols of a word's characters. As in Hugging Face's library an
// unknown character waits for the next that the vocabulary has: byte tokens between
// the two go before it, and do not keep it from fusing with unknown ones after them.
type runeSymbols struct {
	out     []symbol
	waiting int // bytes of the unknown token that waits, 0 for none
	lost    int // bytes before the first symbol that became nothing
}

func (s *runeSymbols) add(id int32, size int) {
	s.out = append(s.out, symbol{id, int32(size + s.lost)})
	s.lost = 0
}

// addBytes adds the byte tokens of a character of size bytes. With a prefix or suffix
// there are more of them than bytes.
func (s *runeSymbols) addBytes(ids []int32, size int) {
	for _, id := range ids {
		one := min(size, 1)
		s.add(id, one)
		size -= one
	}
}

// addUnknown takes an unknown character; without an unknown token it is lost, and its
// bytes go to its neighbour.
func (s *runeSymbols) addUnknown(m *bpe, size int) {
	switch last := len(s.out) - 1; {
	case m.unk == unkNone && last >= 0:
		s.out[last].size += int32(size)
	case m.unk == unkNone:
		s.lost += size
	default:
		if !m.fuseUnk {
			s.flush(m.unk)
		}
		s.waiting += size
	}
}

// flush adds the unknown token that waits.
func (s *runeSymbols) flush(unk int) {
	if s.waiting > 0 {
		s.add(int32(unk), s.waiting)
		s.waiting = 0
	}
}

// setByteLevel prepares for words that come as raw bytes, and reports whether
// that is possible: unknown bytes must be lost, not become an unknown token.
func (m *bpe) setByteLevel() bool {
	table := new([256]int32)
	for b, r := range byteRunes {
		id, ok := m.vocab.ids[string(r)]
		if !ok {
			if m.unk != unkNone {
				return false
			}
			id = -1
		}
		table[b] = int32(id)
	}
	m.byteIDs = table
	return true
}

// byteToken is sentencepiece's spelling of a byte.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

// A mergeReader enters merges into a table, in order of rank.
type mergeReader struct {
	vocab  *vocab
	table  *pairTable
	prefix string
	joined []byte // reused
	rank   int
}

// add enters the merge of two tokens.
func (r *mergeReader) add(left, right string) error {
	a, ok := r.vocab.ids[left]
	if !ok {
		return fmt.Errorf("merge %d: token %q is not in the vocabulary", r.rank, brief(left))
	}
	b, ok := r.vocab.ids[right]
	if !ok {
		return fmt.Errorf("merge %d: token %q is not in the vocabulary", r.rank, brief(right))
	}
	if !strings.HasPrefix(right, r.prefix) {
		// Hugging Face's library would cut as many bytes off, whatever they are.
		return fmt.Errorf("merge %d: token %q does not begin with the prefix %q", r.rank, brief(right), brief(r.prefix))
	}
	r.joined = append(append(r.joined[:0], left...), right[len(r.prefix):]...)
	id, ok := r.vocab.ids[string(r.joined)]
	if !ok {
		return fmt.Errorf("merge %d: token %q is not in the vocabulary", r.rank, brief(string(r.joined)))
	}
	r.table.set(int32(a), int32(b), newMerge(r.rank, id))
	r.rank++
	return nil
}

// splitMerge reads a merge as merges.txt writes it: "left right".
func splitMerge(line string) ([2]string, error) {
	left, right, ok := strings.Cut(line, " ")
	if !ok || strings.Contains(right, " ") {
		return [2]string{}, fmt.Errorf("merge %q is not two tokens with a space between", brief(line))
	}
	return [2]string{left, right}, nil
}
