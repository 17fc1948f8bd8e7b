package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"path"
	"strings"

	"gopherlens/internal/brief"
)

// A file of torch.save (since PyTorch 1.6) is a zip archive of uncompressed
// entries: NAME/data.pkl, a pickle of the object in which each tensor's storage is
// a persistent id, and NAME/data/KEY, the bytes of each storage.

// torchArchive is the zip with its entries by path below NAME.
type torchArchive struct {
	file    *mapping
	entries map[string]*zip.File
}

// storage is the memory behind one or more tensors.
type storage struct {
	dtype DType
	data  []byte
}

// torchTensor is a view of a storage, not yet checked against it.
type torchTensor struct {
	storage        storage
	offset         int64 // in elements
	shape, strides []int
}

// readTorch is the [reader] of state dicts in torch.save's files.
func readTorch(m *mapping) ([]Tensor, map[string]any, error) {
	root, err := torchRoot(m)
	if err != nil {
		return nil, nil, err
	}
	entries, err := stateDict(root)
	if err != nil {
		return nil, nil, unsupported(m.path, "", "%v", err)
	}
	tensors := make([]Tensor, 0, len(entries))
	for _, e := range entries {
		t, err := e.value.(torchTensor).tensor(m.path, e.key.(string))
		if err != nil {
			return nil, nil, err
		}
		tensors = append(tensors, t)
	}
	return tensors, nil, nil
}

// torchRoot is the object that torch.save has saved.
func torchRoot(m *mapping) (any, error) {
	a, err := openArchive(m)
	if err != nil {
		return nil, err
	}
	program, err := a.bytes("data.pkl")
	if err != nil {
		return nil, err
	}
	p := pickler{cursor: cursor{rest: program}, allowed: allowedGlobal, call: callGlobal, persist: a.storage}
	root, err := p.run()
	if refused := (refusal)(""); errors.As(err, &refused) {
		return nil, unsupported(m.path, "", "refused, because its pickle asks for %s; a checkpoint must not run code, so only "+
			"tensors and plain containers are read (if you trust it, load it in PyTorch and save its state dict as safetensors)", string(refused))
	}
	if err != nil {
		return nil, damaged(m.path, "", "its pickle cannot be read (%v)", err)
	}
	return root, nil
}

// openArchive reads the zip's directory and finds NAME, which differs from file to file.
func openArchive(m *mapping) (*torchArchive, error) {
	if !bytes.HasPrefix(m.bytes, []byte("PK\x03\x04")) {
		return nil, unsupported(m.path, "", "it is not a zip archive as PyTorch writes it since version 1.6; "+
			"load it in PyTorch and save it again, best as safetensors")
	}
	z, err := zip.NewReader(bytes.NewReader(m.bytes), int64(len(m.bytes)))
	if err != nil {
		return nil, damaged(m.path, "", "its zip directory cannot be read (%v)", err)
	}
	a := &torchArchive{file: m, entries: map[string]*zip.File{}}
	for _, f := range z.File {
		_, below, _ := strings.Cut(f.Name, "/")
		if a.entries[below] != nil {
			return nil, damaged(m.path, "", "its zip directory lists %q twice", below)
		}
		a.entries[below] = f
	}
	if order, err := a.bytes("byteorder"); err == nil && string(order) != "little" {
		return nil, unsupported(m.path, "", "its numbers are stored %q-endian; save it on a little-endian machine", order)
	}
	return a, nil
}

// bytes returns the mapped bytes of an entry. torch.save never compresses.
func (a *torchArchive) bytes(name string) ([]byte, error) {
	f, ok := a.entries[name]
	if !ok {
		return nil, damaged(a.file.path, "", "it lacks the entry %s", name)
	}
	from, err := f.DataOffset()
	if err != nil || from < 0 || from > int64(len(a.file.bytes)) {
		return nil, damaged(a.file.path, "", "its entry %s cannot be found (%v)", name, err)
	}
	size, rest := f.UncompressedSize64, a.file.bytes[from:]
	if f.Method != zip.Store || size > uint64(len(rest)) {
		return nil, damaged(a.file.path, "", "its entry %s is compressed or reaches past the end", name)
	}
	return rest[:size:size], nil
}

