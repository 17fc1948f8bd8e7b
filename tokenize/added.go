package tokenize

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// An addedToken is found in the text before anything else happens to it. The
// fields are those of tokenizer.json.
type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no word character touches it
	LStrip     bool   `json:"lstrip"`      // it swallows white space on its left
	RStrip     bool   `json:"rstrip"`      // and on its right
	Normalized bool   `json:"normalized"`  // it is looked for in the normalised text
	Special    bool   `json:"special"`     // decoding can leave it out
}

// A tokenFinder finds added tokens: the leftmost, and of those the longest. Some
// models have thousands of such tokens.
type tokenFinder struct {
	trie   *trie     // to the tokens' ids
	starts [256]bool // bytes that some token begins with
	single byte      // the one such byte, if there is just one: "<", as a rule
	count  int
}

func newTokenFinder() *tokenFinder { return &tokenFinder{trie: emptyTrie(0)} }

// add enters a token under the spelling by which it is to be found. Of two with one
// spelling the later counts; Hugging Face's library takes either, at random.
func (f *tokenFinder) add(spelling string, id int) {
	if spelling == "" {
		return
	}
	f.trie.add(spelling, int32(id))
	if !f.starts[spelling[0]] {
		f.starts[spelling[0]] = true
		f.single = spelling[0]
		f.count++
	}
}

// find returns the next token in s at or after from.
func (f *tokenFinder) find(s string, from int) (id, start, end int) {
	for at := f.candidate(s, from); at >= 0; at = f.candidate(s, at+1) {
		if id, size := f.trie.longest(root, s[at:]); id >= 0 {
			return int(id), at, at + size
		}
	}
	return -1, 0, 0
}

// candidate returns the next place where a token could begin, or -1.
func (f *tokenFinder) candidate(s string, from int) int {
	if f.count == 0 {
		return -1
	}
	if f.count == 1 {
		at := strings.IndexByte(s[from:], f.single)
		if at < 0 {
			return -1
		}
		return from + at
	}
	for ; from < len(s); from++ {
		if f.starts[s[from]] {
			return from
		}
	}
	return -1
}

// A searcher cuts pieces at the added tokens that a finder finds in them.
type searcher struct {
	*tokenFinder
	tokens      *addedTokens
	skipSpecial bool // leave special tokens to the model
}

// split cuts p: text is called with what lies between the tokens, token with the
// tokens, from left to right.
func (f searcher) split(p piece, text func(piece) error, token func(id int, at Span)) error {
	done, at := 0, 0
	blanks := 0 // where those right of the last token end
	for {
		id, start, end := f.find(p.text, at)
		if id < 0 {
			break
		}
		at = end
		t := f.tokens.byID[id]
		if f.skipSpecial && f.tokens.special[t.Content] || t.SingleWord && touchesWord(p.text, start, end) {
			continue
		}
		switch {
		case t.LStrip && start > done:
			start = done + len(strings.TrimRightFunc(p.text[done:start], unicode.IsSpace))
		case t.LStrip:
			start = done
		}
		if t.RStrip {
			blanks = max(blanks, end)
			blanks = len(p.text) - len(strings.TrimLeftFunc(p.text[blanks:], unicode.IsSpace))
			end = blanks
		}
		if done < start {
			if err := text(p.slice(done, start)); err != nil {
				return err
			}
		}
		if start < end { // else the token before has swallowed it
			token(id, p.span(start, end))
		}
		done = end
	}
	if done < len(p.text) {
		return text(p.slice(done, len(p.text)))
	}
	return nil
}

// touchesWord reports whether a word character stands right before start or at end.
func touchesWord(s string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:start])
	after, _ := utf8.DecodeRuneInString(s[end:])
	return start > 0 && wordCharacters.has(before) || end < len(s) && wordCharacters.has(after)
}
