package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked/internal/axis"
)

// combine computes f of tensors that are spread over the axes of them all and brought to one type.
func combine(key string, f func(in []*Node) *Node, parts ...*Tensor) *Tensor {
	s := spreadOver(parts)
	kind := commonType(parts)
	out := s.eng.eager(fmt.Sprint(key, s.match), func(in []*Node) *Node {
		for i, x := range in {
			in[i] = spreadAxes(asType(x, kind), s.match[i], s.dims)
		}
		return f(in)
	}, tensorValues(parts)...)
	return &Tensor{out, s.axes, s.eng}
}

// spread is how tensors are laid over each other.
type spread struct {
	eng   *engine
	axes  []string
	dims  []int
	match [][]int // of each tensor: which of axes each of its own goes with
}

// spreadOver matches tensors with the one of them that has the most axes.
func spreadOver(parts []*Tensor) spread {
	lead := parts[0].need()
	for _, t := range parts[1:] {
		if len(t.need().axes) > len(lead.axes) {
			lead = t
		}
	}
	s := spread{eng: sharedBy(parts), axes: slices.Clone(lead.axes), dims: lead.Shape(), match: make([][]int, len(parts))}
	for i, t := range parts {
		s.match[i] = lead.matchAxes(t)
		for k, j := range s.match[i] {
			s.dims[j] = commonSize(s.axes[j], s.dims[j], t.value.Shape().Dim(k))
		}
	}
	return s
}

// commonSize is the size of an axis that has n entries in one tensor and m in another.
func commonSize(name string, n, m int) int {
	switch {
	case n == m || m == 1:
		return n
	case n == 1:
		return m
	}
	fail("axis %q has %d entries in one tensor and %d in the other", name, n, m)
	return 0
}

// matchAxes says which axis of t each axis of other goes with: by name where t has all of other's
// names, else from the last. Names that both have must not end up at different places then.
func (t *Tensor) matchAxes(other *Tensor) []int {
	match := make([]int, len(other.need().axes))
	if other == t || slices.Equal(other.axes, t.need().axes) {
		for i := range match {
			match[i] = i
		}
		return match
	}
	if matchNames(t.axes, other.axes, match) {
		return match
	}
	first := len(t.axes) - len(other.axes)
	for i, name := range other.axes {
		match[i] = first + i
		if j := slices.Index(t.axes, name); first < 0 || j >= 0 && j != first+i {
			fail("a tensor with axes %v does not fit one with %v: rename axes with Named, or give them another order with Rearrange",
				other.axes, t.axes)
		}
	}
	return match
}

// matchNames fills match with the places of names among axes, and reports whether each has one of
// its own. A name that is not there stands for others of its kind, as pos does for query.
func matchNames(axes, names []string, match []int) bool {
	for i, name := range names {
		match[i] = slices.Index(axes, name)
		if match[i] < 0 {
			match[i] = axis.Find(axes, axis.Plain(name))
		}
		if match[i] < 0 || slices.Contains(match[:i], match[i]) {
			return false
		}
	}
	return true
}

// spreadAxes puts each axis of x at its place among dims and broadcasts the others.
func spreadAxes(x *Node, match, dims []int) *Node {
	order := make([]int, len(match))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return match[a] - match[b] })
	if !slices.IsSorted(match) {
		x = TransposeAllAxes(x, order...)
	}
	shape := slices.Repeat([]int{1}, len(dims))
	for k, i := range order {
		shape[match[i]] = x.Shape().Dim(k)
	}
	if !slices.Equal(shape, x.Shape().Dimensions) {
		x = Reshape(x, shape...)
	}
	if slices.Equal(shape, dims) {
		return x
	}
	return BroadcastToDims(x, dims...)
}

// sharedBy is the engine that tensors are combined on: that of the first which lies on a device.
// The others are brought there.
func sharedBy(parts []*Tensor) *engine {
	for _, t := range parts {
		if t.need().value.IsOnAnyDevice() {
			return t.eng
		}
	}
	return parts[0].eng
}

// brought are values that lie on the engine's backend or on the host: those of another backend are
// copied by way of the host.
func (e *engine) brought(values []*tensors.Tensor) ([]*tensors.Tensor, error) {
	values = slices.Clone(values)
	for i, t := range values {
		if !t.IsOnAnyDevice() {
			continue
		}
		if be, err := t.Backend(); err != nil || be == e.backend {
			continue
		}
		copied, err := t.LocalClone()
		if err != nil {
			return nil, err
		}
		values[i] = copied
	}
	return values, nil
}

// commonType is the type in which tensors are combined: floats before whole numbers before truth
// values, and the wider of two.
func commonType(parts []*Tensor) dtypes.DType {
	kind := parts[0].need().value.DType()
	for _, t := range parts[1:] {
		kind = widerType(kind, t.need().value.DType())
	}
	return kind
}

func widerType(a, b dtypes.DType) dtypes.DType {
	switch {
	case a == b:
		return a
	case a.IsFloat() != b.IsFloat():
		if a.IsFloat() {
			return a
		}
		return b
	case a == dtypes.Bool:
		return b
	case b == dtypes.Bool:
		return a
	case a.Size() != b.Size():
		if a.Size() > b.Size() {
			return a
		}
		return b
	case a.IsFloat(): // bfloat16 and float16: neither holds the other
		return dtypes.Float32
	}
	return dtypes.Int64
}

func asType(x *Node, kind dtypes.DType) *Node {
	if x.DType() == kind {
		return x
	}
	return ConvertDType(x, kind)
}

// as is t with its values in another type.
func (t *Tensor) as(kind dtypes.DType) *Tensor {
	if t.need().value.DType() == kind {
		return t
	}
	return t.each(fmt.Sprint("as ", kind), func(x *Node) *Node { return ConvertDType(x, kind) })
}

// operand is a number or a tensor that a method of t takes, as a tensor. A number takes t's type,
// as in PyTorch, but for one with a fraction beside whole numbers, which become float32.
func (t *Tensor) operand(value any) *Tensor {
	switch v := value.(type) {
	case *Tensor:
		return v.need()
	case int:
		return t.number(float64(v))
	case float32:
		return t.number(float64(v))
	case float64:
		return t.number(v)
	}
	fail("%v of type %s: want a number or a *Tensor", value, typeOf(value))
	return nil
}

func (t *Tensor) number(v float64) *Tensor {
	value, err := tensors.FromAnyValue(shapes.CastAsDType(v, numberType(v, t.need().value.DType())))
	if err != nil {
		fail("the number %v: %v", v, err)
	}
	return &Tensor{value, nil, t.eng}
}

// numberType is the type of a number beside a tensor of type kind.
func numberType(v float64, kind dtypes.DType) dtypes.DType {
	switch {
	case kind.IsFloat():
		return kind
	case kind == dtypes.Int64 && float64(int64(v)) == v:
		return dtypes.Int64
	case float64(int32(v)) == v:
		return dtypes.Int32
	}
	return dtypes.Float32
}
