package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// FeatureData is what is known of one feature of a dictionary, or of a neuron or a direction: what
// [Feature] and [FeaturePage] show. What is not known is left empty.
type FeatureData struct {
	Number  int          // by which it is looked up
	About   string       // what it is thought to read, one line
	Density float64      // part of the positions at which it is active, from 0 to 1; NaN for unknown
	Edges   []float64    // of the intervals that Counts belong to, above zero, one more
	Counts  []int        // positions by how active it is there
	Up      []Ranked     // tokens whose logits it raises most, the strongest first
	Down    []Ranked     // those that it lowers most
	Numbers []float64    // others, one for each of [PageConfig.Numbers]; for pages alone
	Groups  []TextSeries // its examples: the strongest, those of a quantile; Layer is empty
}

// featureWords is how many tokens of Up and Down are shown.
const featureWords = 10

// check refuses what no figure can be made of.
func (d FeatureData) check() error {
	switch {
	case d.Number < 0:
		return fmt.Errorf("feature %d: want a number from 0", d.Number)
	case !(d.Density >= 0 && d.Density <= 1) && !math.IsNaN(d.Density):
		return fmt.Errorf("feature %d has Density %s: want the part of the positions, from 0 to 1, or NaN", d.Number, format(d.Density))
	case len(d.Counts) > HistBins:
		return fmt.Errorf("feature %d has %d Counts: want %d at most", d.Number, len(d.Counts), HistBins)
	case len(d.Counts) > 0 && len(d.Edges) != len(d.Counts)+1 || len(d.Counts) == 0 && len(d.Edges) > 0:
		return fmt.Errorf("feature %d has %d Counts and %d Edges: want one more", d.Number, len(d.Counts), len(d.Edges))
	}
	for i, e := range d.Edges {
		if !(e > 0 && finite(e)) || i > 0 && !(e > d.Edges[i-1]) {
			return fmt.Errorf("feature %d: Edges[%d] is %s: want growing numbers above zero", d.Number, i, format(e))
		}
	}
	for i, n := range d.Counts {
		if n < 0 {
			return fmt.Errorf("feature %d: Counts[%d] is %d", d.Number, i, n)
		}
	}
	return nil
}

// Feature draws what is known of a feature: how often it is active and how strongly, the tokens
// that it makes more and less likely, and its examples with their tokens coloured by its
// activation, all groups in the same colours. (Bricken et al. 2023; SAE-Vis.)
func Feature(data FeatureData, axes Axes) Figure {
	f, err := newFeature(data, axes)
	return figure("Feature", f, err)
}

type feature struct {
	axes     Axes
	data     FeatureData
	ramp     ramp         // of the logits
	examples *activations // nil for none
	hist     *histogram   // nil for none
	largest  float64
}

func newFeature(data FeatureData, axes Axes) (*feature, error) {
	if err := axes.check("Feature", "Unit"); err != nil {
		return nil, err
	}
	if err := data.check(); err != nil {
		return nil, err
	}
	data.Up, data.Down = data.Up[:min(len(data.Up), featureWords)], data.Down[:min(len(data.Down), featureWords)]
	axes.Title = orElse(axes.Title, fmt.Sprintf("feature %d", data.Number))
	f := &feature{axes: axes, data: data, ramp: newRamp(rankedValues(data.Up, data.Down), Axes{Colors: Diverging})}
	if len(data.Counts) > 0 {
		f.hist = binned(data.Edges, data.Counts)
	}
	if len(data.Groups) == 0 {
		return f, nil
	}
	if i := slices.IndexFunc(data.Groups, func(g TextSeries) bool { return g.Layer != "" }); i >= 0 {
		return nil, fmt.Errorf("Groups[%d] has a Layer: a feature is in one", i)
	}
	var err error
	f.examples, f.largest, err = sameColors(data.Groups, Axes{Unit: axes.Unit, Width: axes.Width})
	return f, err
}

// sameColors are series in one range of colours, with the largest value.
func sameColors(groups []TextSeries, axes Axes) (*activations, float64, error) {
	a, err := newActivations(groups, axes)
	if err != nil {
		return nil, 0, err
	}
	var all []float64
	for i := range a.series {
		all = append(all, a.series[i].values()...)
	}
	r := newRamp(all, axes)
	for i := range a.series {
		a.series[i].ramp = r
	}
	_, hi, _ := finiteRange(all)
	return a, hi, nil
}

func rankedValues(lists ...[]Ranked) (values []float64) {
	for _, list := range lists {
		for _, r := range list {
			values = append(values, r.Value)
		}
	}
	return values
}

// binned is a histogram of counts that are known, on a logarithmic axis.
func binned(edges []float64, counts []int) *histogram {
	h := &histogram{axes: Axes{Width: 380, Height: 210}, counts: [][]int{counts}, edges: edges}
	for _, n := range counts {
		h.n += n
	}
	h.frame = frame{axes: h.axes, xName: "activation", yName: "positions",
		x: decadeScale(edges[0], edges[len(edges)-1]), y: niceScale(0, float64(max(1, slices.Max(counts))), false)}
	h.frame.about = h.describe()
	return h
}

// facts are the feature's numbers in words.
func (f *feature) facts() string {
	var parts []string
	if !math.IsNaN(f.data.Density) {
		parts = append(parts, "active at "+share(f.data.Density)+" of the positions")
	}
	if f.examples != nil {
		parts = append(parts, "largest "+orElse(visible(f.axes.Unit), "value")+" "+format(f.largest))
	}
	return strings.Join(parts, ", ")
}

func (f *feature) describe() string {
	var b strings.Builder
	b.WriteString(visible(f.axes.Title))
	if f.data.About != "" {
		b.WriteString(" (" + hoverText(f.data.About) + ")")
	}
	for _, part := range []string{f.facts(), wordList("raises", f.data.Up), wordList("lowers", f.data.Down)} {
		if part != "" {
			b.WriteString("; " + part)
		}
	}
	b.WriteString(".")
	if f.examples != nil {
		b.WriteString(" " + f.examples.describe())
	}
	return b.String()
}

func wordList(verb string, tokens []Ranked) string {
	if len(tokens) == 0 {
		return ""
	}
	words := make([]string, 0, 5)
	for _, r := range tokens[:min(len(tokens), 5)] {
		words = append(words, clip(visibleToken(r.Token), axisLabelLength))
	}
	return verb + " " + strings.Join(words, ", ")
}
