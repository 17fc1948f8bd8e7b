package tokenize

import (
	"errors"
	"fmt"
	"slices"
)

// An Occurrence says which of several equal tokens is meant.
type Occurrence int

const (
	First Occurrence = iota
	Last
)

// GetTokenPosition returns where in the tokens of text the single token stands:
// its position in a row of ToTokens, so that a prepended BOS counts.
func (t *Tokenizer) GetTokenPosition(token, text string, which Occurrence, o Options) (int, error) {
	id, err := t.ToSingleToken(token)
	if err != nil {
		return 0, err
	}
	ids, err := t.row(text, o)
	if err != nil {
		return 0, err
	}
	return t.GetIDPosition(id, ids, which)
}

// GetIDPosition returns where in ids the id stands.
func (t *Tokenizer) GetIDPosition(id int, ids []int, which Occurrence) (int, error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	at := slices.Index(ids, id)
	if at < 0 {
		token, _ := t.IDToToken(id)
		return 0, fmt.Errorf("token %d %q does not occur in these %d tokens", id, brief(token), len(ids))
	}
	if which == Last {
		for i := at + 1; i < len(ids); i++ {
			if ids[i] == id {
				at = i
			}
		}
	}
	return at, nil
}

// ConcatenateOptions are the options of TokenizeAndConcatenate. The zero value is
// TransformerLens' default.
type ConcatenateOptions struct {
	Length int  // of a row, BOS included; 0 for 1024
	NoBOS  bool // rows do not begin with a BOS
}

// TokenizeAndConcatenate makes rows of equal length [row, pos] out of documents,
// for training and for statistics over much text: the documents are joined with
// EOS tokens and cut into rows, each with a BOS before it. What is left at the end
// and fills no row is dropped; if there is not even one row, it is padded.
//
// TransformerLens' function of this name cuts the text into 20 chunks first, to
// use more cores; words at the cuts fall apart, and where the padding token is the
// EOS token, as for GPT-2, it loses the EOS between the documents. Here
// documents are tokenised whole, and the EOS stays.
func (t *Tokenizer) TokenizeAndConcatenate(documents []string, o ConcatenateOptions) ([][]int, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	width, bos, err := t.rowShape(o)
	if err != nil {
		return nil, err
	}
	ids, err := t.concatenate(documents)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	if missing := width - len(ids); missing > 0 {
		pad, ok := t.Pad()
		if !ok {
			return nil, fmt.Errorf("%d tokens do not fill a row of %d, and there is no padding token", len(ids), width)
		}
		ids = append(ids, slices.Repeat([]int{pad}, missing)...)
	}
	var rows [][]int
	for ; len(ids) >= width; ids = ids[width:] {
		rows = append(rows, slices.Concat(bos, ids[:width]))
	}
	return rows, nil
}

// rowShape returns how many tokens of text a row has, and what goes before them.
func (t *Tokenizer) rowShape(o ConcatenateOptions) (width int, bos []int, err error) {
	width = o.Length
	if width == 0 {
		width = 1024
	}
	if !o.NoBOS {
		id, ok := t.BOS()
		if !ok {
			return 0, nil, errors.New("this tokenizer has no BOS token; ask for NoBOS")
		}
		bos = []int{id}
		width--
	}
	if width < 1 {
		return 0, nil, fmt.Errorf("rows of length %d have no room for text", o.Length)
	}
	return width, bos, nil
}

// concatenate joins the tokens of documents, with an EOS between.
func (t *Tokenizer) concatenate(documents []string) ([]int, error) {
	eos, ok := t.EOS()
	if !ok && len(documents) > 1 {
		return nil, errors.New("this tokenizer has no EOS token to set between documents")
	}
	var all []int
	for i, document := range documents {
		if i > 0 {
			all = append(all, eos)
		}
		ids, err := t.Encode(document)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		all = append(all, ids...)
	}
	return all, nil
}
