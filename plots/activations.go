package plots

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of a figure of activations; what is beyond them is left out, which the figure says.
const (
	ActivationValues = 200_000 // numbers in all series together
	ActivationSeries = 5000
)

// Texts are texts with a number at each token, as another package has them: what was found to
// activate a neuron. [TextList] is the one of this package.
type Texts interface {
	Len() int
	// Text is the i-th: what it is called, such as "row 17", its tokens, and as many numbers.
	Text(i int) (label string, tokens []string, values []float32)
}

// TextList are texts given one by one.
type TextList []ValuedText

// ValuedText is a text with a number at each token.
type ValuedText struct {
	Label  string // what it is called; may be empty
	Tokens []string
	Values []float32
}

// Len implements [Texts].
func (l TextList) Len() int { return len(l) }

// Text implements [Texts].
func (l TextList) Text(i int) (label string, tokens []string, values []float32) {
	if i < 0 || i >= len(l) {
		panic(fmt.Errorf("plots: there is no text %d: there are %d", i, len(l)))
	}
	return l[i].Label, l[i].Tokens, l[i].Values
}

// A TextSeries is one quantity on some texts: a neuron, a head, a feature.
type TextSeries struct {
	Layer string // the layer's name, for a picker of layers; "" for none
	Name  string // within the layer, for the other picker
	Texts Texts
}

// TextActivations draws texts whose tokens are coloured by activations, several series with pickers
// for layer and series, as CircuitsVis' topk_samples, and for each series the tokens on which it is
// strongest, as its topk_tokens. White is zero, blue more, red less; each series has its own range
// unless Axes.Low and Axes.High fix it. The static picture has the first texts of each series.
//
//	plots.TextActivations([]plots.TextSeries{{Layer: "layer 5", Name: "neuron 12", Texts: texts}}, plots.Axes{Unit: "activation"})
func TextActivations(series []TextSeries, axes Axes) Figure {
	a, err := newActivations(series, axes)
	return figure("TextActivations", a, err)
}

// TextNeuronActivations draws one text whose tokens are coloured by values of shape [token, layer,
// neuron], with pickers for layer and neuron: CircuitsVis' text_neuron_activations. Axes.Facets
// names the layers, Axes.Series the neurons.
func TextNeuronActivations(tokens []string, values any, axes Axes) Figure {
	series, err := neuronSeries(tokens, values, &axes)
	if err != nil {
		return figure("TextNeuronActivations", nil, err)
	}
	a, err := newActivations(series, axes)
	return figure("TextNeuronActivations", a, err)
}

func neuronSeries(tokens []string, values any, axes *Axes) ([]TextSeries, error) {
	if err := axes.check("TextNeuronActivations", "Facets Series Unit Colors Low High"); err != nil {
		return nil, err
	}
	a, err := readArray(values, 3)
	if err != nil {
		return nil, err
	}
	n, layers, neurons := a.shape[0], a.shape[1], a.shape[2]
	if n != len(tokens) {
		return nil, fmt.Errorf("there are %d tokens, values of shape %v have %d", len(tokens), a.shape, n)
	}
	layerNames, err := labelled("Facets", axes.Facets, a.axisLabels(2), layers)
	if err != nil {
		return nil, err
	}
	names, err := labelled("Series", axes.Series, a.axisLabels(1), neurons)
	if err != nil {
		return nil, err
	}
	if layerNames == nil {
		layerNames = mapLabels(indexLabels(layers), func(i string) string { return "layer " + i })
	}
	if names == nil {
		names = mapLabels(indexLabels(neurons), func(i string) string { return "neuron " + i })
	}
	var out []TextSeries
	for l := range layers {
		for j := range neurons {
			text := ValuedText{Tokens: tokens, Values: make([]float32, n)}
			for k := range n {
				text.Values[k] = float32(a.values[(k*layers+l)*neurons+j])
			}
			out = append(out, TextSeries{layerNames[l], names[j], TextList{text}})
		}
	}
	axes.Facets, axes.Series = nil, nil
	return out, nil
}

