package steer

import (
	"math"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// What control vectors are called in GGUF files.
const (
	keyArchitecture = "general.architecture"
	architecture    = "controlvector"
	keyModel        = "controlvector.model_hint"
	keyLayers       = "controlvector.layer_count"
	tensorPrefix    = "direction."
)

// Load reads a control vector's GGUF file, as llama.cpp and repeng write it: float32 tensors
// direction.L, each for the output of the layer L counted from 0, which is hook_resid_post. Layer 0
// has none. Whatever else a file holds is refused.
func Load(path string) (*Vector, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	refused := func(format string, args ...any) (*Vector, error) {
		return nil, brief.Errorf("steer: %s is no control vector: %w", path, brief.Errorf(format, args...))
	}
	if f.Format() != weights.GGUF {
		return refused("it is a file of format %v, and control vectors are GGUF", f.Format())
	}
	metadata := f.Metadata()
	if is, _ := metadata[keyArchitecture].(string); is != architecture {
		return refused("its %s is %q, and a control vector's is %q", keyArchitecture, is, architecture)
	}
	v := &Vector{Site: residPost, Directions: map[int][]float32{}}
	v.Model, _ = metadata[keyModel].(string)
	for t, err := range f.Tensors() {
		if err != nil {
			return nil, err
		}
		layer, direction, err := readDirection(t)
		if err != nil {
			return refused("%w", err)
		}
		if v.Directions[layer] != nil {
			return refused("layer %d has two directions", layer)
		}
		v.Directions[layer] = direction
	}
	if len(v.Directions) == 0 {
		return refused("it has no directions")
	}
	if err := v.need(); err != nil {
		return refused("%w", err)
	}
	if said, ok := wholeNumber(metadata[keyLayers]); ok && said != len(v.Directions) {
		return refused("its %s is %d, and it has %d directions", keyLayers, said, len(v.Directions))
	}
	return v, nil
}

// readDirection is one tensor of a file.
func readDirection(t weights.Tensor) (layer int, direction []float32, err error) {
	number, ok := strings.CutPrefix(t.Name, tensorPrefix)
	layer, wrong := parseLayer(number)
	switch {
	case !ok || wrong != nil:
		return 0, nil, brief.Errorf("tensor %q is no direction, which are called %s1, %s2 and so on", t.Name, tensorPrefix, tensorPrefix)
	case layer == 0:
		return 0, nil, brief.Errorf("tensor %q is for layer 0, and control vectors begin at layer 1", t.Name)
	case t.DType != weights.F32:
		return 0, nil, brief.Errorf("tensor %q is of type %s, and directions are F32", t.Name, t.DType)
	case len(t.Shape) != 1:
		return 0, nil, brief.Errorf("tensor %q has shape %v, and directions are [d_model]", t.Name, t.Shape)
	}
	direction, err = t.Float32s()
	return layer, direction, err
}

// parseLayer reads a number that is written as we write it: no sign, no zeros before it.
func parseLayer(number string) (int, error) {
	layer, err := strconv.Atoi(number)
	if err == nil && (layer < 0 || strconv.Itoa(layer) != number) {
		err = strconv.ErrSyntax
	}
	return layer, err
}

// wholeNumber is an integer of a file's metadata: repeng writes an unsigned one, llama.cpp a signed
// one.
func wholeNumber(value any) (int, bool) {
	switch n := value.(type) {
	case uint32:
		return int(n), true
	case int32:
		return int(n), true
	case uint64:
		return int(min(n, math.MaxInt)), true
	case int64:
		return int(n), true
	}
	return 0, false
}

// Save writes the vector to a GGUF file that llama.cpp (--control-vector) and repeng read, whole or
// not at all. Such files are for hook_resid_post, and have no layer 0: a vector with either is
// refused.
func (v *Vector) Save(path string) error {
	if err := v.need(); err != nil {
		return brief.Errorf("Save: %w", err)
	}
	if v.Site != residPost {
		return brief.Errorf("Save: the vector is for %s, and control vectors of GGUF files are for %s", v.Site, residPost)
	}
	if v.Directions[0] != nil {
		return brief.Errorf("Save: the vector has a direction for layer 0, which control vectors of GGUF files have not: leave it out with Vector.Between or Only")
	}
	metadata := []weights.KeyValue{
		{Key: keyArchitecture, Value: architecture}, {Key: keyModel, Value: v.Model}, {Key: keyLayers, Value: uint32(len(v.Directions))},
	}
	var tensors []weights.Named
	for _, layer := range v.Layers() {
		tensors = append(tensors, weights.FromFloat32s(tensorPrefix+strconv.Itoa(layer), []int{v.width()}, v.Directions[layer]))
	}
	return weights.WriteGGUF(path, metadata, tensors)
}
