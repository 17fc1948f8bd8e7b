package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// Tokenized are texts as rows of tokens, made while they are read. They are [Contexts].
//
// Where rows begin in the texts is noted every few thousand tokens, in memory and in the user's
// cache under the key, so that [Tokenized.From] begins near the row that is asked for, also in the
// next process. It is safe for concurrent use, as far as the texts are.
type Tokenized struct {
	texts     Texts
	tokenizer *tokenize.Tokenizer
	layout    layout
	key       string
	index     *index
}

var errNoRows = errors.New("corpus: the rows are nil, or Tokenized{}: look at the error of the Tokenize or ForModel that should have made them")

// check reports rows that nothing has made.
func (c *Tokenized) check() error {
	if c == nil || c.texts == nil {
		return errNoRows
	}
	return nil
}

// need is c, which must have been made. Like a method of a nil map it panics, but with what to do.
func (c *Tokenized) need() *Tokenized {
	if err := c.check(); err != nil {
		panic(err)
	}
	return c
}

// ForModel are texts as rows of a model's tokens, no longer than its context.
func ForModel(texts Texts, m *hooked.Model, o Options) (*Tokenized, error) {
	if m == nil {
		return nil, brief.Errorf("corpus: the model is nil: look at the error of the call that should have made it")
	}
	t, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	if err := o.checkContext(m.Config().NCtx); err != nil {
		return nil, err
	}
	return Tokenize(texts, t, o)
}

// Tokenize are texts as rows of tokens. The first row is made at once: what is wrong with the first
// documents is told here, and what is wrong with others by [Tokenized.From].
func Tokenize(texts Texts, t *tokenize.Tokenizer, o Options) (*Tokenized, error) {
	if texts == nil {
		return nil, brief.Errorf("corpus: the texts are nil: look at the error of the call that should have made them")
	}
	files, err := t.Files()
	if err != nil {
		return nil, brief.Errorf("corpus: %w", err)
	}
	l, err := o.layout(t)
	if err != nil {
		return nil, err
	}
	c := &Tokenized{texts: texts, tokenizer: t, layout: l}
	c.key = c.makeKey(files)
	c.index = newIndex(c.key, l.Length)
	for row, err := range c.From(0) {
		if err != nil {
			return nil, err
		}
		if row != nil {
			return c, nil
		}
	}
	return nil, c.noRows()
}

// format is a number that changes when the same texts and options come to other rows.
const format = 1

// makeKey is the checksum of all that rows depend on.
func (c *Tokenized) makeKey(files map[string][]byte) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "format %d\n%q\n%#v\n", format, c.texts.Key(), c.layout)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%q %d\n", name, len(files[name]))
		sum.Write(files[name])
	}
	return "rows " + hex.EncodeToString(sum.Sum(nil))
}

// noRows is the error about texts that make no row.
func (c *Tokenized) noRows() error {
	n, err := c.Count()
	switch {
	case err != nil:
		return err
	case n.Documents == 0:
		return brief.Errorf("corpus: there are no documents")
	case n.Tokens == 0:
		return brief.Errorf("corpus: the %d documents have no tokens", n.Documents)
	}
	return brief.Errorf("corpus: %d documents with %d tokens make no row of %d: give more text, or a smaller Options.Length", n.Documents, n.Tokens, c.layout.Length)
}

// Length implements [Contexts].
func (c *Tokenized) Length() int { return c.need().layout.Length }

// Key implements [Contexts]: a checksum of the texts' key, the tokenizer's files and the options.
func (c *Tokenized) Key() string { return c.need().key }

// From implements [Contexts].
func (c *Tokenized) From(row int) iter.Seq2[[]int, error] {
	return func(yield func([]int, error) bool) {
		if err := c.check(); err != nil {
			yield(nil, err)
			return
		}
		if row < 0 {
			yield(nil, brief.Errorf("corpus: there is no row %d", row))
			return
		}
		start := c.index.before(row)
		if start.row > 0 && !c.holds(start) {
			c.index.forget()
			start = first
		}
		n := start.row
		for made, err := range c.rows(start.place, nil) {
			if err != nil {
				yield(nil, err)
				return
			}
			c.index.note(n, made)
			if n++; n > row && !yield(made.tokens, nil) {
				return
			}
		}
		if row > n {
			yield(nil, brief.Errorf("corpus: there is no row %d: there are %d", row, n))
		}
	}
}

// holds reports whether the row that a mark is of is there.
func (c *Tokenized) holds(m mark) bool {
	for made, err := range c.rows(m.place, nil) {
		return err == nil && checksum(made.tokens) == m.sum
	}
	return false
}

// A madeRow is a row and where it begins.
type madeRow struct {
	tokens []int
	from   place
}

// Counts are the numbers of what texts are made of.
type Counts struct {
	Documents int
	Empty     int // documents without tokens, which are passed over
	Short     int // with Options.OneDocument, documents that are too short for a row
	Tokens    int // of the documents, without special ones
	Rows      int
	Left      int // tokens at the end that fill no row, and are in none
}

// Count reads all texts and says what they come to.
func (c *Tokenized) Count() (Counts, error) {
	var n Counts
	if err := c.check(); err != nil {
		return n, err
	}
	for made, err := range c.rows(place{begins: true}, &n) {
		if err != nil {
			return n, err
		}
		c.index.note(n.Rows, made)
		n.Rows++
	}
	return n, nil
}

// rows makes rows from a place on. It adds to counts, if there are any.
func (c *Tokenized) rows(at place, counts *Counts) iter.Seq2[madeRow, error] {
	if counts == nil {
		counts = new(Counts)
	}
	return func(yield func(madeRow, error) bool) {
		row := madeRow{from: at}
		for d, err := range c.texts.From(at.document) {
			var tokens []int
			if err == nil {
				tokens, err = c.encode(d)
			}
			if err != nil {
				yield(madeRow{}, err)
				return
			}
			counts.document(tokens)
			if c.layout.OneDocument {
				if tokens = c.layout.alone(tokens); tokens == nil {
					counts.Short++
				} else if !yield(madeRow{tokens, at}, nil) {
					return
				}
			}
			for !c.layout.OneDocument && at.offset < len(tokens) {
				row.tokens, at = c.layout.fill(row.tokens, tokens, at)
				if len(row.tokens) < c.layout.Length {
					continue
				}
				if !yield(row, nil) {
					return
				}
				row = madeRow{from: at}
			}
			at = place{document: at.document + 1, begins: true}
		}
		counts.Left = len(row.tokens)
	}
}

func (n *Counts) document(tokens []int) {
	n.Documents++
	n.Tokens += len(tokens)
	if len(tokens) == 0 {
		n.Empty++
	}
}

// encode is a document's tokens, without a BOS: TransformerLens' to_tokens(text,
// prepend_bos=False), which SAELens calls.
func (c *Tokenized) encode(d Document) ([]int, error) {
	rows, err := c.tokenizer.ToTokens([]string{d.Text}, tokenize.Options{PrependBOS: tokenize.NoBOS})
	if err != nil {
		return nil, brief.Errorf("corpus: %s: %w", d.Name, err)
	}
	return rows[0], nil
}
