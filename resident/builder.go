package resident

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A builder records a program: one instruction for each call on it and on its
// functions. Nothing is sent until [builder.Compile], except where the shape of
// a result can only be had from the real backend ([builder.ask]).
//
// Values and functions are numbered in the order of their making, on both
// sides, so that an instruction need not say what it makes.
type builder struct {
	backend *Backend
	name    string

	mu        sync.Mutex
	program   wire.Encoder // the instructions
	sites     []site       // where each was recorded
	constants [][]byte     // large ones, which the program names by their hash
	values    uint64       // how many there are
	functions []*function  // main first
	names     []string     // of main's parameters
	inputs    []shapes.Shape
	outputs   []shapes.Shape // what main returns
	compiled  bool
	// distributed programs take and give their values once for each device.
	distributed bool
	live        live
}

var _ compute.Builder = (*builder)(nil)

func newBuilder(b *Backend, name string) *builder {
	r := &builder{backend: b, name: name}
	r.functions = []*function{{builder: r, name: compute.MainName}}
	return r
}

// Name implements compute.Builder.
func (b *builder) Name() string { return b.name }

// Main implements compute.Builder.
func (b *builder) Main() compute.Function { return b.functions[0] }

// NewFunction implements compute.Builder. Names stay in the client: the worker
// numbers functions, so that a name does not make another program.
func (b *builder) NewFunction(name string) (compute.Function, error) {
	if !b.backend.info.Capabilities.Functions {
		return nil, fmt.Errorf("%w: the backend %q has no functions", compute.ErrNotImplemented, b.backend.config)
	}
	if name == "" || slices.ContainsFunc(b.functions, func(f *function) bool { return f.name == name }) {
		return nil, fmt.Errorf("resident: a function needs a name of its own, not %q", name)
	}
	return b.newFunction(b.functions[0], wire.OpNewFunction, name, nil)
}

func (b *builder) newFunction(from *function, op wire.Op, name string, parent *function) (*function, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.instruct(from, op); err != nil {
		return nil, err
	}
	b.program.Uint(0)
	f := &function{builder: b, id: uint64(len(b.functions)), name: name, parent: parent}
	b.functions = append(b.functions, f)
	return f, nil
}

// OpShape implements compute.Builder.
func (b *builder) OpShape(op compute.Value) (shapes.Shape, error) {
	v, err := b.own(op)
	if err != nil {
		return shapes.Invalid(), err
	}
	return v.shape, nil
}

// own returns op as a value of this builder.
func (b *builder) own(op compute.Value) (*value, error) {
	v, ok := op.(*value)
	if !ok || v == nil {
		return nil, fmt.Errorf("resident: a %T is no value of this backend", op)
	}
	if v.function.builder != b {
		return nil, fmt.Errorf("resident: a value of the program %q is used in the program %q", v.function.builder.name, b.name)
	}
	return v, nil
}

// DistributedSPMD implements compute.Builder.
func (b *builder) DistributedSPMD(devices int) error {
	b.distributed = true
	return b.configure(wire.OpSPMD, devices)
}

// DistributedAutoSharding implements compute.Builder.
func (b *builder) DistributedAutoSharding(meshes ...compute.Mesh) error {
	b.distributed = true
	return b.configure(wire.OpAutoSharding, meshes)
}

// DeviceAssignment implements compute.Builder.
func (b *builder) DeviceAssignment(devices ...compute.DeviceNum) error {
	return b.configure(wire.OpAssign, devices)
}

// configure records an instruction to the builder itself, and has the worker
// say whether its backend can follow it.
func (b *builder) configure(op wire.Op, arg any) error {
	_, err := b.functions[0].record(op, arg).all()
	return err
}

// instruct begins an instruction: its function, its operation and its
// arguments. The caller ends it with the number of its results.
func (b *builder) instruct(f *function, op wire.Op, args ...any) error {
	if b.compiled {
		return fmt.Errorf("resident: %s after the program %q was compiled", op, b.name)
	}
	start := b.program.Len()
	b.program.Check = func(r wire.Ref) error { return f.mayUse(r) }
	b.program.Uint(f.id)
	b.program.Uint(uint64(op))
	for _, arg := range args {
		if err := b.program.Arg(arg); err != nil {
			b.program.Truncate(start)
			return fmt.Errorf("%w (in %s)", err, op)
		}
	}
	b.sites = append(b.sites, newSite(op, start))
	return nil
}

// Compile implements compute.Builder: the worker is asked for the program by
// its hash, and is sent it if it does not have it.
func (b *builder) Compile() (compute.Executable, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.compiled {
		return nil, fmt.Errorf("resident: the program %q is compiled already", b.name)
	}
	if !b.functions[0].returned {
		return nil, fmt.Errorf("resident: the main function of %q has not returned: call Return before Compile", b.name)
	}
	b.compiled = true
	b.live.drop(b.backend)
	e := &executable{
		backend:   b.backend,
		name:      b.name,
		program:   b.program.Body(),
		constants: b.constants,
		sites:     b.sites,
		names:     b.names,
		inputs:    b.inputs,
		outputs:   b.outputs,
		anyNumber: b.distributed,
	}
	e.key = sha256.Sum256(e.program)
	if err := e.compile(); err != nil {
		return nil, err
	}
	return e, nil
}
