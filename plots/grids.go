package plots

import (
	"fmt"
	"math"
)

// LogitLens draws a grid of predictions: words[row][column], usually layer by
// position, stands in the cell whose colour is values[row, column], for
// instance the word's log-probability, stronger where the lens is surer. Words are shown as
// tokens: with their spaces. (nostalgebraist 2020, "interpreting GPT: the logit lens".)
func LogitLens(values any, words [][]string, axes Axes) Figure {
	h, err := newLogitLens(values, words, axes)
	if err == nil && axes.Colors == Auto {
		h.ramp = h.ramp.surer()
	}
	return figure("LogitLens", h, err)
}

// surer is a ramp of values none of which is above zero, such as log-probabilities: strongest at
// zero, where a model is sure.
func (r ramp) surer() ramp {
	if r.hi > 0 {
		return r
	}
	return ramp{lo: min(r.lo, -leastSpan), hi: 0, stops: redBlue[len(redBlue)/2:], digits: r.digits}
}

func newLogitLens(values any, words [][]string, axes Axes) (*heatmap, error) {
	if axes.Text != nil {
		return nil, fmt.Errorf("LogitLens takes the words as an argument, not as Axes.Text")
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("no words: want one for each row and column of values")
	}
	axes.Text = words
	h, err := newHeatmap("LogitLens", values, axes)
	if err != nil {
		return nil, err
	}
	h.tokens = true
	return h, nil
}

// strongestNamed is how many heads a grid of scores names in the picture.
const strongestNamed = 6

// HeadScores draws one number for each attention head, data of shape [layer,
// head] or [facet, layer, head]. Heads are called by their usual names, L9H6
// for head 6 of layer 9: the strongest in the picture, all of them where the
// pointer rests.
func HeadScores(scores any, axes Axes) Figure {
	h, err := newHeadScores(scores, axes)
	return figure("HeadScores", h, err)
}

func newHeadScores(scores any, axes Axes) (*heatmap, error) {
	axes.XName, axes.YName = orElse(axes.XName, "head"), orElse(axes.YName, "layer")
	if err := axes.check("HeadScores", "Height X Y XName YName Unit Facets FacetName Colors Low High"); err != nil {
		return nil, err
	}
	h, err := newHeatmap("HeadScores", scores, axes)
	if err != nil {
		return nil, err
	}
	h.nameHeads()
	return h, nil
}

func (h *heatmap) nameHeads() {
	h.text = make([]string, len(h.values))
	h.hoverOnly = make([]bool, len(h.values))
	for i := range h.values {
		h.text[i] = "L" + h.yLabels[i/h.nx%h.ny] + "H" + h.xLabels[i%h.nx]
		h.hoverOnly[i] = true
	}
	for picture := range h.frames * h.facets {
		from := picture * h.ny * h.nx
		for _, i := range strongest(h.values[from:from+h.ny*h.nx], strongestNamed) {
			h.hoverOnly[from+i] = false
		}
	}
}

// strongest are the indices of the n values of largest magnitude.
func strongest(values []float64, n int) []int {
	sizes := make([]float64, len(values))
	for i, v := range values {
		sizes[i] = math.Abs(v)
	}
	return largest(sizes, min(n, len(sizes)))
}
