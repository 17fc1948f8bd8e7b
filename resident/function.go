package resident

//go:generate go run ./internal/genops

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A function records the operations of one function of a program. The methods
// for the operations themselves are generated: gen_function.go.
type function struct {
	builder  *builder
	id       uint64
	name     string    // "" for a closure
	parent   *function // nil at the top
	returned bool
	params   []shapes.Shape
}

// A value is the client's stand-in for a result in the worker.
type value struct {
	function *function
	id       uint64
	shape    shapes.Shape
}

var (
	_ compute.Function = (*function)(nil)
	_ wire.Ref         = (*function)(nil)
	_ wire.Ref         = (*value)(nil)
)

// Ref returns the value's number in its program.
func (v *value) Ref() uint64 { return v.id }

// Ref returns the function's number in its program.
func (f *function) Ref() uint64 { return f.id }

// Name implements compute.Function.
func (f *function) Name() string { return f.name }

// Builder implements compute.Function.
func (f *function) Builder() compute.Builder { return f.builder }

// Parent implements compute.Function.
func (f *function) Parent() compute.Function {
	if f.parent == nil {
		return nil
	}
	return f.parent
}

// Shape implements compute.Function.
func (f *function) Shape(v compute.Value) (shapes.Shape, error) { return f.builder.OpShape(v) }

// Closure implements compute.Function.
func (f *function) Closure() (compute.Function, error) {
	if !f.builder.backend.info.Capabilities.Functions {
		return nil, fmt.Errorf("%w: the backend %q has no closures", compute.ErrNotImplemented, f.builder.backend.config)
	}
	return f.builder.newFunction(f, wire.OpClosure, "", f)
}

// mayUse refuses a value or function of another program.
func (f *function) mayUse(r wire.Ref) error {
	switch x := r.(type) {
	case *value:
		_, err := f.builder.own(x)
		return err
	case *function:
		if x.builder != f.builder {
			return fmt.Errorf("resident: a function of the program %q is used in the program %q", x.builder.name, f.builder.name)
		}
	}
	return nil
}

// Parameter implements compute.Function. The worker sees only the shape: names
// may hold what changes from run to run, and must not make another program.
func (f *function) Parameter(name string, shape shapes.Shape, sharding *compute.ShardingSpec) (compute.Value, error) {
	b := f.builder
	if err := wire.CheckShape(shape); err != nil {
		return nil, fmt.Errorf("resident: parameter %q has %w", name, err)
	}
	if f.id == 0 && slices.Contains(b.names, name) {
		return nil, fmt.Errorf("resident: there is a parameter %q already", name)
	}
	v, err := f.record(wire.OpParameter, shape, sharding).one()
	if err != nil {
		return nil, err
	}
	f.params = append(f.params, shape)
	if f.id == 0 {
		b.names, b.inputs = append(b.names, name), append(b.inputs, shape)
	}
	return v, nil
}

// inline is the size in bytes up to which a constant stands in the program.
const inline = 256

// Constant implements compute.Function.
func (f *function) Constant(flat any, dims ...int) (compute.Value, error) {
	shape, err := constantShape(flat, dims)
	if err != nil {
		return nil, err
	}
	data := slices.Clone(dtypes.UnsafeByteSliceFromAny(flat))
	if len(data) <= inline {
		return f.record(wire.OpConstant, shape, false, data).one()
	}
	return f.large(shape, data)
}

// large records a constant by its hash. Its bytes wait beside the program, in
// the order of such constants, until a worker asks for the program.
func (f *function) large(shape shapes.Shape, data []byte) (compute.Value, error) {
	v, err := f.record(wire.OpConstant, shape, true, sha256.Sum256(data)).one()
	if err != nil {
		return nil, err
	}
	b := f.builder
	b.mu.Lock()
	defer b.mu.Unlock()
	b.constants = append(b.constants, data)
	return v, nil
}

func constantShape(flat any, dims []int) (shapes.Shape, error) {
	t := reflect.TypeOf(flat)
	if t == nil || t.Kind() != reflect.Slice {
		return shapes.Shape{}, fmt.Errorf("resident: a constant must be a flat slice, not %T", flat)
	}
	dtype := dtypes.FromGoType(t.Elem())
	shape := shapes.Shape{DType: dtype, Dimensions: slices.Clone(dims)}
	if err := wire.CheckShape(shape); err != nil {
		return shape, fmt.Errorf("resident: a constant %T has %w", flat, err)
	}
	if shape.IsDynamic() || shape.Size() != reflect.ValueOf(flat).Len() {
		return shape, fmt.Errorf("resident: a constant of dimensions %v cannot have %d values", dims, reflect.ValueOf(flat).Len())
	}
	return shape, nil
}

// Return implements compute.Function.
func (f *function) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	b := f.builder
	if f.returned {
		return fmt.Errorf("resident: the function %q has returned already", f.name)
	}
	if len(outputs) == 0 {
		return fmt.Errorf("resident: the function %q returns nothing: it needs at least one output", f.name)
	}
	if _, err := f.record(wire.OpReturn, outputs, shardings).all(); err != nil {
		return err
	}
	f.returned = true
	if f.id == 0 {
		b.outputs = make([]shapes.Shape, len(outputs))
		for i, v := range outputs {
			b.outputs[i] = v.(*value).shape
		}
	}
	return nil
}
