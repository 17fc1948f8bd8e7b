package tokenize

import "fmt"

// addedTokens are the tokens beside the model's vocabulary, as Hugging Face's library
// keeps them (0.23.3, added_vocabulary.rs): a token that is added again changes how it
// is found, but keeps its id, and stays special once it was. (In 0.22 it was found in both
// ways.)
type addedTokens struct {
	byID    map[int]*addedToken // the last that was added
	ids     map[string]int
	special map[string]bool
	lists   [2][]string // the special ones, and the others
	highest int         // id, -1 for none
	// decoded is what a token stands for in a text: its content in normalised form, if
	// it was ever looked for in normalised text.
	decoded map[int]string

	raw    *tokenFinder // of tokens to be found in the text as it is
	normal *tokenFinder // and in the normalised text
}

func newAddedTokens() *addedTokens {
	return &addedTokens{
		byID: make(map[int]*addedToken), ids: make(map[string]int), special: make(map[string]bool),
		highest: -1, decoded: make(map[int]string), raw: newTokenFinder(), normal: newTokenFinder(),
	}
}

// add adds a token. The model's vocabulary gives its id; a token that is not in there
// gets the next id, whatever a file says.
func (l *addedTokens) add(a *addedToken, v *vocab) error {
	if err := checkLength("added token", a.Content); err != nil {
		return err
	}
	if a.Content == "" {
		return nil
	}
	if a.Special && !l.special[a.Content] {
		l.special[a.Content] = true
		l.lists[0] = append(l.lists[0], a.Content)
	}
	id, ok := l.ids[a.Content]
	if !ok {
		if id, ok = v.ids[a.Content]; !ok {
			id = l.next(v)
		}
	} else if l.byID[id].same(a) {
		return nil
	}
	if id > maxID {
		return fmt.Errorf("added token %q gets the id %d; 0 to %d is allowed", brief(a.Content), id, maxID)
	}
	a.ID = id
	l.ids[a.Content] = id
	l.byID[id] = a
	l.highest = max(l.highest, id)
	if !l.special[a.Content] {
		l.lists[1] = append(l.lists[1], a.Content)
	}
	return nil
}

// next is the id of a new token: after the vocabulary and the other added tokens.
func (l *addedTokens) next(v *vocab) int { return max(v.size, l.highest+1) }

// same reports whether two tokens are found alike.
func (a *addedToken) same(b *addedToken) bool {
	x, y := *a, *b
	x.ID, y.ID = 0, 0
	return x == y
}

// refresh makes the finders anew.
func (l *addedTokens) refresh(normalize func(piece) (piece, error)) error {
	l.raw, l.normal = newTokenFinder(), newTokenFinder()
	size := 0
	for content := range l.ids {
		size += len(content)
	}
	limit := newAllowance(size) // for all of them
	for _, list := range l.lists {
		for _, content := range list {
			id := l.ids[content]
			if !l.byID[id].Normalized {
				l.raw.add(content, id)
				continue
			}
			p, err := normalize(piece{text: content, limit: limit})
			if err != nil {
				return fmt.Errorf("added token %q: %w", brief(content), err)
			}
			l.normal.add(p.text, id)
			l.decoded[id] = p.text
		}
	}
	return nil
}

// text returns what the token with this id stands for in a text, and whether decoding
// can leave it out: a special token that is spelt as it is written.
func (l *addedTokens) text(id int) (text string, special, ok bool) {
	a, ok := l.byID[id]
	if !ok {
		return "", false, false
	}
	text, normalized := l.decoded[id]
	if !normalized {
		text = a.Content
	}
	return text, l.special[text], true
}
