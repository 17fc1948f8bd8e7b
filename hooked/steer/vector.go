package steer

import (
	"maps"
	"math"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Vector is a direction for each of some layers. [Contrast], [FromProbe], [FromFeature],
// [FromTensor], [FunctionVector] and [Load] make one, and so does a literal; hooked.Once keeps it.
// A vector never changes: arithmetic makes new ones.
type Vector struct {
	// Site is where its directions belong, as the layer's sites are called after "blocks.3.":
	// "hook_resid_post".
	Site string
	// Directions are by layer, counted from 0, all of one length, that of the site's last axis:
	// d_model, or at the site of a head's or of neurons d_head or d_mlp.
	Directions map[int][]float32
	// Model is the architecture that it was made for, as files tell it, such as "llama"; it may be
	// empty. It is told and no more: other members of a family read other vectors.
	Model string
}

// residPost is where control vectors are added.
const residPost = "hook_resid_post"

// need refuses a vector that a failed step has left, or a literal that is none.
func (v *Vector) need() error {
	switch {
	case v == nil || len(v.Directions) == 0:
		return brief.Errorf("the vector is nil or has no directions: look at the error of what should have made it")
	case v.Site == "" || strings.ContainsAny(v.Site, "*?["):
		return brief.Errorf("the vector has Site %q: want the name of one site of a layer, such as %q", v.Site, residPost)
	}
	width := v.width()
	for _, layer := range v.Layers() {
		direction := v.Directions[layer]
		switch {
		case layer < 0:
			return brief.Errorf("the vector has a direction for layer %d: layers count from 0", layer)
		case len(direction) < 2: // one number would be added to all entries alike
			return brief.Errorf("the vector's direction for layer %d has %d entries: want d_model of them", layer, len(direction))
		case len(direction) != width:
			return brief.Errorf("the vector's direction for layer %d has %d entries, that for layer %d has %d", layer, len(direction), v.Layers()[0], width)
		}
		for i, x := range direction {
			if !finite(float64(x)) {
				return brief.Errorf("the vector's direction for layer %d holds %v at %d", layer, x, i)
			}
		}
	}
	return nil
}

// finite reports whether a number is one that a float32 holds.
func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat32 }

// Layers are those that it has a direction for, in their order. None for nil.
func (v *Vector) Layers() []int {
	if v == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.Directions))
}

// width is the length of the first layer's direction.
func (v *Vector) width() int { return len(v.Directions[v.Layers()[0]]) }

// Norms are the lengths of the directions, in the order of [Vector.Layers].
func (v *Vector) Norms() []float64 {
	var norms []float64
	for _, layer := range v.Layers() {
		norms = append(norms, norm(v.Directions[layer]))
	}
	return norms
}

func norm(x []float32) float64 { return math.Sqrt(dot(x, x)) }

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// String tells what it is for.
func (v *Vector) String() string {
	if err := v.need(); err != nil {
		return "steer.Vector: " + err.Error()
	}
	of := ""
	if v.Model != "" {
		of = " of " + brief.Text(v.Model)
	}
	return brief.Sprintf("steer.Vector%s: %d entries at %s of layers %v", of, v.width(), v.Site, v.Layers())
}

// at is the name of its site in a layer.
func (v *Vector) at(layer int) string { return brief.Sprintf("blocks.%d.", layer) + v.Site }

// siteOf is what a site of a layer is called in vectors, and its layer.
func siteOf(name string) (site string, layer int, err error) {
	number, site, ok := strings.Cut(strings.TrimPrefix(name, "blocks."), ".")
	layer, wrong := parseLayer(number)
	if !strings.HasPrefix(name, "blocks.") || !ok || wrong != nil {
		return "", 0, brief.Errorf("%q is no site of a layer, which are called like \"blocks.3.%s\"", brief.Text(name), residPost)
	}
	return site, layer, nil
}

// FromTensor is a vector of one direction, [d_model] or as the site's last axis is, for a layer's
// site, such as hooked.ResidPost.At(8).
func FromTensor(at hooked.Site, direction *hooked.Tensor) (*Vector, error) {
	layer, one := at.Layer()
	if at == (hooked.Site{}) || !one || layer < 0 {
		return nil, brief.Errorf("FromTensor: want a site of one layer, counted from 0, such as hooked.ResidPost.At(3)")
	}
	var values []float32
	err := hooked.Try(func() {
		if direction == nil || len(direction.Shape()) != 1 {
			panic(brief.Errorf("the direction is nil or has not one axis: want [d_model]"))
		}
		values = direction.Float32s()
	})
	if err != nil {
		return nil, brief.Errorf("FromTensor: %w", err)
	}
	return single("FromTensor", at.Name(), values)
}

// single is a vector of one direction.
func single(verb, name string, direction []float32) (*Vector, error) {
	site, layer, err := siteOf(name)
	if err != nil {
		return nil, brief.Errorf("%s: %w", verb, err)
	}
	return checked(verb, &Vector{Site: site, Directions: map[int][]float32{layer: direction}})
}

// checked is a vector if it is one.
func checked(verb string, v *Vector) (*Vector, error) {
	if err := v.need(); err != nil {
		return nil, brief.Errorf("%s: %w", verb, err)
	}
	return v, nil
}

// Fits reports why a vector cannot be used with a model: it has not the layers or not the width. A
// run refuses such a vector too.
func (v *Vector) Fits(m *hooked.Model) error {
	if err := v.need(); err != nil {
		return err
	}
	if m == nil {
		return brief.Errorf("the model is nil: look at the error of what should have loaded it")
	}
	c := m.Config()
	for _, layer := range v.Layers() {
		if layer >= c.NLayers {
			return brief.Errorf("the vector has a direction for layer %d, and the model's %d layers count from 0: take those that it has with Vector.Between",
				layer, c.NLayers)
		}
		sites, err := c.Select(v.at(layer))
		if err != nil {
			return err
		}
		axes := sites[0].Axes()
		last := axes[len(axes)-1]
		switch width := map[string]int{"d_model": c.DModel, "d_head": c.DHead, "d_mlp": c.DMLP}[last]; width {
		case v.width():
		case 0:
			return brief.Errorf("%s has axes %v: it is no place for directions", sites[0], axes)
		default:
			return brief.Errorf("the vector is %d wide, and at %s the model's %s is %d", v.width(), sites[0], last, width)
		}
	}
	return nil
}