// storage resolves a persistent id: ("storage", type, key, device, elements).
func (a *torchArchive) storage(id any) (any, error) {
	t, ok := id.(tuple)
	if !ok || len(t) != 5 || t[0] != "storage" {
		return nil, errors.New("a persistent id that is not a storage")
	}
	kind, _ := t[1].(global)
	key, isText := t[2].(string)
	elements, isCount := t[4].(int64)
	dtype, isStorage := storageTypes[string(kind)]
	if !isStorage || !isText || !isCount || path.Base(key) != key {
		return nil, brief.Errorf("a storage described by %s, %s, %s and %s", describe(t[1]), describe(t[2]), describe(t[3]), describe(t[4]))
	}
	data, err := a.bytes("data/" + key)
	if err != nil {
		return nil, err
	}
	if size := int64(layouts[dtype].bytes); elements < 0 || elements > int64(len(data))/size || elements*size != int64(len(data)) {
		return nil, brief.Errorf("storage %q has %d bytes, which are not %d elements of %s", key, len(data), elements, dtype)
	}
	return storage{dtype, data}, nil
}

// tensor checks the view against its storage. A view may leave elements out or
// reorder them (a transpose), but not repeat them: an expanded tensor of a few
// bytes could ask for any amount of memory.
func (v torchTensor) tensor(path, name string) (Tensor, error) {
	l := layouts[v.storage.dtype]
	total := len(v.storage.data) / l.bytes
	size, ok := l.byteSize(v.shape)
	last, inside := lastElement(v, total)
	if !ok || !inside || size > len(v.storage.data) {
		return Tensor{}, damaged(path, name, "shape %v, strides %v and offset %d do not fit its storage of %d elements",
			v.shape, v.strides, v.offset, total)
	}
	t := Tensor{Name: name, DType: v.storage.dtype, Shape: v.shape, path: path}
	t.data = v.storage.data[int(v.offset)*l.bytes : last*l.bytes]
	if !rowMajor(v.shape, v.strides) {
		t.strides = v.strides
	}
	return t, nil
}

// lastElement returns the position after the last element that the view touches,
// and whether everything lies within total elements.
func lastElement(v torchTensor, total int) (int, bool) {
	if len(v.shape) != len(v.strides) || v.offset < 0 || v.offset > int64(total) {
		return 0, false
	}
	last := int(v.offset)
	for i, d := range v.shape {
		if d == 0 {
			return int(v.offset), true
		}
		if d < 0 || v.strides[i] < 0 || v.strides[i] > 0 && d-1 > (total-last)/v.strides[i] {
			return 0, false
		}
		last += (d - 1) * v.strides[i]
	}
	return last + 1, last < total
}

// rowMajor tells whether the strides are those of a contiguous array. Those of
// dimensions of size 1 do not matter.
func rowMajor(shape, strides []int) bool {
	want := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] != 1 && strides[i] != want {
			return want == 0 // no elements at all
		}
		want *= shape[i]
	}
	return true
}

// gather copies a strided view into row-major order.
func (t Tensor) gather() []byte {
	width := layouts[t.DType].bytes
	out := make([]byte, 0, t.Size()*width)
	at := make([]int, len(t.Shape)) // the index of the next element
	from := 0
	for range t.Size() {
		out = append(out, t.data[from*width:(from+1)*width]...)
		for i := len(at) - 1; i >= 0; i-- { // count on, the last dimension fastest
			at[i]++
			from += t.strides[i]
			if at[i] < t.Shape[i] {
				break
			}
			from -= at[i] * t.strides[i]
			at[i] = 0
		}
	}
	return out
}

// dictKeys are where training scripts put the state dict when they save more beside it.
var dictKeys = []string{"state_dict", "model_state_dict", "model"}

// stateDict finds the dict of tensors: the object itself, or what it holds under
// one of dictKeys.
func stateDict(root any) ([]entry, error) {
	d, ok := root.(*dict)
	if !ok {
		return nil, brief.Errorf("it holds %s, not a state dict", describe(root))
	}
	for _, key := range dictKeys {
		for _, e := range d.entries {
			if inner, ok := e.value.(*dict); ok && e.key == key {
				return tensorsOnly(inner)
			}
		}
	}
	return tensorsOnly(d)
}

// tensorsOnly refuses what is not a tensor under a name: skipping it might drop weights.
func tensorsOnly(d *dict) ([]entry, error) {
	for _, e := range d.entries {
		name, ok := e.key.(string)
		if !ok {
			return nil, brief.Errorf("its state dict has %s for a name", describe(e.key))
		}
		if _, ok := e.value.(torchTensor); !ok {
			return nil, brief.Errorf("entry %q is %s, not a tensor; want a dict of tensors, alone or under one of %q",
				name, describe(e.value), dictKeys)
		}
	}
	return d.entries, nil
}
