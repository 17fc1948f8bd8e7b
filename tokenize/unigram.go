package tokenize

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// scoredPiece is an entry of Unigram's vocabulary.
type scoredPiece struct {
	text  string
	score float64 // log probability
}

// parsePieces reads [["token", score], ...].
func parsePieces(s *jsonScanner) ([]scoredPiece, error) {
	var out []scoredPiece
	err := s.array(func() error {
		p, err := parsePiece(s)
		out = append(out, p)
		return err
	})
	if err == nil && (len(out) == 0 || len(out) > maxID) {
		err = s.errorf("a vocabulary of %d tokens; 1 to %d are allowed", len(out), maxID)
	}
	return out, err
}

func parsePiece(s *jsonScanner) (p scoredPiece, err error) {
	n := 0
	err = s.array(func() error {
		n++
		switch n {
		case 1:
			p.text, err = s.string()
		case 2:
			p.score, err = s.number()
		default:
			err = s.errorf("a vocabulary entry of more than a token and a score")
		}
		return err
	})
	if err == nil && n != 2 {
		err = s.errorf("a vocabulary entry without a score")
	}
	return p, err
}

// unknownPenalty is how much less likely than the rarest token an unknown
// character is (sentencepiece, unigram_model.cc, kUnkPenalty).
const unknownPenalty = 10

// unigram cuts a word into the most probable tokens (Kudo 2018, arXiv 1804.10959).
type unigram struct {
	vocab    *vocab
	scores   []float64 // by id
	trie     *trie
	unk      int         // id of the unknown token, -1 for none
	unkScore float64     // of an unknown character
	fallback *[256]int32 // ids of <0x00> to <0xFF>, nil without byte fallback
	single   bool        // store scores in single precision, as sentencepiece does
	cache    *wordCache[symbol]
}

func buildUnigram(f *modelFile) (model, error) {
	var unk *int
	var fallback bool
	if err := errors.Join(f.get("unk_id", &unk), f.get("byte_fallback", &fallback)); err != nil {
		return nil, err
	}
	if f.pieces == nil {
		return nil, errors.New("model Unigram: its vocabulary has no scores")
	}
	m := newUnigram(f.vocab, f.pieces, func(int) bool { return true })
	if unk != nil {
		if *unk < 0 || *unk >= len(f.pieces) {
			return nil, fmt.Errorf("model Unigram: unk_id %d is not in the vocabulary of %d tokens", *unk, len(f.pieces))
		}
		m.unk = *unk
	}
	if fallback {
		m.fallback = byteTokens(f.vocab)
	}
	return m, nil
}

// newUnigram makes a model of the pieces that keep accepts.
func newUnigram(v *vocab, pieces []scoredPiece, keep func(id int) bool) *unigram {
	m := &unigram{vocab: v, unk: -1, trie: newTrie(v, keep), cache: newWordCache[symbol]()}
	least := math.Inf(1)
	for id, p := range pieces {
		m.scores = append(m.scores, p.score)
		if keep(id) {
			least = min(least, p.score)
		}
	}
	m.unkScore = least - unknownPenalty
	return m
}

// best is the most probable way to the end of a stretch of a word.
type best struct {
	score float64
	start int // of the last token, -1 while there is no way
	id    int32
}

// viterbi returns, for each end, the best way there.
func (m *unigram) viterbi(word string) []best {
	ways := make([]best, len(word)+1)
	for i := range ways {
		ways[i].start = -1
	}
	ways[0].start = 0
	for start := 0; start < len(word); {
		_, size := utf8.DecodeRuneInString(word[start:])
		single := false // a token of just this character
		till := ways[start].score
		offer := func(id int32, n int, score float64) {
			if way := &ways[start+n]; way.start < 0 || score > way.score {
				*way = best{m.round(score), start, id}
			}
		}
		m.trie.each(root, word[start:], func(id int32, n int) {
			single = single || n == size
			offer(id, n, m.scores[id]+till)
		})
		if !single {
			offer(unknown, size, m.round(m.unkScore+till))
		}
		start += size
	}
	return ways
}

// round rounds a score as it is stored. sentencepiece (0.2.0, unigram_model.cc,
// EncodeOptimized) compares in double precision and stores in single: of ways that
// are equally good, the last bit decides which is taken.
func (m *unigram) round(score float64) float64 {
	if m.single {
		return float64(float32(score))
	}
	return score
}

// unknown stands for an unknown character until it gets an id.
const unknown = int32(-1)

func (m *unigram) tokenize(dst []token, w piece) ([]token, error) {
	symbols, ok := m.cache.get(w.text)
	if !ok {
		var err error
		if symbols, err = m.encode(w.text); err != nil {
			return dst, fmt.Errorf("at byte %d: %w", w.span(0, len(w.text)).Start, err)
		}
		m.cache.put(w.text, symbols)
	}
	return placeSymbols(dst, w, symbols), nil
}

// placeSymbols appends the symbols of a word as tokens.
func placeSymbols(dst []token, w piece, symbols []symbol) []token {
	at := 0
	for _, s := range symbols {
		end := at + int(s.size)
		dst = append(dst, token{id: int(s.id), span: w.span(at, end)})
		at = end
	}
	return dst
}

// encode walks back along the best way.
func (m *unigram) encode(word string) ([]symbol, error) {
	ways := m.viterbi(word)
	var out []symbol
	for end := len(word); end > 0; {
		way := ways[end]
		start := way.start
		if way.id == unknown || int(way.id) == m.unk {
			// Neighbouring unknown characters are one unknown token.
			for start > 0 && (ways[start].id == unknown || int(ways[start].id) == m.unk) {
				start = ways[start].start
			}
			symbols, err := m.unknownSymbols(word[start:end])
			if err != nil {
				return nil, err
			}
			out = append(out, symbols...)
		} else {
			out = append(out, symbol{way.id, int32(end - start)})
		}
		end = start
	}
	slices.Reverse(out)
	return out, nil
}

// unknownSymbols returns what stands for unknown text, in reverse order.
func (m *unigram) unknownSymbols(text string) ([]symbol, error) {
	if id, ok := m.vocab.ids[text]; ok {
		return []symbol{{int32(id), int32(len(text))}}, nil
	}
	if ids, ok := fallbackIDs(m.fallback, text); ok {
		out := make([]symbol, len(ids))
		for i, id := range ids {
			out[len(ids)-1-i] = symbol{id, 1}
		}
		return out, nil
	}
	if m.unk < 0 {
		return nil, fmt.Errorf("%q is not in the vocabulary, and there is no unknown token", brief(text))
	}
	return []symbol{{int32(m.unk), int32(len(text))}}, nil
}

// byteTokens looks <0x00> to <0xFF> up, -1 where one is missing.
func byteTokens(v *vocab) *[256]int32 {
	table := new([256]int32)
	for b := range table {
		table[b] = -1
		if id, ok := v.ids[byteToken(byte(b))]; ok {
			table[b] = int32(id)
		}
	}
	return table
}

// fallbackIDs spells text as byte tokens, if all of them exist.
func fallbackIDs(table *[256]int32, text string) ([]int32, bool) {
	if table == nil {
		return nil, false
	}
	out := make([]int32, len(text))
	for i := range len(text) {
		if out[i] = table[text[i]]; out[i] < 0 {
			return nil, false
		}
	}
	return out, true
}
