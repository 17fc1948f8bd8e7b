package circuits

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// layerNames are the names of a layer's weights in circuit-tracer's files, by those of package
// dictionary.
var layerNames = map[string]string{"W_enc": "W_enc", "W_dec": "W_dec", "b_enc": "b_enc", "b_dec": "b_dec", "W_skip": "W_skip",
	"threshold": "activation_function.threshold"}

// readLayer reads a layer_I.safetensors.
func readLayer(path string, c config, layer int) (*dictionary.Dictionary, error) {
	found, err := readArrays(path)
	if err != nil {
		return nil, err
	}
	named := make(hooked.StateDict)
	for ours, theirs := range layerNames {
		move(named, ours, found, theirs)
	}
	if err := noneLeft(path, found); err != nil {
		return nil, err
	}
	return newLayer(c, layer, named)
}

// newLayer is a transcoder of weights with W_enc [feature, d_model].
func newLayer(c config, layer int, named hooked.StateDict) (*dictionary.Dictionary, error) {
	enc := named["W_enc"]
	if enc == nil || len(enc.Shape) != 2 {
		return nil, brief.Errorf("tensor %q is missing, or no matrix", "W_enc")
	}
	kind := dictionary.Transcoder
	switch jumps, skips := named["threshold"] != nil, named["W_skip"] != nil; {
	case jumps && skips:
		kind = dictionary.JumpReLUSkipTranscoder
	case jumps:
		kind = dictionary.JumpReLUTranscoder
	case skips:
		kind = dictionary.SkipTranscoder
	}
	width := enc.Shape[1]
	named["W_enc"] = transposed(enc)
	return dictionary.New(dictionary.Config{Kind: kind, DIn: width, DOut: width, Features: enc.Shape[0], Normalization: dictionary.NoNormalization,
		Hook: at(layer, c.In), HookOut: at(layer, c.Out), Model: c.Model}, named)
}

// readCrossLayer reads a layer's encoder and decoders.
func readCrossLayer(c config, layer int, encoder, decoder string) (*dictionary.Dictionary, *hooked.Tensor, error) {
	found, err := readArrays(encoder)
	if err != nil {
		return nil, nil, err
	}
	named := make(hooked.StateDict)
	for _, name := range []string{"W_enc", "b_enc", "b_dec", "threshold"} {
		move(named, name, found, fmt.Sprintf("%s_%d", name, layer))
	}
	if err := noneLeft(encoder, found); err != nil {
		return nil, nil, err
	}
	if found, err = readArrays(decoder); err != nil {
		return nil, nil, err
	}
	move(named, "W_dec", found, fmt.Sprintf("W_dec_%d", layer))
	if err := noneLeft(decoder, found); err != nil {
		return nil, nil, err
	}
	across := named["W_dec"]
	if across == nil || len(across.Shape) != 3 || across.Shape[1] == 0 {
		return nil, nil, brief.Errorf("tensor %q is missing, or not [feature, layer, d_model]", fmt.Sprintf("W_dec_%d", layer))
	}
	if i := slices.IndexFunc(across.Data, notFinite); i >= 0 {
		return nil, nil, brief.Errorf("tensor %q: value %d is %v: weights must be finite", fmt.Sprintf("W_dec_%d", layer), i, across.Data[i])
	}
	named["W_dec"] = firstOf(across)
	d, err := newLayer(c, layer, named)
	if err != nil {
		return nil, nil, err
	}
	all, err := hooked.NewTensor(across, "feature layer d_model")
	return d, all, err
}

// firstOf are the first entries of the middle axis of a [n, m, d].
func firstOf(a *hooked.Array) *hooked.Array {
	n, m, d := a.Shape[0], a.Shape[1], a.Shape[2]
	out := hooked.NewArray(n, d)
	for i := range n {
		copy(out.Data[i*d:(i+1)*d], a.Data[i*m*d:])
	}
	return out
}

// readArrays reads all tensors of a file.
func readArrays(path string) (found hooked.StateDict, err error) {
	file, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	found = make(hooked.StateDict)
	for t, err := range file.Tensors() {
		if err != nil {
			return nil, err
		}
		a := &hooked.Array{Shape: slices.Clone(t.Shape)}
		if a.Data, err = t.Float32s(); err != nil {
			return nil, err
		}
		found[t.Name] = a
	}
	return found, nil
}

// move moves a tensor, if it is there.
func move(to hooked.StateDict, name string, from hooked.StateDict, theirs string) {
	if a := from[theirs]; a != nil {
		to[name] = a
		delete(from, theirs)
	}
}

// noneLeft reports tensors that nobody has taken.
func noneLeft(path string, found hooked.StateDict) error {
	if len(found) == 0 {
		return nil
	}
	return brief.Errorf("%s holds tensors that are not known: %s", filepath.Base(path), brief.Names(slices.Sorted(maps.Keys(found))))
}

// transposed is a matrix with its axes exchanged.
func transposed(a *hooked.Array) *hooked.Array {
	rows, columns := a.Shape[0], a.Shape[1]
	out := hooked.NewArray(columns, rows)
	for r := range rows {
		for c, v := range a.Data[r*columns : (r+1)*columns] {
			out.Data[c*rows+r] = v
		}
	}
	return out
}
