package tokenize

import (
	"fmt"
	"unicode/utf8"
)

// wordPiece cuts a word into the longest tokens, from left to right (BERT).
type wordPiece struct {
	vocab   *vocab
	trie    *trie
	inside  int32  // the trie's node after prefix, -1 for none
	unk     string // of a word that has no tokens, or is too long
	prefix  string // of tokens inside a word
	longest int    // in characters
}

func buildWordPiece(f *modelFile) (model, error) {
	m := &wordPiece{vocab: f.vocab, unk: "[UNK]", prefix: "##", longest: 100}
	for key, into := range map[string]any{
		"unk_token": &m.unk, "continuing_subword_prefix": &m.prefix, "max_input_chars_per_word": &m.longest,
	} {
		if err := f.get(key, into); err != nil {
			return nil, err
		}
	}
	if m.longest < 0 {
		return nil, fmt.Errorf("model: max_input_chars_per_word is %d", m.longest)
	}
	m.trie = newTrie(f.vocab, func(int) bool { return true })
	m.inside = m.trie.node(m.prefix)
	return m, nil
}

func (m *wordPiece) tokenize(dst []token, w piece) ([]token, error) {
	if utf8.RuneCountInString(w.text) > m.longest {
		return m.unknown(dst, w)
	}
	begun := len(dst)
	for start := 0; start < len(w.text); {
		id, size := m.longestAt(w.text, start)
		if size == 0 {
			return m.unknown(dst[:begun], w)
		}
		dst = append(dst, token{id: id, span: w.span(start, start+size)})
		start += size
	}
	return dst, nil
}

// longestAt returns the longest token at word[start:], size 0 if there is none.
func (m *wordPiece) longestAt(word string, start int) (id, size int) {
	from := root
	if start > 0 {
		from = m.inside
	}
	if from < 0 {
		return 0, 0
	}
	found, size := m.trie.longest(from, word[start:])
	return int(found), size
}

func (m *wordPiece) unknown(dst []token, w piece) ([]token, error) {
	return appendUnknown(dst, w, m.vocab, m.unk)
}

// appendUnknown appends the unknown token for all of w.
func appendUnknown(dst []token, w piece, v *vocab, unk string) ([]token, error) {
	at := w.span(0, len(w.text))
	id, ok := v.ids[unk]
	if !ok {
		return dst, fmt.Errorf("at byte %d: %q cannot be written with this vocabulary, "+
			"and the unknown token %q is not in it", at.Start, brief(w.text), brief(unk))
	}
	return append(dst, token{id: id, span: at}), nil
}

// wordLevel has one token for each word it knows.
type wordLevel struct {
	vocab *vocab
	unk   string
}

func buildWordLevel(f *modelFile) (model, error) {
	m := &wordLevel{vocab: f.vocab, unk: "<unk>"}
	return m, f.get("unk_token", &m.unk)
}

func (m *wordLevel) tokenize(dst []token, w piece) ([]token, error) {
	if id, ok := m.vocab.ids[w.text]; ok {
		return append(dst, token{id: id, span: w.span(0, len(w.text))}), nil
	}
	return appendUnknown(dst, w, m.vocab, m.unk)
}
