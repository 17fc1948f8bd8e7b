package circuits

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
)

// Transcoders are those of all layers of a model: the features that stand for its MLPs. A per-layer
// transcoder writes to the output of the layer that it reads, a cross-layer one to that of every
// layer from there on. They are not changed once they are made.
type Transcoders struct {
	// Layers are the transcoders, layer by layer. Of cross-layer ones W_dec is what a feature
	// writes to its own layer, the first of Decoders.
	Layers []*dictionary.Dictionary
	// Decoders, of cross-layer transcoders, are what the features of a layer write to it and to
	// those after it: [feature, layer, d_model]. It is nil of per-layer ones.
	Decoders []*hooked.Tensor

	Model string // that they were made for, as their files say it; may be empty
	Scan  string // the name by which pages of features know them; may be empty
	// Source says where they were read.
	Source string
}

var errNone = errors.New("circuits: there are no transcoders: look at the error of the call that should have made them")

// PerLayer are the transcoders of a model's layers, in their order: what package dictionary loads
// or trains, one for each layer. All must read the same site of their layer and write the same one.
func PerLayer(layers ...*dictionary.Dictionary) (*Transcoders, error) {
	t := &Transcoders{Layers: slices.Clone(layers)}
	if len(layers) > 0 && layers[0] != nil {
		t.Model = layers[0].Config.Model
	}
	return t, t.check()
}

// CrossLayer are transcoders whose features write to later layers too. decoders[l] is [feature,
// layer, d_model], of layer l and all after it; W_dec of layers[l] must be the first part of it.
func CrossLayer(layers []*dictionary.Dictionary, decoders []*hooked.Tensor) (*Transcoders, error) {
	t := &Transcoders{Layers: slices.Clone(layers), Decoders: slices.Clone(decoders)}
	if len(decoders) == 0 {
		return nil, brief.Errorf("circuits: cross-layer transcoders need decoders, [feature, layer, d_model] for each layer")
	}
	if len(layers) > 0 && layers[0] != nil {
		t.Model = layers[0].Config.Model
	}
	return t, t.check()
}

// CrossLayer reports whether features write to later layers, too.
func (t *Transcoders) CrossLayer() bool { return t != nil && t.Decoders != nil }

// Features is the number of features in a layer.
func (t *Transcoders) Features() int {
	if t == nil || len(t.Layers) == 0 || t.Layers[0] == nil {
		return 0
	}
	return t.Layers[0].Config.Features
}

// Sites are the sites of a layer that the transcoders read and write, without the layer:
// "ln2.hook_normalized" and "hook_mlp_out".
func (t *Transcoders) Sites() (in, out string) {
	if t == nil || len(t.Layers) == 0 || t.Layers[0] == nil {
		return "", ""
	}
	c := t.Layers[0].Config
	return strings.TrimPrefix(c.Hook, "blocks.0."), strings.TrimPrefix(c.HookOut, "blocks.0.")
}

// String describes the transcoders in a line.
func (t *Transcoders) String() string {
	if t == nil || len(t.Layers) == 0 {
		return "no transcoders"
	}
	in, out := t.Sites()
	kind := "per-layer transcoders"
	if t.CrossLayer() {
		kind = "cross-layer transcoders"
	}
	text := fmt.Sprintf("%s of %d layers with %d features each, %s -> %s", kind, len(t.Layers), t.Features(), in, out)
	for _, say := range []struct{ before, what string }{{" of ", t.Model}, {"; ", t.Source}} {
		if say.what != "" {
			text += say.before + say.what
		}
	}
	return brief.Sprintf("%s", text)
}

// check reports transcoders that no attribution can use.
func (t *Transcoders) check() error {
	if t == nil || len(t.Layers) == 0 {
		return errNone
	}
	for l, d := range t.Layers {
		if err := t.checkLayer(l, d); err != nil {
			return brief.Errorf("circuits: the transcoder of layer %d%w", l, err)
		}
	}
	return t.checkDecoders()
}

