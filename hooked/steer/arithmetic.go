package steer

import (
	"maps"
	"slices"

	"gopherlens/internal/brief"
)

// Add is the sum of two vectors for the same site. A layer that only one of them has is kept.
func (v *Vector) Add(other *Vector) (*Vector, error) { return v.plus("Add", other, 1) }

// Sub is the difference of two vectors for the same site. A layer that only other has is there,
// with its sign turned.
func (v *Vector) Sub(other *Vector) (*Vector, error) { return v.plus("Sub", other, -1) }

func (v *Vector) plus(verb string, other *Vector, factor float64) (*Vector, error) {
	for _, one := range []*Vector{v, other} {
		if err := one.need(); err != nil {
			return nil, brief.Errorf("%s: %w", verb, err)
		}
	}
	switch {
	case v.Site != other.Site:
		return nil, brief.Errorf("%s: the vectors are for %s and %s", verb, brief.Text(v.Site), brief.Text(other.Site))
	case v.width() != other.width():
		return nil, brief.Errorf("%s: the vectors are %d and %d wide", verb, v.width(), other.width())
	}
	sum := v.mapped(func(_ int, direction []float32) []float32 { return slices.Clone(direction) })
	for layer, direction := range other.Directions {
		if sum.Directions[layer] == nil {
			sum.Directions[layer] = make([]float32, len(direction))
		}
		for i, x := range direction {
			sum.Directions[layer][i] += float32(factor) * x
		}
	}
	if sum.Model != other.Model {
		sum.Model = ""
	}
	return checked(verb, sum)
}

// Scale is the vector a number of times.
func (v *Vector) Scale(factor float64) (*Vector, error) {
	if err := v.need(); err != nil {
		return nil, brief.Errorf("Scale: %w", err)
	}
	if !finite(factor) {
		return nil, brief.Errorf("Scale: the factor is %v", factor)
	}
	return checked("Scale", v.mapped(func(_ int, direction []float32) []float32 { return scaled(direction, factor) }))
}

// Neg is the vector with its sign turned.
func (v *Vector) Neg() (*Vector, error) { return v.Scale(-1) }

// Unit has directions of length 1.
func (v *Vector) Unit() (*Vector, error) {
	if err := v.needLength("Unit"); err != nil {
		return nil, err
	}
	return v.mapped(func(_ int, direction []float32) []float32 { return unit(direction) }), nil
}

// needLength refuses a vector with a direction of zeros, which is none.
func (v *Vector) needLength(verb string) error {
	if err := v.need(); err != nil {
		return brief.Errorf("%s: %w", verb, err)
	}
	for _, layer := range v.Layers() {
		if !(norm(v.Directions[layer]) > 0) {
			return brief.Errorf("%s: the direction for layer %d has length 0: leave the layer out with Vector.Only", verb, layer)
		}
	}
	return nil
}

// Only has the directions of these layers, all of which the vector must have.
func (v *Vector) Only(layers ...int) (*Vector, error) {
	if err := v.need(); err != nil {
		return nil, brief.Errorf("Only: %w", err)
	}
	out := &Vector{Site: v.Site, Model: v.Model, Directions: map[int][]float32{}}
	for _, layer := range layers {
		if v.Directions[layer] == nil {
			return nil, brief.Errorf("Only: the vector has no direction for layer %d, but for %v", layer, v.Layers())
		}
		out.Directions[layer] = slices.Clone(v.Directions[layer])
	}
	return checked("Only", out)
}

// Between has the directions of the layers from first to last, both counted in, as llama.cpp's
// --control-vector-layer-range takes them. It must have one of them.
func (v *Vector) Between(first, last int) (*Vector, error) {
	if err := v.need(); err != nil {
		return nil, brief.Errorf("Between: %w", err)
	}
	out := v.mapped(func(_ int, direction []float32) []float32 { return slices.Clone(direction) })
	maps.DeleteFunc(out.Directions, func(layer int, _ []float32) bool { return layer < first || layer > last })
	if len(out.Directions) == 0 {
		return nil, brief.Errorf("Between: the vector has no direction from layer %d to layer %d, but for %v", first, last, v.Layers())
	}
	return out, nil
}

// mapped is a vector with f's directions.
func (v *Vector) mapped(f func(layer int, direction []float32) []float32) *Vector {
	out := &Vector{Site: v.Site, Model: v.Model, Directions: map[int][]float32{}}
	for layer, direction := range v.Directions {
		out.Directions[layer] = f(layer, direction)
	}
	return out
}

func scaled(x []float32, factor float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(float64(v) * factor)
	}
	return out
}

func unit(x []float32) []float32 { return scaled(x, 1/norm(x)) }
