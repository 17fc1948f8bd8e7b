package hooked

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
)

// Names of graph inputs that are not weights. Those of prefixes, key-value caches, edits and
// branches stand where they are used.
const (
	inputTokens   = "input.tokens"   // [batch, pos] int32
	inputResidual = "input.residual" // [batch, pos, d_model]
	inputMask     = "input.mask"     // [batch, key] int32, 1 for a token, 0 for a pad
	// [batch*n, 1] int32: which positions' logits are wanted, counted over all prompts
	inputLogitsAt = "input.logits_at"
	inputPast     = "input.past" // scalar int32: positions in the key-value cache
)

// inputs are what a program reads besides weights: buffers on the device, by the names of the
// graph's parameters.
type inputs struct {
	m      *Model
	values map[string]compute.Buffer
	length int // of the texts, in tokens: some rotary angles depend on it
	// tensors whose buffers are among the values, which nobody else may hold
	kept []*tensors.Tensor

	ctx context.Context // of the run, which weights are read under
}

func (m *Model) newInputs() *inputs {
	return &inputs{m: m, values: make(map[string]compute.Buffer), ctx: context.Background()}
}

// set uploads the value of an input.
func (in *inputs) set(name string, flat any, dtype dtypes.DType, dims ...int) error {
	buffer, err := in.m.eng.upload(flat, shapes.Make(dtype, dims...))
	if err != nil {
		return fmt.Errorf("uploading %s: %w", name, err)
	}
	in.values[name] = buffer
	return nil
}

// setTensor makes a tensor the value of an input; nothing is copied unless it lies on another
// backend.
func (in *inputs) setTensor(name string, t *Tensor) error {
	here, err := in.m.eng.brought([]*tensors.Tensor{t.value})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	buffer, err := here[0].Buffer(in.m.eng.backend, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	in.values[name] = buffer
	in.kept = append(in.kept, here[0])
	return nil
}

// call runs a program on the inputs, with the weights of the layers from layer on if it serves
// several, and on the residual stream x where it reads one that is not among the inputs.
func (in *inputs) call(p *program, layer int, x *Tensor) ([]*tensors.Tensor, error) {
	if p.empty() {
		return nil, nil
	}
	buffers := make([]compute.Buffer, len(p.inputs))
	for i, name := range p.inputs {
		var err error
		if buffers[i], err = in.buffer(nameAt(layer, name), x); err != nil {
			return nil, err
		}
	}
	return in.m.eng.run(p, buffers)
}

func (in *inputs) buffer(name string, x *Tensor) (compute.Buffer, error) {
	if value, ok := in.values[name]; ok {
		return value, nil
	}
	switch name {
	case inputResidual:
		return x.value.Buffer(in.m.eng.backend, 0)
	case inputTokens:
		return nil, errNoTokens
	}
	return in.m.weights.buffer(in.ctx, name, in.length)
}

// errNoTokens is for an edit that asks for the tokens of a run without any.
var errNoTokens = errors.New("an edit looks at the tokens of the run, which begins at a residual stream: run the text itself")

// operands are the run-time values of an edit or a metric. They enter the graph as inputs, so that
// a run with other values compiles nothing.
type operands struct {
	values []any
	names  []string // of the inputs that hold them, once uploaded
	kinds  []inputKind
}

type inputKind struct {
	dtype dtypes.DType
	dims  []int
}

// uploaded are the operands as inputs whose names begin with prefix.
func (o operands) uploaded(in *inputs, prefix string) (operands, error) {
	out := operands{values: o.values}
	for i, v := range o.values {
		name := fmt.Sprintf("%s.%d", prefix, i)
		kind, err := in.setValue(name, v)
		if err != nil {
			return out, fmt.Errorf("run-time value %d: %w", i, err)
		}
		out.names, out.kinds = append(out.names, name), append(out.kinds, kind)
	}
	return out, nil
}

// nodes are the operands in a graph.
func (o operands) nodes(b *builder) []*Node {
	nodes := make([]*Node, len(o.names))
	for i, name := range o.names {
		nodes[i] = b.input(name, o.kinds[i].dtype, o.kinds[i].dims...)
	}
	return nodes
}

func (in *inputs) setValue(name string, value any) (inputKind, error) {
	if t, ok := value.(*Tensor); ok {
		if err := t.check(); err != nil {
			return inputKind{}, err
		}
		return inputKind{t.value.DType(), t.Shape()}, in.setTensor(name, t)
	}
	if value == nil {
		return inputKind{}, brief.Errorf("there is none: make it with hooked.Value")
	}
	flat, kind, err := hostValue(value)
	if err != nil {
		return kind, err
	}
	return kind, in.set(name, flat, kind.dtype, kind.dims...)
}

// hostValue is a Go value as the flat data and shape of a graph input. Numbers become float32,
// whole ones int32.
func hostValue(value any) (flat any, kind inputKind, err error) {
	flat, dims, err := flatValue(value)
	if err != nil {
		return nil, kind, err
	}
	if numbers, ok := flat.([]float32); ok {
		err = checkNumbers(numbers)
	}
	return flat, inputKind{dtypes.FromGoType(reflect.TypeOf(flat).Elem()), dims}, err
}

// checkNumbers refuses none, and what is not a number: it would make a NaN of all that follows, in
// silence. An infinity may be meant, in attention scores.
func checkNumbers(v []float32) error {
	if len(v) == 0 {
		return brief.Errorf("there are no numbers")
	}
	if at := slices.IndexFunc(v, func(x float32) bool { return x != x }); at >= 0 {
		return brief.Errorf("number %d of %d is NaN", at, len(v))
	}
	return nil
}
