package worker

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A replay builds a recorded program on a real backend, instruction by
// instruction. Values and functions get their numbers in the order of their
// making, as they did in the client.
type replay struct {
	builder   compute.Builder
	functions []compute.Function
	params    []int // parameters of each function so far
	values    []compute.Value
	constants [][]byte // large ones not used yet, in the program's order
	lastParam int      // the number of main's last parameter among the values
}

func newReplay(b compute.Backend) *replay {
	builder := b.Builder("resident")
	return &replay{builder: builder, functions: []compute.Function{builder.Main()}, params: []int{0}}
}

// run takes all instructions in d. It returns how many went well, and the
// results of the last.
func (r *replay) run(d *wire.Decoder, live bool) (taken int, last []compute.Value, err error) {
	d.Resolve = r.resolve
	for d.More() {
		if last, err = r.step(d, live); err != nil {
			return taken, nil, err
		}
		taken++
	}
	return taken, last, d.Err()
}

// step takes one instruction. In a live builder the number of results that the
// client noted does not matter: it may be what the client asks.
func (r *replay) step(d *wire.Decoder, live bool) ([]compute.Value, error) {
	id, op := d.Uint(), wire.Op(d.Uint())
	if d.Err() != nil {
		return nil, d.Err()
	}
	if id >= uint64(len(r.functions)) || !op.Known() {
		return nil, fmt.Errorf("%w: function %d, %s", wire.ErrMalformed, id, op)
	}
	out, err := r.do(d, int(id), op)
	if err != nil {
		return nil, err
	}
	if n := d.Uint(); d.Err() == nil && !live && n != uint64(len(out)) {
		return nil, fmt.Errorf("resident: %s has %d results here, %d when it was recorded", op, len(out), n)
	}
	r.values = append(r.values, out...)
	return out, d.Err()
}

// do performs one instruction. Backends panic on some arguments: that is an
// error of the program, not the end of the worker.
func (r *replay) do(d *wire.Decoder, id int, op wire.Op) (out []compute.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("resident: %s: %v", op, p)
		}
	}()
	if own := r.own(op); own != nil {
		return own(d, id)
	}
	return r.call(d, r.functions[id], op)
}

func (r *replay) own(op wire.Op) func(*wire.Decoder, int) ([]compute.Value, error) {
	switch op {
	case wire.OpParameter:
		return r.parameter
	case wire.OpConstant:
		return r.constant
	case wire.OpReturn:
		return r.ret
	case wire.OpClosure, wire.OpNewFunction:
		return func(_ *wire.Decoder, id int) ([]compute.Value, error) { return nil, r.newFunction(id, op) }
	case wire.OpAssign, wire.OpSPMD, wire.OpAutoSharding:
		return func(d *wire.Decoder, _ int) ([]compute.Value, error) { return nil, r.configure(d, op) }
	}
	return nil
}

func (r *replay) configure(d *wire.Decoder, op wire.Op) error {
	switch op {
	case wire.OpAssign:
		devices, err := arg[[]compute.DeviceNum](d)
		if err != nil {
			return err
		}
		return r.builder.DeviceAssignment(devices...)
	case wire.OpSPMD:
		devices, err := arg[int](d)
		if err != nil {
			return err
		}
		return r.builder.DistributedSPMD(devices)
	}
	meshes, err := arg[[]compute.Mesh](d)
	if err != nil {
		return err
	}
	return r.builder.DistributedAutoSharding(meshes...)
}

// arg reads an argument of type T.
func arg[T any](d *wire.Decoder) (T, error) {
	v, err := d.Arg(reflect.TypeFor[T]())
	return v.Interface().(T), err
}

// parameter names parameters by their number, each name once in a program:
// the parameters of a closure stand in one text with those around it.
func (r *replay) parameter(d *wire.Decoder, id int) ([]compute.Value, error) {
	shape := d.Shape()
	sharding, err := arg[*compute.ShardingSpec](d)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("p%d", r.params[id])
	if id > 0 {
		name = fmt.Sprintf("f%d_%s", id, name)
	}
	v, err := r.functions[id].Parameter(name, shape, sharding)
	if err != nil {
		return nil, err
	}
	r.params[id]++
	if id == 0 {
		r.lastParam = len(r.values)
	}
	return []compute.Value{v}, nil
}

func (r *replay) constant(d *wire.Decoder, id int) ([]compute.Value, error) {
	shape, large := d.Shape(), d.Bool()
	if d.Err() != nil {
		return nil, d.Err()
	}
	content, err := r.content(d, large)
	if err != nil {
		return nil, err
	}
	flat, err := flatOf(shape, content)
	if err != nil {
		return nil, err
	}
	v, err := r.functions[id].Constant(flat, shape.Dimensions...)
	return []compute.Value{v}, err
}

