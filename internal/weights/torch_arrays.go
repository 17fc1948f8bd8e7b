package weights

import (
	"encoding/binary"
	"math"
	"strconv"

	"gopherlens/internal/brief"
)

// readTorchArrays is the [reader] of whatever torch.save has saved: a tensor alone, which is called
// after the file, or tensors and numbers in dicts, lists and tuples, whose names are their keys,
// joined by points: "state_dicts.3.embed.W_E". Texts and None are left out.
func readTorchArrays(m *mapping) ([]Tensor, map[string]any, error) {
	root, err := torchRoot(m)
	if err != nil {
		return nil, nil, err
	}
	w := arrayWalk{path: m.path, budget: arrayBudget}
	if err := w.visit("", root, 0); err != nil {
		return nil, nil, err
	}
	if len(w.found) == 0 {
		return nil, nil, unsupported(m.path, "", "it holds %s without tensors or numbers", describe(root))
	}
	return w.found, nil, nil
}

// arrayWalk collects the arrays of an object. A pickle may use one object in many places, or within
// itself: what the walk may cost is bounded.
type arrayWalk struct {
	path   string
	budget int // left: each value costs one and the length of its name
	found  []Tensor
}

const (
	arrayBudget  = 1 << 24
	arrayDeepest = 32
)

func (w *arrayWalk) visit(name string, v any, depth int) error {
	if w.budget -= 1 + len(name); w.budget < 0 || depth > arrayDeepest {
		return unsupported(w.path, "", "its dicts and lists are nested too deep or hold too many values")
	}
	switch v := v.(type) {
	case *dict:
		for _, e := range v.entries {
			key, ok := keyText(e.key)
			if !ok {
				return unsupported(w.path, "", "a dict has %s for a key", describe(e.key))
			}
			if err := w.visit(joined(name, key), e.value, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *list:
		return w.items(name, v.items, depth)
	case tuple:
		return w.items(name, v, depth)
	}
	t, ok, err := w.array(name, v)
	if ok && err == nil {
		w.found = append(w.found, t)
	}
	return err
}

func (w *arrayWalk) items(name string, items []any, depth int) error {
	for i, v := range items {
		if err := w.visit(joined(name, strconv.Itoa(i)), v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// array is a tensor or a number as an array, and false for anything else.
func (w *arrayWalk) array(name string, v any) (t Tensor, ok bool, err error) {
	if name == "" {
		name = baseName(w.path)
	}
	t = Tensor{Name: name, Shape: []int{}, path: w.path}
	switch v := v.(type) {
	case torchTensor:
		t, err = v.tensor(w.path, name)
		return t, true, err
	case int64:
		t.DType, t.data = I64, binary.LittleEndian.AppendUint64(nil, uint64(v))
	case float64:
		t.DType, t.data = F64, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	case bool:
		t.DType, t.data = Bool, []byte{0}
		if v {
			t.data[0] = 1
		}
	default:
		return t, false, nil
	}
	return t, true, nil
}

// keyText is a dict's key as a part of a name.
func keyText(key any) (string, bool) {
	switch key := key.(type) {
	case string:
		return key, true
	case int64:
		return strconv.FormatInt(key, 10), true
	}
	return brief.Sprintf("%T", key), false
}

func joined(name, key string) string {
	if name == "" {
		return key
	}
	return name + "." + key
}
