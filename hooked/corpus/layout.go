package corpus

import (
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/tokenize"
)

// Options say how documents become rows. The zero value of all but Length is the default of
// SAELens' activation store: documents one after the other, a BOS between two and at the beginning
// of a row, never two in a row.
type Options struct {
	// Length is the number of tokens in a row, special ones included.
	Length int

	// What stands at the beginning of each row, of each document, and between two documents that
	// share a row. A token that the text has there already is not set again, and of two places that
	// fall together with the same token there is one. SAELens calls these begin_batch_token (for
	// its store: prepend_bos), begin_sequence_token and sequence_separator_token.
	Row      Special // BOS unless given
	Document Special // None unless given
	Between  Special // BOS unless given

	// OneDocument makes one row of the beginning of each document, and leaves out those that are
	// shorter: SAELens' disable_concat_sequences. Document is then what Row is unless it is given,
	// and no document is between.
	OneDocument bool
}

// A Special is a special token, or none.
type Special struct {
	kind specialKind
	id   int
}

type specialKind int

const (
	byDefault specialKind = iota
	none
	bos
	eos
	byID
)

// The special tokens that a tokenizer knows by name.
var (
	None = Special{kind: none}
	BOS  = Special{kind: bos}
	EOS  = Special{kind: eos}
)

// Token is a token by its id.
func Token(id int) Special { return Special{byID, id} }

// absent stands for no token.
const absent = -1

// id is the token's id, or absent.
func (s Special) of(t *tokenize.Tokenizer, where string) (int, error) {
	id, ok := absent, true
	switch s.kind {
	case bos:
		id, ok = t.BOS()
	case eos:
		id, ok = t.EOS()
	case byID:
		if s.id < 0 || s.id >= t.VocabSize() {
			return 0, brief.Errorf("corpus: Options.%s is token %d, which is not in the vocabulary (0 to %d)", where, s.id, t.VocabSize()-1)
		}
		id = s.id
	}
	if !ok {
		return 0, brief.Errorf("corpus: Options.%s is a %s, and the tokenizer has none: set it to corpus.None, or to a token", where, specialNames[s.kind])
	}
	return id, nil
}

var specialNames = map[specialKind]string{bos: "BOS token", eos: "EOS token"}

// or is the special token where it is given.
func (s Special) or(unless Special) Special {
	if s.kind == byDefault {
		return unless
	}
	return s
}

// layout is Options with tokens for names. It is part of the key.
type layout struct {
	Length                 int
	Row, Document, Between int // token ids, or absent
	OneDocument            bool
}

func (o Options) layout(t *tokenize.Tokenizer) (layout, error) {
	l := layout{Length: o.Length, OneDocument: o.OneDocument}
	if o.OneDocument {
		if o.Between.kind != byDefault {
			return l, brief.Errorf("corpus: Options.Between would do nothing: with OneDocument no row has two")
		}
		if o.Document.kind != byDefault && o.Row.kind != byDefault {
			return l, brief.Errorf("corpus: with OneDocument a row is a document: set Options.Row or Options.Document, not both")
		}
		o.Document, o.Row, o.Between = o.Document.or(o.Row).or(BOS), None, None
	}
	for _, place := range []struct {
		to      *int
		special Special
		name    string
	}{
		{&l.Row, o.Row.or(BOS), "Row"},
		{&l.Document, o.Document.or(None), "Document"},
		{&l.Between, o.Between.or(BOS), "Between"},
	} {
		id, err := place.special.of(t, place.name)
		if err != nil {
			return l, err
		}
		*place.to = id
	}
	if least := l.least(); l.Length < least {
		return l, brief.Errorf("corpus: Options.Length is %d: want a number of tokens, %d or more", o.Length, least)
	}
	return l, nil
}

// least is the least length that leaves room for a token of the text.
func (l layout) least() int {
	if l.Row != absent || l.OneDocument && l.Document != absent {
		return 2
	}
	return 1
}

// checkContext refuses rows that a model cannot read.
func (o Options) checkContext(positions int) error {
	if o.Length <= positions {
		return nil
	}
	return fault.Mark(brief.Errorf("corpus: Options.Length is %d, and the model's context %d", o.Length, positions), fault.ErrOutOfContext)
}

// A place is where a row begins, or where it is to go on.
type place struct {
	document int  // in the order of the texts
	offset   int  // in its tokens
	begins   bool // what Options.Document sets is still to come
}

// fill adds to a row what comes next in a document, and tells where it goes on. A row without
// tokens is a new one. It is _add_tokens_to_batch of SAELens 6 (tokenization_and_batching.py),
// which says in some cases at the edges what nobody would guess: a row that a separator fills has
// none of the document that it announces, and the next begins with the row's token alone.
func (l layout) fill(row, tokens []int, at place) ([]int, place) {
	first := tokens[at.offset]
	var prefix []int
	begin := func(id int) {
		if id != absent && id != first {
			prefix, first = append([]int{id}, prefix...), id
		}
	}
	if at.begins {
		begin(l.Document)
	}
	pending := len(prefix) > 0
	if len(row) == 0 {
		begin(l.Row)
	} else {
		begin(l.Between)
	}
	if row == nil {
		row = make([]int, 0, l.Length)
	}
	room := l.Length - len(row)
	of := tokens[at.offset:]
	of = of[:min(len(of), max(room-len(prefix), 0))]
	at.offset += len(of)
	at.begins = pending && len(prefix) > room
	return append(append(row, prefix[:min(len(prefix), room)]...), of...), at
}

// alone is the row of a document that has one of its own; nil where it is too short.
func (l layout) alone(tokens []int) []int {
	if len(tokens) == 0 {
		return nil
	}
	if id := l.Document; id != absent && len(tokens) >= l.Length-1 && tokens[0] != id {
		tokens = slices.Concat([]int{id}, tokens[:l.Length-1])
	}
	if len(tokens) < l.Length {
		return nil
	}
	return slices.Clone(tokens[:l.Length])
}
