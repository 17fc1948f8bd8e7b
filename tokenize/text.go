package tokenize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopherlens/internal/fault"
)

// This file is TransformerLens' way from text to tokens (HookedTransformer.to_tokens
// and its relatives), on plain Go values.

// A Prepend says whether a text begins with the BOS token.
type Prepend int

const (
	PrependDefault Prepend = iota // as TransformerLens for most models: yes
	PrependBOS
	NoBOS
)

// A Side is where short rows are filled up.
type Side int

const (
	PadRight Side = iota // as TransformerLens
	PadLeft
)

// Options say how ToTokens and its relatives tokenise. The zero value is
// TransformerLens' default.
type Options struct {
	PrependBOS  Prepend
	PaddingSide Side
	// Context is the number of positions that the model has, 0 for no limit. A
	// longer text is an error, or, with Truncate, loses its end.
	Context  int
	Truncate bool
	// AllowDoubleBOS accepts a text that itself begins with the BOS token although
	// one is prepended, as TransformerLens does without a word.
	AllowDoubleBOS bool
}

func (o Options) bos() bool { return o.PrependBOS != NoBOS }

// ToTokens returns the tokens of texts as rows of equal length [text, pos], filled
// up with the padding token.
//
// A BOS token goes before each text unless o says otherwise. A tokenizer that does
// not add it by itself gets it as text, before everything else; one that does
// (PrependsBOS) has it taken away if it is not wanted. A text that spells the BOS
// token out at its beginning would then have two, and is refused, unless
// o.AllowDoubleBOS.
func (t *Tokenizer) ToTokens(texts []string, o Options) ([][]int, error) {
	side := o.PaddingSide
	o.PaddingSide = PadRight
	rows, err := t.ToRows(texts, o)
	if err != nil {
		return nil, err
	}
	_, err = t.PadRows(rows, side)
	return rows, err
}

// ToRows returns the tokens of each text as [Tokenizer.ToTokens] does, in a row of its own length.
func (t *Tokenizer) ToRows(texts []string, o Options) ([][]int, error) {
	if o.PaddingSide != PadRight {
		return nil, errors.New("ToRows pads nothing: leave Options.PaddingSide out, and give the side to PadRows")
	}
	if len(texts) == 0 {
		return nil, errors.New("ToTokens needs at least one text")
	}
	rows := make([][]int, len(texts))
	for i, text := range texts {
		row, err := t.row(text, o)
		if err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
		rows[i] = row
	}
	return rows, nil
}

// PadRows fills rows up, in place, to the length of the longest. The mask, of the same shape, has 1
// for their tokens and 0 for the padding.
func (t *Tokenizer) PadRows(rows [][]int, side Side) (mask [][]int, err error) {
	longest := 0
	for _, row := range rows {
		longest = max(longest, len(row))
	}
	mask = make([][]int, len(rows))
	for i, row := range rows {
		ones, missing := slices.Repeat([]int{1}, len(row)), longest-len(row)
		if mask[i] = ones; missing == 0 {
			continue
		}
		id, ok := t.Pad()
		if !ok {
			return nil, errors.New("texts of different lengths need a padding token, and this tokenizer has none")
		}
		fill, none := slices.Repeat([]int{id}, missing), make([]int, missing)
		if side == PadLeft {
			rows[i], mask[i] = append(fill, row...), append(none, ones...)
		} else {
			rows[i], mask[i] = append(row, fill...), append(ones, none...)
		}
	}
	return mask, nil
}

// row tokenises one text.
func (t *Tokenizer) row(text string, o Options) ([]int, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := t.checkBOS(text, o); err != nil {
		return nil, err
	}
	around := t.template
	if o.bos() && !t.PrependsBOS() {
		if t.bosAsID {
			around.before = []int{t.special.bos}
		} else {
			bos, _ := t.IDToToken(t.special.bos)
			text = bos + text
		}
	}
	ids, err := t.Encode(text)
	if err != nil {
		return nil, err
	}
	if ids, err = fit(ids, around, o); err != nil {
		return nil, err
	}
	ids = around.around(ids)
	if !o.bos() && t.PrependsBOS() {
		ids = ids[1:]
	}
	return ids, nil
}

// checkBOS refuses a BOS that does not exist, and two of them.
func (t *Tokenizer) checkBOS(text string, o Options) error {
	if !o.bos() {
		return nil
	}
	id, ok := t.BOS()
	if t.PrependsBOS() {
		id, ok = t.template.before[0], true
	}
	if !ok {
		return errors.New("this tokenizer has no BOS token; ask for NoBOS")
	}
	bos, _ := t.IDToToken(id)
	if !o.AllowDoubleBOS && bos != "" && strings.HasPrefix(text, bos) {
		return fmt.Errorf("the text begins with %q, and another is prepended; "+
			"leave it out, or ask for NoBOS or AllowDoubleBOS", brief(bos))
	}
	return nil
}

// fit cuts ids to what the context leaves beside the special tokens.
func fit(ids []int, around template, o Options) ([]int, error) {
	room := o.Context - len(around.before) - len(around.after)
	if o.Context <= 0 || len(ids) <= room {
		return ids, nil
	}
	if !o.Truncate {
		err := fmt.Errorf("the text has %d tokens, and the model has %d positions; "+
			"shorten the text, or set Truncate to drop its end", len(ids)+o.Context-room, o.Context)
		return nil, fault.Mark(err, ErrOutOfContext)
	}
	return ids[:max(room, 0)], nil
}

// PrependsBOS reports whether the tokenizer by itself begins every text with a
// special token: TransformerLens' tokenizer_prepends_bos, true for Llama, Gemma and
// OPT, false for GPT-2.
func (t *Tokenizer) PrependsBOS() bool { return len(t.need().template.before) > 0 }

// ToStrTokens returns the tokens of a text as strings, each decoded on its own: a
// token that holds a part of a character shows as U+FFFD.
func (t *Tokenizer) ToStrTokens(text string, o Options) ([]string, error) {
	ids, err := t.row(text, o)
	if err != nil {
		return nil, err
	}
	return t.StrTokens(ids)
}

// StrTokens returns each id decoded on its own; "" for an id without a token (see
// [Tokenizer.Decode]).
func (t *Tokenizer) StrTokens(ids []int) ([]string, error) {
	out := make([]string, len(ids))
	for i, id := range ids {
		s, err := t.Decode([]int{id})
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

// ToString returns the text of ids; it is Decode under TransformerLens' name.
func (t *Tokenizer) ToString(ids []int) (string, error) { return t.Decode(ids) }

// ToSingleToken returns the id of a text that is one token, without a BOS. Mind
// the space: " John" and "John" are different tokens.
func (t *Tokenizer) ToSingleToken(text string) (int, error) {
	ids, err := t.row(text, Options{PrependBOS: NoBOS})
	if err != nil {
		return 0, err
	}
	if len(ids) == 1 {
		return ids[0], nil
	}
	parts, err := t.StrTokens(ids)
	if err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%q is %d tokens: %s", brief(text), len(ids), brief(fmt.Sprintf("%q", parts[:min(len(parts), longestShown)])))
}

// ToSingleStrToken returns the text of one token.
func (t *Tokenizer) ToSingleStrToken(id int) (string, error) { return t.Decode([]int{id}) }
