package lens

import (
	"fmt"
	"slices"

	"gopherlens/hooked"
)

// A Table is what a lens reads in the residual stream of one prompt, layer by position: the
// likeliest tokens with their probabilities. plots.LogitLensTable draws it as it is.
type Table struct {
	Labels []string    // of the rows: "0_pre", ..., "final_post"
	Tokens []string    // that were read, one a column
	Top    [][][]Guess // [row][position], likeliest first
}

// Rows are the table's labels.
func (t *Table) Rows() []string {
	if t == nil {
		return nil
	}
	return t.Labels
}

// Columns are the tokens that were read.
func (t *Table) Columns() []string {
	if t == nil {
		return nil
	}
	return t.Tokens
}

// Cell are the likeliest tokens in a row at a position, and their probabilities.
func (t *Table) Cell(row, column int) (tokens []string, probabilities []float32) {
	if t == nil || row < 0 || row >= len(t.Top) || column < 0 || column >= len(t.Top[row]) {
		panic(fmt.Errorf("lens: the table has no row %d, position %d", row, column))
	}
	for _, g := range t.Top[row][column] {
		tokens, probabilities = append(tokens, g.Text), append(probabilities, g.Prob)
	}
	return tokens, probabilities
}

// LogitLensTable reads the residual stream of a run of one prompt through final norm and
// unembedding, before each layer and after the last, and keeps the k likeliest tokens: the logit
// lens of [LogitLensOwnScale], with b_U. The last row is the model's own prediction. Logits of one
// row at a time are held, [pos, d_vocab]. Options are those of [hooked.Cache.AccumulatedResid].
func LogitLensTable(cache *hooked.Cache, k int, options ...hooked.StackOption) (*Table, error) {
	return readTable("LogitLensTable", cache, k, options, func(_ string, x *hooked.Tensor) (*hooked.Tensor, error) { return x, nil })
}

// readTable makes a table of what translate makes of the stream [pos, d_model] of each row.
func readTable(what string, cache *hooked.Cache, k int, options []hooked.StackOption, translate func(label string, x *hooked.Tensor) (*hooked.Tensor, error)) (*Table, error) {
	t, err := tableOf(cache, k, options, translate)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return t, nil
}

func tableOf(cache *hooked.Cache, k int, options []hooked.StackOption, translate func(label string, x *hooked.Tensor) (*hooked.Tensor, error)) (*Table, error) {
	stack, labels, err := cache.AccumulatedResid(options...)
	if err != nil {
		return nil, err
	}
	m := cache.Model()
	shape, axes := stack.Shape(), stack.AxisNames()
	if !slices.Equal(axes, []string{"component", "batch", "pos", "d_model"}) || shape[1] != 1 {
		return nil, fmt.Errorf("the stream is %v: want all positions of one prompt (Cache.SliceBatch picks one)", stack)
	}
	if n := m.Config().DVocabOut; k < 1 || k > n {
		return nil, fmt.Errorf("%d guesses: want 1 to %d", k, n)
	}
	t := &Table{Labels: labels}
	if t.Tokens, err = m.StrTokens(cache.Tokens()[0]); err != nil {
		return nil, err
	}
	for i, label := range labels {
		var x *hooked.Tensor
		if err := hooked.Try(func() { x = stack.At(i, 0) }); err != nil {
			return nil, err
		}
		if x, err = translate(label, x); err != nil {
			return nil, err
		}
		row, err := guesses(m, x, k)
		if err != nil {
			return nil, err
		}
		t.Top = append(t.Top, row)
	}
	return t, nil
}

// guesses are the k likeliest tokens that the stream x [pos, d_model] gives at each position.
func guesses(m *hooked.Model, x *hooked.Tensor, k int) (row [][]Guess, err error) {
	logits, err := finalLogits(m, x)
	if err != nil {
		return nil, err
	}
	var ids []int
	var best, probs []float32
	if err := hooked.Try(func() {
		vocab := logits.AxisNames()[1]
		values, indices := logits.LogSoftmax(vocab).TopK(k, vocab)
		ids, probs = indices.Ints(), values.Exp().Float32s()
		best = logits.Gather(indices, vocab).Float32s()
	}); err != nil {
		return nil, err
	}
	texts, err := m.StrTokens(ids)
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(ids); at += k {
		var cell []Guess
		for i := at; i < at+k; i++ {
			cell = append(cell, Guess{texts[i], best[i], probs[i]})
		}
		row = append(row, cell)
	}
	return row, nil
}

// finalLogits are those that the model makes of a residual stream x [..., d_model] at its end.
func finalLogits(m *hooked.Model, x *hooked.Tensor) (*hooked.Tensor, error) {
	x, err := m.LNFinal(x)
	if err != nil {
		return nil, err
	}
	return m.Unembed(x)
}
