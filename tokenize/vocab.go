package tokenize

import (
	"errors"
	"fmt"
)

// maxID bounds the token ids that a file may use. The largest vocabularies have
// 260,000 entries; a damaged file must not make us allocate gigabytes.
const maxID = 1 << 22

// absent marks an id without a token. It is not UTF-8, so no token is spelt so.
const absent = "\xff"

// vocab is a two-way table of tokens and ids.
type vocab struct {
	ids    map[string]int
	tokens []string // by id; absent where there is none
	size   int      // how many there are: the first id of added tokens
}

func newVocab(size int) *vocab {
	return &vocab{ids: make(map[string]int, size), tokens: make([]string, 0, size)}
}

// add enters a token. Of two tokens with one id, or two ids for one token, the
// later counts.
func (v *vocab) add(token string, id int) error {
	for len(v.tokens) <= id {
		v.tokens = append(v.tokens, absent)
	}
	v.tokens[id] = token
	v.ids[token] = id
	return checkLength("token", token)
}

// token returns the token with this id.
func (v *vocab) token(id int) (string, bool) {
	if id < 0 || id >= len(v.tokens) || v.tokens[id] == absent {
		return "", false
	}
	return v.tokens[id], true
}

// parseVocab reads {"token": id, ...}.
func parseVocab(s *jsonScanner) (*vocab, error) {
	// A fair guess from the length of what is left: GPT-2's vocab.json has 16
	// bytes an entry. Too small a guess costs a few milliseconds of rehashing.
	v := newVocab(min((len(s.text)-s.pos)/16, maxID))
	err := s.object(func(token string) error {
		id, err := s.integer()
		if err != nil {
			return fmt.Errorf("token %q: %w", brief(token), err)
		}
		return v.add(token, id)
	})
	if err != nil {
		return nil, err
	}
	if len(v.ids) == 0 {
		return nil, errors.New("the vocabulary is empty")
	}
	v.size = len(v.ids)
	return v, nil
}
