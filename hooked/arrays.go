package hooked

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// ReadArrays reads the arrays of a file under their names: .safetensors, NumPy's .npy (whose array
// is called after the file) and .npz, PyTorch's .pt and .pth, .gguf, or a folder with a checkpoint.
// Of what torch.save has saved in dicts and lists a name is the keys, joined by points, such as
// "state_dicts.400.embed.W_E"; a tensor alone is called after the file.
//
// Values become float32: float64 is rounded, and a whole number that float32 cannot hold is an
// error; [ReadTensors] keeps the types. A file that would have to run code is refused.
func ReadArrays(path string) (StateDict, error) {
	out := make(StateDict)
	err := eachArray(path, func(t weights.Tensor) (err error) {
		a := &Array{Shape: slices.Clone(t.Shape)}
		if a.Data, err = t.Float32s(); err != nil {
			return err
		}
		out[t.Name] = a
		return exactly(t, a.Data)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// exactly reports a whole number that has changed on its way to float32.
func exactly(t weights.Tensor, values []float32) error {
	switch t.DType {
	case weights.I64, weights.U64, weights.I32, weights.U32:
	default:
		return nil
	}
	whole, err := t.Int64s()
	if err != nil {
		return err
	}
	for i, v := range whole {
		if x := float64(values[i]); x != float64(v) || v != int64(float64(v)) {
			return brief.Errorf("array %q: float32 cannot hold value %d, %d: read it with ReadTensors, which keeps whole numbers", t.Name, i, v)
		}
	}
	return nil
}

// ReadTensors is [ReadArrays] with the types of the file: what is stored as bfloat16 or as 64-bit
// whole numbers stays so, bit for bit. Quantised values become float32. The axes are called dim0,
// dim1, ...; [Tensor.Named] gives them better names.
func ReadTensors(path string) (map[string]*Tensor, error) {
	e, err := processEngine()
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Tensor)
	err = eachArray(path, func(t weights.Tensor) error {
		value, err := storedTensor(t)
		if err != nil {
			return err
		}
		axes := make([]string, len(t.Shape))
		for i := range axes {
			axes[i] = fmt.Sprint("dim", i)
		}
		out[t.Name] = &Tensor{value, axes, e}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// eachArray calls f with each array of a file.
func eachArray(path string, f func(t weights.Tensor) error) (err error) {
	file, err := weights.OpenArrays(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for t, err := range file.Tensors() {
		if err == nil {
			err = f(t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// storedTypes are the types of tensors by those of files.
var storedTypes = map[weights.DType]dtypes.DType{
	weights.F64: dtypes.Float64, weights.F32: dtypes.Float32, weights.F16: dtypes.Float16, weights.BF16: dtypes.BFloat16,
	weights.I64: dtypes.Int64, weights.I32: dtypes.Int32, weights.I16: dtypes.Int16, weights.I8: dtypes.Int8,
	weights.U64: dtypes.Uint64, weights.U32: dtypes.Uint32, weights.U16: dtypes.Uint16, weights.U8: dtypes.Uint8,
	weights.Bool: dtypes.Bool,
}

// storedTensor is an array in its own type.
func storedTensor(t weights.Tensor) (*tensors.Tensor, error) {
	if slices.Contains(t.Shape, 0) {
		return nil, brief.Errorf("array %q has shape %v: a tensor has at least one value", t.Name, t.Shape)
	}
	kind, ok := storedTypes[t.DType]
	if !ok { // quantised
		values, err := t.Float32s()
		return tensors.FromFlatDataAndDimensions(values, t.Shape...), err
	}
	raw := t.Raw()
	out := tensors.FromShape(shapes.Make(kind, t.Shape...))
	err := out.MutableBytes(func(data []byte) {
		copy(data, raw)
		if kind != dtypes.Bool {
			return
		}
		for i, b := range data { // any byte but zero is true, as C has it
			data[i] = min(b, 1)
		}
	})
	return out, err
}

// WriteArrays writes arrays to a .safetensors, .npz or .npy file, an .npy file holding one. Each is
// an *[Array], a *[Tensor], which keeps its type, or what [NewTensor] takes. The file appears under
// its name when it is complete.
func WriteArrays(path string, arrays map[string]any) error {
	named := make([]weights.Named, 0, len(arrays))
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		n, err := namedArray(name, arrays[name])
		if err != nil {
			return brief.Errorf("array %q: %w", name, err)
		}
		named = append(named, n)
	}
	return writeArrays(path, named)
}

func namedArray(name string, value any) (weights.Named, error) {
	if a, ok := value.(*Array); ok {
		return a.named(name, weights.F32)
	}
	t, ok := value.(*Tensor)
	if !ok {
		host, err := hostTensor(value)
		if err != nil {
			return weights.Named{}, err
		}
		t = &Tensor{value: host}
	}
	if err := t.check(); err != nil {
		return weights.Named{}, err
	}
	return storedArray(name, t.value)
}

// storedArray is a tensor as an array of a file, in its own type: what [storedTensor] reads.
func storedArray(name string, t *tensors.Tensor) (weights.Named, error) {
	for stored, kind := range storedTypes {
		if kind == t.DType() {
			return weights.Named{Name: name, DType: stored, Shape: t.Shape().Dimensions, Write: func(w io.Writer) (err error) {
				failed := t.ConstBytes(func(bytes []byte) { _, err = w.Write(bytes) })
				return errors.Join(failed, err)
			}}, nil
		}
	}
	return weights.Named{}, fmt.Errorf("a tensor of %s cannot be written", t.DType())
}

// named is a as an array of a file. Unlike a weight it may be empty.
func (a *Array) named(name string, dtype weights.DType) (weights.Named, error) {
	if a == nil || !slices.Contains(a.Shape, 0) || len(a.Data) > 0 {
		if err := a.check(); err != nil {
			return weights.Named{}, err
		}
	}
	return weights.FromRounded(name, dtype, a.Shape, a.Data), nil
}

// fileWriters write arrays by the ending of a file's name.
var fileWriters = map[string]func(path string, arrays []weights.Named) error{
	".safetensors": func(path string, arrays []weights.Named) error {
		// as Hugging Face's readers want it
		return weights.WriteSafetensors(path, map[string]string{"format": "pt"}, arrays)
	},
	".npz": weights.WriteNpz,
	".npy": func(path string, arrays []weights.Named) error {
		if len(arrays) != 1 {
			return fmt.Errorf("%s: an .npy file holds one array, and %d are given: write .npz or .safetensors", path, len(arrays))
		}
		return weights.WriteNpy(path, arrays[0])
	},
}

func writeArrays(path string, arrays []weights.Named) error {
	write, ok := fileWriters[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return brief.Errorf("%s: its ending tells no format that is written: want %s", path, brief.Names(slices.Sorted(maps.Keys(fileWriters))))
	}
	return write(path, arrays)
}

// fileTypes are the types of files by precision.
var fileTypes = map[DType]weights.DType{"": weights.F32, F32: weights.F32, BF16: weights.BF16, F16: weights.F16}

// Save writes the weights to a .safetensors or .npz file, in float32 unless another precision is
// given: what [ReadArrays] reads again bit for bit, and PyTorch and NumPy under the same names.
//
//	err := sd.Save("probe.safetensors")
//	err = sd.Save("probe.safetensors", hooked.BF16)
func (sd StateDict) Save(path string, precision ...DType) error {
	dtype := weights.F32
	for _, p := range precision {
		var ok bool
		if dtype, ok = fileTypes[p]; !ok || len(precision) > 1 {
			return brief.Errorf("Save takes one precision, %s, %s or %s, not %q", F32, BF16, F16, precision)
		}
	}
	named := make([]weights.Named, 0, len(sd))
	for _, name := range slices.Sorted(maps.Keys(sd)) {
		n, err := sd[name].named(name, dtype)
		if err != nil {
			return brief.Errorf("weight %q: %w", name, err)
		}
		named = append(named, n)
	}
	return writeArrays(path, named)
}
