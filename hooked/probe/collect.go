package probe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/nearest"
	"gopherlens/internal/underway"
)

// A Collection says which activations of which texts to collect. Texts or Tokens, and Sites, are
// needed.
type Collection struct {
	Texts []string
	// Tokens are the texts as token ids, each of its own length, without pads unless Mask tells
	// them.
	Tokens [][]int
	// Mask says which of Tokens are real (1) and which are pads (0); nil where all are.
	Mask [][]int

	Sites hooked.Selector // such as hooked.ResidPost, for every layer
	At    Positions       // which tokens of each text; the last if it is left out

	MaxTokens int  // longer texts are cut off; 0 for the model's context, beyond which they are refused
	NoBOS     bool // Texts get no beginning-of-sequence token
	Batch     int  // how many texts a run reads; 0 for as many as make some 2048 tokens, at most 64

	Edits    []hooked.Option       // options of the runs: Edit, UngroupKV
	Progress func(done, texts int) // is called after each run
}

// Activations are rows by site and position, and the texts that they are of.
type Activations struct {
	config  hooked.Config // of the model, which reads the names of sites
	sites   []string
	columns []string
	rows    map[string][]*Rows
}

// Collect runs a model on texts, all layers in one pass, and keeps of each activation the positions
// that are asked for and no more. Texts are run in the order of their length, padded on the right
// to a length that others share; the rows are in the order of the texts, and what a text gives does
// not depend on the others.
//
//	texts := probe.Collection{Texts: mails, Sites: hooked.ResidPost, MaxTokens: 64}
//	found, err := probe.Collect(ctx, model, texts)
//	rows, err := found.Rows(hooked.ResidPost.At(8))
func Collect(ctx context.Context, m *hooked.Model, c Collection) (*Activations, error) {
	if ctx == nil {
		return nil, brief.Errorf("the context is nil: give one, such as context.Background()")
	}
	tokens, err := c.tokens(m)
	if err != nil {
		return nil, err
	}
	lengths := make([]int, len(tokens))
	for i, row := range tokens {
		lengths[i] = len(row)
	}
	if err := c.At.check(lengths); err != nil {
		return nil, err
	}
	r := &collector{ctx: ctx, m: m, c: c, tokens: tokens, out: &Activations{config: m.Config(), columns: c.At.columns(lengths[0]), rows: make(map[string][]*Rows)}}
	r.place()
	batches := batchesOf(lengths, c.Batch, padsMatter(m.Config()))
	done := 0
	step := underway.Begin("collecting activations")
	defer step.End()
	for i, b := range batches {
		if err := fault.Ended(ctx, "Collect was ended by its context after %d of %d runs", i, len(batches)); err != nil {
			return nil, err
		}
		if err := r.run(b); err != nil {
			return nil, err
		}
		done += b.fresh
		step.Sayf("%d of %d texts", done, len(tokens))
		if c.Progress != nil {
			c.Progress(done, len(tokens))
		}
	}
	return r.out, r.check()
}

// tokens are the texts as token ids, cut to what is read of them.
func (c Collection) tokens(m *hooked.Model) ([][]int, error) {
	if err := c.check(m); err != nil {
		return nil, err
	}
	tokens, err := c.given(m)
	if err != nil {
		return nil, err
	}
	context := m.Config().NCtx
	for i, row := range tokens {
		if c.MaxTokens > 0 && len(row) > c.MaxTokens {
			row = row[:c.MaxTokens]
		}
		if len(row) == 0 {
			return nil, brief.Errorf("text %d has no tokens: leave it out, and its label", i)
		}
		if len(row) > context {
			return nil, brief.Errorf("text %d has %d tokens, the model's context %d: MaxTokens cuts texts off (%w)", i, len(row), context, hooked.ErrOutOfContext)
		}
		tokens[i] = row
	}
	return tokens, nil
}

func (c Collection) check(m *hooked.Model) error {
	switch {
	case m == nil:
		return brief.Errorf("the model is nil: look at the error of what should have loaded it")
	case (len(c.Texts) > 0) == (len(c.Tokens) > 0):
		return brief.Errorf("Collection has %d Texts and %d Tokens: want one of the two", len(c.Texts), len(c.Tokens))
	case c.Sites == nil:
		return brief.Errorf("Collection has no Sites: want some, such as hooked.ResidPost")
	case c.NoBOS && c.Texts == nil:
		return brief.Errorf("Collection.NoBOS is for Texts: Tokens are taken as they are")
	case c.Mask != nil && c.Tokens == nil:
		return brief.Errorf("Collection.Mask is for Tokens: Texts have no pads")
	case c.Mask != nil && len(c.Mask) != len(c.Tokens):
		return brief.Errorf("Collection.Mask has %d rows for %d of Tokens", len(c.Mask), len(c.Tokens))
	case c.MaxTokens < 0 || c.Batch < 0:
		return brief.Errorf("Collection has MaxTokens %d and Batch %d: want positive numbers, or 0 for the default", c.MaxTokens, c.Batch)
	case c.MaxTokens > m.Config().NCtx:
		return brief.Errorf("Collection.MaxTokens is %d, the model's context %d", c.MaxTokens, m.Config().NCtx)
	}
	return nil
}

