package examples

import (
	"cmp"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Found is what a pass over contexts has found.
type Found struct {
	Features []Feature // in the order of the measures

	Contexts string         // the key of the contexts that were read
	Length   int            // tokens in a context
	Rows     []hooked.Range // of the contexts, in order
	config   Config         // what decides what is kept
}

// A Feature is one thing that was measured, with its examples.
type Feature struct {
	Label  string
	Top    []Example // largest peak first
	Bottom []Example // smallest trough first
	Active int       // positions at which it was above zero, of all that were looked at

	sample []Example // smallest hash of the row first
	bins   []int     // see [Feature.Histogram]
	config Config
}

// An Example is a context, or a part of it, and a feature's activation at each token.
type Example struct {
	Row, Pos    int     // the context, and where in it the peak or trough is
	Value       float32 // of the feature there
	From        int     // the position of the first of Tokens
	Tokens      []int
	Activations []float32
}

// Feature is the feature with this label.
func (f *Found) Feature(label string) (*Feature, error) {
	if f == nil {
		return nil, brief.Errorf("examples: there is nothing found to look for %q in", label)
	}
	for i := range f.Features {
		if f.Features[i].Label == label {
			return &f.Features[i], nil
		}
	}
	labels := make([]string, len(f.Features))
	for i := range labels {
		labels[i] = f.Features[i].Label
	}
	return nil, brief.Errorf("examples: no feature is called %q; there are %s", label, brief.Names(labels))
}

// Seen is how many contexts were read.
func (f *Found) Seen() int {
	n := 0
	if f != nil {
		for _, r := range f.Rows {
			n += r.To - r.From
		}
	}
	return n
}

// Positions is at how many positions features were looked at: those of the contexts that were read,
// without the first ones that [Config.Skip] leaves out.
func (f *Found) Positions() int {
	if f == nil {
		return 0
	}
	return f.Seen() * (f.Length - f.config.Skip)
}

// Quantiles are the sampled contexts in groups by their peaks, the smallest first: group i is drawn
// from between the quantiles i/n and (i+1)/n of the contexts in which the feature is above
// [Config.Floor]. Fewer such contexts than were asked for make smaller groups. Within a group the
// smallest comes first, of equal ones the earlier row.
func (f *Feature) Quantiles() [][]Example {
	if f == nil || f.config.Quantiles == 0 {
		return nil
	}
	sorted := slices.Clone(f.sample)
	slices.SortFunc(sorted, func(a, b Example) int { return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Row, b.Row)) })
	groups := make([][]Example, f.config.Quantiles)
	for i := range groups {
		groups[i] = sorted[i*len(sorted)/len(groups) : (i+1)*len(sorted)/len(groups)]
	}
	return groups
}