// activations is the figure.
type activations struct {
	axes   Axes
	series []activationSeries
	notes  []string
}

type activationSeries struct {
	layer, name string
	texts       []activationText
	ramp        ramp
	low, high   []Ranked // the tokens with the least and the largest values
}

type activationText struct {
	label  string
	tokens []string
	values []float64
}

func newActivations(series []TextSeries, axes Axes) (*activations, error) {
	if err := axes.check("TextActivations", "Unit Colors Low High"); err != nil {
		return nil, err
	}
	a := &activations{axes: axes}
	if err := a.read(series); err != nil {
		return nil, err
	}
	var all []float64
	for i := range a.series {
		s := &a.series[i]
		values := s.values()
		s.ramp = newRamp(values, axes)
		s.rank()
		all = append(all, values...)
	}
	if !anyFinite(all) {
		return nil, fmt.Errorf("activations have no finite value among their %d", len(all))
	}
	a.notes = append(a.notes, noteSpecials(all, greyNames)...)
	return a, nil
}

// read copies the series within the limits.
func (a *activations) read(series []TextSeries) error {
	room := ActivationValues
	texts, left := 0, 0 // of the series that are shown, and of them left out
	longest := 0        // text that is cut
	for i, given := range series {
		if len(a.series) == ActivationSeries || room <= 0 {
			a.notes = append(a.notes, fmt.Sprintf("first %d of %d series", len(a.series), len(series)))
			break
		}
		s := activationSeries{layer: given.Layer, name: given.Name}
		shown := 0
		err := eachText(given, func(t activationText) {
			texts++
			n := len(t.tokens)
			if shown > 0 && (shown+n > TokenLimit || n > room) {
				left++
				return
			}
			if n > TokenLimit {
				longest = max(longest, n)
				t.tokens, t.values = t.tokens[:TokenLimit], t.values[:TokenLimit]
			}
			shown += len(t.tokens)
			room -= len(t.tokens)
			s.texts = append(s.texts, t)
		})
		if err != nil {
			return fmt.Errorf("series %d (%s): %w", i, hoverText(strings.TrimSpace(given.Layer+" "+given.Name)), err)
		}
		a.series = append(a.series, s)
	}
	if longest > 0 {
		a.notes = append(a.notes, fmt.Sprintf("first %d of %d tokens", TokenLimit, longest))
	}
	if left > 0 {
		a.notes = append(a.notes, fmt.Sprintf("%d of %d texts are left out", left, texts))
	}
	if len(a.series) == 0 {
		return fmt.Errorf("%w: want at least one series of texts", errNoData)
	}
	return a.checkLayers()
}

// eachText gives the texts of a series, which another package's code may hold: a panic of it is an
// error.
func eachText(s TextSeries, use func(activationText)) (err error) {
	if s.Texts == nil {
		return fmt.Errorf("%w: it has no texts", errNoData)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading %s: %s", typeName(s.Texts), hoverText(fmt.Sprint(r)))
		}
	}()
	n := s.Texts.Len()
	if n == 0 {
		return fmt.Errorf("%w: it has no texts", errNoData)
	}
	for i := range n {
		label, tokens, values := s.Texts.Text(i)
		if len(tokens) != len(values) {
			return fmt.Errorf("text %d has %d tokens and %d values", i, len(tokens), len(values))
		}
		if len(tokens) == 0 {
			return fmt.Errorf("text %d has no tokens", i)
		}
		t := activationText{label: label, tokens: slices.Clone(tokens), values: make([]float64, len(values))}
		for k, v := range values {
			t.values[k] = float64(v)
		}
		use(t)
	}
	return nil
}

