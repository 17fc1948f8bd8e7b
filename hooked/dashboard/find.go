package dashboard

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/examples"
	"gopherlens/internal/brief"
)

// Find looks for the contexts on which features of a dictionary are most active: all of them, or
// those that are named. The model runs as far as the site that the dictionary reads, and nothing is
// spliced in. Where the configuration asks for no examples it is that of a page: ten examples with
// twenty tokens on either side, and a histogram. A first token that is the tokenizer's BOS is left
// out ([examples.Config.Skip]).
//
// A dictionary that chooses among all positions of a run is read as the one that it becomes for use
// ([dictionary.Dictionary.Inference]). [examples.Config.Edits] are of the run, before the site.
func Find(ctx context.Context, m *hooked.Model, d *dictionary.Dictionary, contexts corpus.Contexts, c examples.Config, features ...int) (*examples.Found, error) {
	if m == nil || contexts == nil {
		return nil, brief.Errorf("dashboard: the model or the contexts are nil: look at the error of the call that should have made them")
	}
	measure, err := measureOf(d, features)
	if err != nil {
		return nil, brief.Errorf("dashboard: %w", err)
	}
	if c.Skip == 0 {
		if c.Skip, err = beginnings(m, contexts); err != nil {
			return nil, brief.Errorf("dashboard: %w", err)
		}
	}
	return examples.Find(ctx, m, contexts, settled(c, d, contexts.Length()), measure)
}

// FindStored is [Find] in activations that were harvested, without a model. The store must hold the
// site that the dictionary reads. [examples.Config.Skip] is as given: a store does not know which
// token is the BOS.
func FindStored(ctx context.Context, d *dictionary.Dictionary, store *activations.Store, c examples.Config, features ...int) (*examples.Found, error) {
	measure, err := measureOf(d, features)
	if err != nil {
		return nil, brief.Errorf("dashboard: %w", err)
	}
	about, err := store.About()
	if err != nil {
		return nil, err
	}
	return examples.FindStored(ctx, store, settled(c, d, about.Context), measure)
}

// The examples of a page.
const (
	pageExamples = 10
	pageAround   = 20
)

// batchValues bounds the activations of a batch: 64 MB.
const batchValues = 16 << 20

func settled(c examples.Config, d *dictionary.Dictionary, length int) examples.Config {
	if c.Top == 0 && c.Bottom == 0 && c.Quantiles == 0 {
		c.Top, c.Histogram = pageExamples, true
		if c.Around == 0 {
			c.Around = pageAround
		}
	}
	if c.Batch == 0 {
		c.Batch = max(1, min(2048, batchValues/d.Config.Features)/max(length, 1))
	}
	return c
}

// beginnings is 1 if rows begin with the tokenizer's BOS.
func beginnings(m *hooked.Model, contexts corpus.Contexts) (int, error) {
	tok, err := m.Tokenizer()
	if err != nil || contexts.Length() < 2 {
		return 0, nil // without a tokenizer there is no BOS
	}
	bos, ok := tok.BOS()
	for row, err := range contexts.From(0) {
		if err != nil {
			return 0, err
		}
		if ok && len(row) > 0 && row[0] == bos {
			return 1, nil
		}
		break
	}
	return 0, nil
}

// measureOf measures features, whose labels are those of the site that a splice would make.
func measureOf(d *dictionary.Dictionary, features []int) (examples.Measure, error) {
	d, err := d.Inference()
	if err != nil {
		return examples.Measure{}, err
	}
	n := d.Config.Features
	which := features
	if len(which) == 0 {
		for f := range n {
			which = append(which, f)
		}
	}
	var names []string
	var with []*hooked.Tensor
	for name := range d.Config.WeightShapes() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		with = append(with, d.Weights[name])
	}
	labels := make([]string, len(which))
	for i, f := range which {
		if f < 0 || f >= n {
			return examples.Measure{}, brief.Errorf("there is no feature %d: the dictionary has %d", f, n)
		}
		labels[i] = label(d, f)
	}
	config := d.Config
	return examples.Of(config.Hook, labels, func(x *graph.Node, weights []*graph.Node) *graph.Node {
		p := dictionary.Pass{Config: config, Weights: make(map[string]*graph.Node)}
		for i, name := range names {
			p.Weights[name] = weights[i]
		}
		acts := p.Encode(x).Acts
		if len(which) == n && slices.IsSorted(which) {
			return acts
		}
		columns := make([]*graph.Node, len(which))
		for i, f := range which {
			columns[i] = graph.SliceAxis(acts, 2, graph.AxisElem(f))
		}
		return graph.Concatenate(columns, 2)
	}, with...), nil
}

// label is a feature's in what is found.
func label(d *dictionary.Dictionary, feature int) string {
	return fmt.Sprintf("%s[%d]", d.Acts(), feature)
}