// given are the tokens of Texts, or Tokens without their pads.
func (c Collection) given(m *hooked.Model) ([][]int, error) {
	out := make([][]int, max(len(c.Texts), len(c.Tokens)))
	var options []hooked.Option
	if c.NoBOS {
		options = append(options, hooked.PrependBOS(false))
	}
	for i := range out {
		var err error
		switch {
		case c.Tokens == nil:
			var rows hooked.Tokens
			if rows, err = m.ToTokens(c.Texts[i:i+1], options...); err == nil {
				out[i] = rows[0]
			}
		case c.Mask == nil:
			out[i], err = c.Tokens[i], padless(m, c.Tokens[i])
		default:
			out[i], err = realTokens(c.Tokens[i], c.Mask[i])
		}
		if err != nil {
			return nil, brief.Errorf("text %d: %w", i, err)
		}
	}
	return out, nil
}

// padless refuses tokens that end with pads: the last of them would be read.
func padless(m *hooked.Model, row []int) error {
	if len(row) == 0 {
		return nil
	}
	if ends := m.EndsOf(hooked.Tokens{row}); len(ends) == 1 && len(ends[0]) > 0 {
		if n := len(row) - 1 - ends[0][0]; n > 0 {
			return brief.Errorf("its last %d tokens are the pad token: give the Mask that tells them, or rows without pads", n)
		}
	}
	return nil
}

func realTokens(row, mask []int) (out []int, err error) {
	if len(row) != len(mask) {
		return nil, brief.Errorf("the mask has %d entries for %d tokens", len(mask), len(row))
	}
	first, last := slices.Index(mask, 1), -1
	for i, v := range mask {
		if v != 0 && v != 1 {
			return nil, brief.Errorf("the mask holds %d: want 1 for a token, 0 for a pad", v)
		}
		if v == 1 {
			out, last = append(out, row[i]), i
		}
	}
	if len(out) > 0 && last-first+1 != len(out) {
		return nil, brief.Errorf("the mask has pads between tokens: want them before or after")
	}
	return out, nil
}

func (a *Activations) need() error {
	if a == nil || len(a.sites) == 0 {
		return brief.Errorf("the activations are nil or empty: look at the error of Collect")
	}
	return nil
}

// Sites are the names of where activations were collected, in the order of the forward pass.
func (a *Activations) Sites() []string {
	if a == nil {
		return nil
	}
	return slices.Clone(a.sites)
}

// Columns are what the sets of rows of a site are called: the positions of [At] and [Every], else
// one.
func (a *Activations) Columns() []string {
	if a == nil {
		return nil
	}
	return slices.Clone(a.columns)
}

// Rows are the activations at a site, such as hooked.ResidPost.At(8), "resid_post8" or a hook's
// whole name: a row for each text, or with [All] for each token. Where several positions were asked
// for, column is which of them.
func (a *Activations) Rows(at hooked.Selector, column ...int) (*Rows, error) {
	if err := a.need(); err != nil {
		return nil, err
	}
	site, err := a.name(at)
	if err != nil {
		return nil, err
	}
	columns, ok := a.rows[site]
	switch {
	case !ok:
		return nil, brief.Errorf("nothing was collected at %s%s, but at %s", site, nearest.Hint(site, a.sites), brief.Names(a.sites))
	case len(column) > 1, len(column) == 0 && len(columns) > 1:
		return nil, brief.Errorf("Rows of %s takes which of %d positions (%s) it is to be", site, len(columns), brief.Names(a.columns))
	case len(column) == 0:
		return columns[0], nil
	case column[0] < 0 || column[0] >= len(columns):
		return nil, brief.Errorf("there is no column %d of rows, only 0 to %d", column[0], len(columns)-1)
	}
	return columns[column[0]], nil
}

// name is that of a site, as the model reads it. Taps are no sites of the model, so that what was
// collected is looked at first.
func (a *Activations) name(at hooked.Selector) (string, error) {
	if s, ok := at.(hooked.Site); ok && s != (hooked.Site{}) && a.rows[s.String()] != nil {
		return s.String(), nil
	}
	if s, ok := at.(string); ok && a.rows[s] != nil {
		return s, nil
	}
	found, err := a.config.Select(at)
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", brief.Errorf("%v means %d sites: want one, such as hooked.ResidPost.At(8)", at, len(found))
	}
	return found[0].Name(), nil
}

// layerOf is the layer that a site lies in, by its name.
func layerOf(site string) (layer int, ok bool) {
	number, _, ok := strings.Cut(strings.TrimPrefix(site, "blocks."), ".")
	if layer, err := strconv.Atoi(number); err == nil && ok && strings.HasPrefix(site, "blocks.") {
		return layer, true
	}
	return 0, false
}

// String is what was collected.
func (a *Activations) String() string {
	if a == nil || len(a.sites) == 0 {
		return "no activations"
	}
	r := a.rows[a.sites[0]][0]
	return fmt.Sprintf("%d rows of %d sites, %d positions", r.n, len(a.sites), len(a.columns))
}