// checkLayers refuses a picker of layers that some series would not be under.
func (a *activations) checkLayers() error {
	layers := 0
	for _, s := range a.series {
		if s.layer != "" {
			layers++
		}
	}
	if layers != 0 && layers != len(a.series) {
		return errors.New("some series have a Layer and others have none: name it for all or for none")
	}
	return nil
}

func (s *activationSeries) values() (all []float64) {
	for _, t := range s.texts {
		all = append(all, t.values...)
	}
	return all
}

// title is the series' name with its layer's.
func (s *activationSeries) title() string {
	return strings.TrimSpace(hoverText(s.layer) + " " + hoverText(s.name))
}

// strongestTokens is how many tokens are named as a series' strongest.
const strongestTokens = 10

// rank finds the tokens on which the series is largest, and where it has negative values, on
// which it is smallest. A token that occurs more than once counts at its strongest.
func (s *activationSeries) rank() {
	largest, smallest := make(map[string]float64), make(map[string]float64)
	for _, t := range s.texts {
		for k, v := range t.values {
			if !finite(v) {
				continue
			}
			token := t.tokens[k]
			if old, ok := largest[token]; v > 0 && (!ok || v > old) {
				largest[token] = v
			}
			if old, ok := smallest[token]; v < 0 && (!ok || v < old) {
				smallest[token] = v
			}
		}
	}
	s.high, s.low = ranked(largest, -1), ranked(smallest, 1)
}

// ranked are tokens with their values in the order of these times sign.
func ranked(values map[string]float64, sign float64) []Ranked {
	out := make([]Ranked, 0, len(values))
	for token, v := range values {
		out = append(out, Ranked{token, v})
	}
	slices.SortFunc(out, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(sign*a.Value, sign*b.Value), cmp.Compare(a.Token, b.Token))
	})
	return out[:min(len(out), strongestTokens)]
}

func (a *activations) describe() string {
	var b strings.Builder
	if a.axes.Title != "" {
		b.WriteString(visible(a.axes.Title) + ". ")
	}
	fmt.Fprintf(&b, "Activations on text: %s", count(len(a.series), "series", "series"))
	const told = 8
	for i := range a.series[:min(told, len(a.series))] {
		s := &a.series[i]
		fmt.Fprintf(&b, "; %s on %s, %s", orElse(s.title(), "values"), count(len(s.texts), "text", "texts"), rangeText(s.values()))
		for k, r := range s.high[:min(3, len(s.high))] {
			b.WriteString([]string{", strongest on ", ", ", ", "}[k] + visibleToken(r.Token))
		}
	}
	b.WriteString(".")
	for _, note := range a.notes {
		b.WriteString(" " + note + ".")
	}
	return b.String()
}

// tip is what the pointer shows on a token.
func (s *activationSeries) tip(t activationText, k int) []string {
	lines := []string{fmt.Sprintf("%d: %s", k, clip(visibleToken(t.tokens[k]), hoverLength)), s.ramp.text(t.values[k])}
	if t.label != "" {
		lines = append(lines, hoverText(t.label))
	}
	return lines
}

// staticTokens is how many tokens are drawn where no script runs.
const staticTokens = 1500

// shown is how many texts of each series are drawn where no script runs, and a note that says so.
// Series come before texts: the first texts of all, where there is room for them.
func (a *activations) shown() (texts []int, notes []string) {
	texts = make([]int, len(a.series))
	room, all, total, longest := staticTokens, 0, 0, 0
	for _, s := range a.series {
		longest = max(longest, len(s.texts))
		total += len(s.texts)
	}
	for round := range longest {
		for i, s := range a.series {
			if round >= len(s.texts) || texts[i] < round {
				continue
			}
			if n := len(s.texts[round].tokens); n <= room || all == 0 {
				room -= n
				texts[i]++
				all++
			}
		}
	}
	if all < total {
		notes = []string{fmt.Sprintf("%d of %d texts", all, total)}
	}
	return texts, notes
}