// checkLayer reports a layer's transcoder that is none, or is not like that of the first layer.
func (t *Transcoders) checkLayer(l int, d *dictionary.Dictionary) error {
	if d == nil {
		return brief.Errorf(" is missing: an attribution needs one for each layer")
	}
	c := d.Config
	if err := c.Validate(); err != nil {
		return brief.Errorf(": %w", err)
	}
	if err := checkKind(c); err != nil {
		return err
	}
	for name, shape := range c.WeightShapes() {
		switch w := d.Weights[name]; {
		case w == nil:
			return brief.Errorf(" has no weight %q", name)
		case !slices.Equal(w.Shape(), shape):
			return brief.Errorf(" has a weight %q of shape %v, want %v", name, w.Shape(), shape)
		}
	}
	in, out := t.Sites()
	if want := at(l, in); c.Hook != want {
		return brief.Errorf(" reads %q, want %q: the transcoders stand in the order of the layers, and read the same site of each", c.Hook, want)
	}
	if want := at(l, out); c.HookOut != want {
		return brief.Errorf(" writes %q, want %q, as that of the first layer does", c.HookOut, want)
	}
	first := t.Layers[0].Config
	if c.DIn != first.DIn || c.DOut != first.DOut || c.Features != first.Features {
		return brief.Errorf(" has %d features of width %d -> %d, that of layer 0 has %d of width %d -> %d: all must be alike", c.Features, c.DIn, c.DOut,
			first.Features, first.DIn, first.DOut)
	}
	if skips(c) != skips(first) {
		return brief.Errorf(" and that of layer 0 differ in whether they have a skip (W_skip): all must be alike")
	}
	return nil
}

// checkKind refuses kinds whose pre-activations are not their input times W_enc: an edge is the
// change of a pre-activation.
func checkKind(c dictionary.Config) error {
	shapes := c.WeightShapes()
	switch {
	case !c.Transcodes():
		return brief.Errorf(" is a dictionary of kind %q, which gives back what it reads: want a transcoder", c.Kind)
	case shapes["b_enc"] == nil:
		return brief.Errorf(" is of kind %q, whose features are no linear function of the input before they are chosen", c.Kind)
	case c.RescaleByNorm || c.SubtractBias || c.FlattenHeads:
		return brief.Errorf(" rescales, centres or flattens (%s): fold that into its weights first", c)
	case c.Normalization != "" && c.Normalization != dictionary.NoNormalization:
		return brief.Errorf(" normalizes its input (%s), which an attribution cannot differentiate: fold it into the weights first", c.Normalization)
	case c.DIn != c.DOut:
		return brief.Errorf(" reads width %d and writes width %d: want the width of the residual stream for both", c.DIn, c.DOut)
	}
	return nil
}

// checkDecoders reports decoders of other shapes than the layers want.
func (t *Transcoders) checkDecoders() error {
	if t.Decoders == nil {
		return nil
	}
	n, c := len(t.Layers), t.Layers[0].Config
	if len(t.Decoders) != n {
		return brief.Errorf("circuits: %d decoders for %d layers", len(t.Decoders), n)
	}
	for l, w := range t.Decoders {
		want := []int{c.Features, n - l, c.DOut}
		if w == nil {
			return brief.Errorf("circuits: the decoders of layer %d are missing", l)
		}
		if got := w.Shape(); !slices.Equal(got, want) {
			return brief.Errorf("circuits: the decoders of layer %d have shape %v, want [feature, layer, d_model] = %v", l, got, want)
		}
	}
	return nil
}

// skips reports whether a transcoder has a linear part.
func skips(c dictionary.Config) bool { return c.WeightShapes()["W_skip"] != nil }

// at is a layer's site.
func at(layer int, site string) string { return fmt.Sprintf("blocks.%d.%s", layer, site) }

// pass is a transcoder in a graph in which these nodes are its weights, in the order of
// [weightNames].
func pass(c dictionary.Config, nodes []*graph.Node) dictionary.Pass {
	p := dictionary.Pass{Config: c, Weights: make(map[string]*graph.Node)}
	for i, name := range weightNames(c) {
		p.Weights[name] = nodes[i]
	}
	return p
}

// weightNames are the names of a transcoder's weights in the order in which graphs take them.
func weightNames(c dictionary.Config) []string {
	var names []string
	for name := range c.WeightShapes() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// weightsOf are a transcoder's weights in that order.
func weightsOf(d *dictionary.Dictionary) []*hooked.Tensor {
	var all []*hooked.Tensor
	for _, name := range weightNames(d.Config) {
		all = append(all, d.Weights[name])
	}
	return all
}
