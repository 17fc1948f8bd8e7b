package resident

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// An outcome is what recording an operation gives: its values or an error. Its
// methods are the forms in which compute.Function returns values.
type outcome struct {
	values []compute.Value
	err    error
}

func (o outcome) one() (compute.Value, error) {
	if o.err != nil {
		return nil, o.err
	}
	return o.values[0], nil
}

func (o outcome) two() (compute.Value, compute.Value, error) {
	if o.err != nil {
		return nil, nil, o.err
	}
	return o.values[0], o.values[1], nil
}

func (o outcome) three() (compute.Value, compute.Value, compute.Value, error) {
	if o.err != nil {
		return nil, nil, nil, o.err
	}
	return o.values[0], o.values[1], o.values[2], nil
}

func (o outcome) all() ([]compute.Value, error) { return o.values, o.err }

func (o outcome) oneAndRest() (compute.Value, []compute.Value, error) {
	if o.err != nil {
		return nil, nil, o.err
	}
	return o.values[0], o.values[1:], nil
}

// ref returns v as it is recorded: nil, a value of some program, or an error in
// its place, on which recording stumbles.
func ref(v compute.Value) any {
	switch x := v.(type) {
	case nil:
		return nil
	case *value:
		return x
	}
	return fmt.Errorf("resident: a %T is no value of this backend", v)
}

// record appends an operation to the program and returns stand-ins for its
// results. Their shapes come from the rules in rules.go; where there is none,
// or it finds fault, the worker is asked: it has the final word, and its errors
// are those that the program would get without this package.
func (f *function) record(op wire.Op, args ...any) outcome {
	b := f.builder
	if b.backend.lacks(op) {
		return outcome{err: fmt.Errorf("%w: %s on the backend %q", compute.ErrNotImplemented, op, b.backend.config)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	start := b.program.Len()
	if err := b.instruct(f, op, args...); err != nil {
		return outcome{err: err}
	}
	out, known := f.infer(op, args)
	if !known {
		var err error
		if out, err = b.ask(); err != nil {
			b.program.Truncate(start)
			b.sites = b.sites[:len(b.sites)-1]
			return outcome{err: err}
		}
	}
	b.program.Uint(uint64(len(out)))
	return outcome{values: b.newValues(f, out)}
}

func (b *builder) newValues(f *function, out []shapes.Shape) []compute.Value {
	values := make([]compute.Value, len(out))
	for i, s := range out {
		values[i] = &value{function: f, id: b.values, shape: s}
		b.values++
	}
	return values
}

// A live is a builder in the worker that has taken a program's instructions as
// far as some operation whose shape was asked for. It is made on the first
// question and thrown away when the program is compiled.
type live struct {
	handle    uint64 // 0: none yet
	bytes     int    // of the program that it has taken
	count     int    // instructions
	constants int
}

// drop lets the worker forget its builder.
func (l *live) drop(b *Backend) {
	if l.handle != 0 {
		b.pool.free(l.handle, 0)
	}
	*l = live{}
}

// ask sends the instructions that the live builder has not taken yet and
// returns the shapes of the last one's results.
func (b *builder) ask() ([]shapes.Shape, error) {
	b.program.Uint(0) // the number of results is the question
	defer func() { b.program.Truncate(b.program.Len() - 1) }()
	e := b.backend.request()
	e.Uint(b.live.handle)
	e.Bytes(b.program.Body()[b.live.bytes:])
	constants := b.constants[b.live.constants:]
	putLengths(e, constants)
	var reply answer
	err := b.backend.pool.call(wire.KindInfer, e, wire.FromParts(constants), reply.read)
	if err != nil {
		return nil, err
	}
	return b.accept(reply)
}

// An answer tells how far the live builder came.
type answer struct {
	handle uint64
	taken  int // instructions
	out    []shapes.Shape
	err    error
}

func (a *answer) read(d *wire.Decoder, _ wire.Data) error {
	a.handle, a.taken = d.Uint(), int(d.Uint())
	if a.err = d.Status(); a.err == nil {
		a.out = d.Shapes()
	}
	return nil
}

// accept notes what the live builder has taken. The last instruction is the
// one that was asked about; if one before it failed, its rule in rules.go had
// let pass what the backend refuses, and the program cannot go on.
func (b *builder) accept(a answer) ([]shapes.Shape, error) {
	asked := len(b.sites) - 1
	failed := b.live.count + a.taken
	if a.err != nil && failed != asked {
		b.live.drop(b.backend)
		if failed < 0 || failed >= len(b.sites) {
			return nil, a.err
		}
		return nil, b.sites[failed].explain(a.err)
	}
	if b.live.handle == 0 { // a program may be given up before it is compiled
		p := b.backend.pool
		runtime.AddCleanup(b, func(h uint64) { p.free(h, 0) }, a.handle)
	}
	b.live = live{handle: a.handle, bytes: b.program.Len(), count: len(b.sites), constants: len(b.constants)}
	if a.err != nil {
		return nil, b.refused(a.err)
	}
	return a.out, nil
}

// refused is for a last instruction that the live builder did not take: the
// others it has, and the caller is about to take this one back.
func (b *builder) refused(err error) error {
	b.live.count--
	b.live.bytes = b.sites[len(b.sites)-1].start
	if errors.Is(err, compute.ErrNotImplemented) {
		return err
	}
	return fmt.Errorf("%s: %w", b.sites[len(b.sites)-1].op, err)
}

func putLengths(e *wire.Encoder, parts [][]byte) {
	lengths := make([]uint64, len(parts))
	for i, p := range parts {
		lengths[i] = uint64(len(p))
	}
	e.Uints(lengths)
}
