package dashboard

import (
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/examples"
	"gopherlens/plots"
)

// A Layer is the dictionary of a layer, such as a transcoder, and what [Find] has found of its
// features.
type Layer struct {
	Dictionary *dictionary.Dictionary
	Found      *examples.Found
}

// Nodes gives the features of an attribution graph's nodes what was found of them, for
// [plots.AttributionGraph]; nothing is known of layers that are not given and of features that were
// not looked for. It is enough to have looked for those that are active in the prompt. Where
// something cannot be computed the figure carries the error.
func Nodes(m *hooked.Model, layers map[int]Layer) plots.NodeFeature {
	return func(layer, feature int) (plots.FeatureData, bool) {
		l, ok := layers[layer]
		if !ok || l.Found == nil || l.Dictionary == nil {
			return plots.FeatureData{}, false
		}
		wanted := label(l.Dictionary, feature)
		if !slices.ContainsFunc(l.Found.Features, func(f examples.Feature) bool { return f.Label == wanted }) {
			return plots.FeatureData{}, false
		}
		data, err := Feature(m, l.Dictionary, l.Found, feature)
		if err != nil {
			panic(err) // which makes it the figure's
		}
		return data, true
	}
}
