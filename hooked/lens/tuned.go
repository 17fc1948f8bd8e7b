package lens

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A TunedLens reads the residual stream before each layer through an affine map of that layer's,
// x + W x + b, and then as the model's end does (Belrose et al. 2023, arXiv:2303.08112). The maps
// are fitted so that what is read is what the model comes to predict. After the last layer there is
// no map, and what is read are the logits.
type TunedLens struct {
	weights, biases []*hooked.Tensor // [out, in] and [d_model] of each layer
	about           tunedAbout
}

// NewTunedLens is a lens whose maps are the identity: the logit lens, and what [FitTunedLens]
// begins with.
func NewTunedLens(m *hooked.Model) (*TunedLens, error) {
	if m == nil {
		return nil, fmt.Errorf("NewTunedLens: the model is nil")
	}
	c := m.Config()
	t := &TunedLens{about: aboutLens(m)}
	for range c.NLayers {
		t.weights = append(t.weights, hooked.NewZeros("out in", c.DModel, c.DModel))
		t.biases = append(t.biases, hooked.NewZeros("d_model", c.DModel))
	}
	return t, nil
}

// Layers is how many layers have a map.
func (t *TunedLens) Layers() int {
	if t == nil {
		return 0
	}
	return len(t.weights)
}

// Weight is W of a layer, [out, in], zero for the identity.
func (t *TunedLens) Weight(layer int) (*hooked.Tensor, error) {
	return t.part("Weight", layer, weightsOf)
}

// Bias is b of a layer, [d_model].
func (t *TunedLens) Bias(layer int) (*hooked.Tensor, error) { return t.part("Bias", layer, biasesOf) }

func weightsOf(t *TunedLens) []*hooked.Tensor { return t.weights }
func biasesOf(t *TunedLens) []*hooked.Tensor  { return t.biases }

func (t *TunedLens) part(what string, layer int, of func(*TunedLens) []*hooked.Tensor) (*hooked.Tensor, error) {
	if n := t.Layers(); layer < 0 || layer >= n {
		return nil, brief.Errorf("%s: there is no layer %d: the lens has %d", what, layer, n)
	}
	return of(t)[layer], nil
}

// fits refuses a model that the lens was not fitted to, as far as it can be told.
func (t *TunedLens) fits(m *hooked.Model) error {
	if t == nil || t.Layers() == 0 {
		return fmt.Errorf("the lens is empty: make it with FitTunedLens, NewTunedLens or OpenTunedLens")
	}
	if m == nil {
		return fmt.Errorf("the model is nil")
	}
	switch c := m.Config(); {
	case c.NLayers != t.Layers() || c.DModel != t.about.DModel:
		return brief.Errorf("the lens is of a model with %d layers and d_model %d, this one has %d and %d", t.Layers(), t.about.DModel, c.NLayers, c.DModel)
	case centres(m) != t.about.Centred:
		return brief.Errorf("the residual stream that the lens was fitted to was centred: %t, this model's: %t: load the model with the same processing (hooked.CenterWriting)",
			t.about.Centred, centres(m))
	}
	return nil
}

func centres(m *hooked.Model) bool { return m.Applied()&hooked.CenterWriting != 0 }

// Translate is what the lens makes of the residual stream before a layer, [..., d_model]: a guess
// at the stream after the last.
func (t *TunedLens) Translate(layer int, x *hooked.Tensor) (*hooked.Tensor, error) {
	w, err := t.Weight(layer)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, fmt.Errorf("Translate: the stream is nil")
	}
	axes := x.AxisNames()
	if n := len(axes); n == 0 || x.Shape()[n-1] != t.about.DModel {
		return nil, brief.Errorf("Translate: the stream is %v, want [..., d_model] with d_model %d", x, t.about.DModel)
	}
	return hooked.Apply(strings.Join(axes, " "), translated, x, w, t.biases[layer])
}

// translated is x + W x + b.
func translated(x, w, b *graph.Node) *graph.Node {
	flat := graph.Reshape(x, -1, x.Shape().Dim(-1))
	flat = graph.Add(flat, graph.Add(graph.Einsum("ni,oi->no", flat, w), graph.ExpandLeftToRank(b, 2)))
	return graph.Reshape(flat, x.Shape().Dimensions...)
}

// Logits are those that the lens reads before each layer, and the model's own last, as
// [LogitLensOwnScale] gives them: [component, batch, pos, d_vocab] without b_U, and their labels.
// Options are those of [hooked.Cache.AccumulatedResid], without [hooked.IncludeMid], for which a
// lens has no maps. The model's norms must be folded. A whole run's logits are large: pick
// positions.
func (t *TunedLens) Logits(cache *hooked.Cache, options ...hooked.StackOption) (logits *hooked.Tensor, labels []string, err error) {
	if cache == nil {
		return nil, nil, fmt.Errorf("TunedLens.Logits: the cache is nil")
	}
	m := cache.Model()
	if err := t.fits(m); err != nil {
		return nil, nil, fmt.Errorf("TunedLens.Logits: %w", err)
	}
	return ownScale(m, cache, options, func(stack *hooked.Tensor, labels []string) (*hooked.Tensor, error) {
		parts := make([]*hooked.Tensor, len(labels))
		for i, label := range labels {
			var x *hooked.Tensor
			err := hooked.Try(func() { x = stack.At(i) })
			if err == nil {
				parts[i], err = t.read(label, x)
			}
			if err != nil {
				return nil, err
			}
		}
		err := hooked.Try(func() { stack = hooked.StackTensors("component", parts...) })
		return stack, err
	})
}

// read translates the part of a stack with this label.
func (t *TunedLens) read(label string, x *hooked.Tensor) (*hooked.Tensor, error) {
	if label == "final_post" {
		return x, nil
	}
	var layer int
	if _, err := fmt.Sscanf(label, "%d_pre", &layer); err != nil {
		return nil, brief.Errorf("the lens has no map for %s: it reads before layers, not between attention and MLP", label)
	}
	return t.Translate(layer, x)
}

// Table is what the lens reads in a run of one prompt, as [LogitLensTable].
func (t *TunedLens) Table(cache *hooked.Cache, k int, options ...hooked.StackOption) (*Table, error) {
	if cache == nil {
		return nil, fmt.Errorf("TunedLens.Table: the cache is nil")
	}
	if err := t.fits(cache.Model()); err != nil {
		return nil, fmt.Errorf("TunedLens.Table: %w", err)
	}
	return readTable("TunedLens.Table", cache, k, options, t.read)
}