// content returns a constant's bytes: they stand in the program, or, of a large
// one, in the list that came with it.
func (r *replay) content(d *wire.Decoder, large bool) ([]byte, error) {
	if !large {
		return arg[[]byte](d)
	}
	if _, err := arg[[32]byte](d); err != nil {
		return nil, err
	}
	if len(r.constants) == 0 {
		return nil, fmt.Errorf("%w: a constant is missing", wire.ErrMalformed)
	}
	b := r.constants[0]
	r.constants = r.constants[1:]
	return b, nil
}

// flatOf returns content as the slice of the dtype's Go type, in memory of its
// own: received bytes may lie at any address.
func flatOf(shape shapes.Shape, content []byte) (any, error) {
	if shape.IsDynamic() || shape.ByteSize() != int64(len(content)) {
		return nil, fmt.Errorf("%w: %d bytes for a %s", wire.ErrMalformed, len(content), shape)
	}
	words := make([]uint64, (len(content)+7)/8) // aligned for every dtype
	at := unsafe.Pointer(unsafe.SliceData(words))
	copy(unsafe.Slice((*byte)(at), len(content)), content)
	return dtypes.UnsafeAnySliceFromBytes(at, shape.DType, shape.Size()), nil
}

// ret ends a function. The pure Go backend of compute v0.1.6 computes only up to
// the last output, and panics over a parameter of main that comes after it: an
// output is then made anew behind that.
func (r *replay) ret(d *wire.Decoder, id int) ([]compute.Value, error) {
	outputs, err := arg[[]compute.Value](d)
	if err != nil {
		return nil, err
	}
	shardings, err := arg[[]*compute.ShardingSpec](d)
	if err != nil {
		return nil, err
	}
	if id == 0 && len(outputs) > 0 && r.lastParam > r.latest(outputs) {
		if outputs[0], err = r.functions[id].Identity(outputs[0]); err != nil {
			return nil, err
		}
	}
	return nil, r.functions[id].Return(outputs, shardings)
}

// latest returns the number of the value among outputs that was made last.
func (r *replay) latest(outputs []compute.Value) int {
	for i := len(r.values) - 1; i >= 0; i-- {
		if slices.Contains(outputs, r.values[i]) {
			return i
		}
	}
	return -1
}

func (r *replay) newFunction(id int, op wire.Op) error {
	var f compute.Function
	var err error
	if op == wire.OpClosure {
		f, err = r.functions[id].Closure()
	} else {
		f, err = r.builder.NewFunction(fmt.Sprintf("f%d", len(r.functions)))
	}
	if err != nil {
		return err
	}
	r.functions, r.params = append(r.functions, f), append(r.params, 0)
	return nil
}

// call performs an operation of GoMLX: its arguments are read by the method's
// parameter types.
func (r *replay) call(d *wire.Decoder, f compute.Function, op wire.Op) ([]compute.Value, error) {
	method := reflect.ValueOf(f).MethodByName(op.String())
	t := method.Type()
	args := make([]reflect.Value, t.NumIn())
	for i := range args {
		var err error
		if args[i], err = d.Arg(t.In(i)); err != nil {
			return nil, err
		}
	}
	if t.IsVariadic() {
		return results(method.CallSlice(args))
	}
	return results(method.Call(args))
}

// results flattens what a method of compute.Function returned.
func results(out []reflect.Value) (values []compute.Value, err error) {
	last := len(out) - 1
	if err, _ := out[last].Interface().(error); err != nil {
		return nil, err
	}
	for _, v := range out[:last] {
		if many, ok := v.Interface().([]compute.Value); ok {
			values = append(values, many...)
		} else {
			values = append(values, v.Interface())
		}
	}
	return values, nil
}

var errNoSuch = errors.New("a reference to what is not there")

func (r *replay) resolve(ref uint64, t reflect.Type) (reflect.Value, error) {
	if t == reflect.TypeFor[compute.Function]() {
		if ref >= uint64(len(r.functions)) {
			return reflect.Value{}, errNoSuch
		}
		return reflect.ValueOf(r.functions[ref]), nil
	}
	if ref >= uint64(len(r.values)) || r.values[ref] == nil {
		return reflect.Value{}, errNoSuch
	}
	return reflect.ValueOf(r.values[ref]), nil
}

// shapesOf returns the shapes of values that the replay has made.
func (r *replay) shapesOf(values []compute.Value) ([]shapes.Shape, error) {
	out := make([]shapes.Shape, len(values))
	for i, v := range values {
		var err error
		if out[i], err = r.builder.OpShape(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}
