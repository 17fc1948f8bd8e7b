package resident

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// An executable names a compiled program in the worker by its hash. It keeps
// the recording: a worker short of memory may drop a program, and gets it
// again with the next call.
type executable struct {
	backend   *Backend
	name      string
	key       [32]byte
	program   []byte
	constants [][]byte
	sites     []site
	names     []string
	inputs    []shapes.Shape
	outputs   []shapes.Shape
	anyNumber bool // of inputs: a multiple that the worker knows
}

var _ compute.Executable = (*executable)(nil)

// Finalize implements compute.Executable. The program stays in the worker: to
// find it there again is what the worker is for.
func (e *executable) Finalize() {}

// Inputs implements compute.Executable.
func (e *executable) Inputs() ([]string, []shapes.Shape) { return e.names, e.inputs }

// Outputs implements compute.Executable.
func (e *executable) Outputs() []shapes.Shape { return e.outputs }

// compile makes sure that the worker holds the program.
func (e *executable) compile() error {
	err := e.askCompiled(nil, wire.Data{})
	if errors.Is(err, wire.ErrUnknownProgram) {
		err = e.askCompiled(e.program, wire.FromParts(e.constants))
	}
	return err
}

func (e *executable) askCompiled(program []byte, constants wire.Data) error {
	r := e.backend.request()
	r.Raw(e.key[:])
	r.Bytes(program)
	putLengths(r, e.constants)
	var reply compiled
	if err := e.backend.pool.call(wire.KindCompile, r, constants, reply.read); err != nil {
		return err
	}
	if reply.err != nil {
		return e.explain(reply)
	}
	return e.check(reply.outputs)
}

// compiled is the answer to a program: the shapes of its results, or what went
// wrong, and at which instruction if at one.
type compiled struct {
	outputs []shapes.Shape
	failed  int // instructions that went well before the error
	err     error
}

func (c *compiled) read(d *wire.Decoder, _ wire.Data) error {
	c.failed = int(d.Uint())
	if c.err = d.Status(); c.err == nil {
		c.outputs = d.Shapes()
	}
	return nil
}

func (e *executable) explain(c compiled) error {
	if c.failed >= 0 && c.failed < len(e.sites) {
		return fmt.Errorf("compiling %q: %w", e.name, e.sites[c.failed].explain(c.err))
	}
	return fmt.Errorf("compiling %q: %w", e.name, c.err)
}

// check compares the shapes that the backend found with those that the rules
// in rules.go gave: a wrong rule must not become a wrong result.
func (e *executable) check(outputs []shapes.Shape) error {
	if len(outputs) != len(e.outputs) {
		return fmt.Errorf("resident: %q returns %d values but %d were recorded", e.name, len(outputs), len(e.outputs))
	}
	for i, s := range outputs {
		if !sameDescription(s, e.outputs[i]) {
			return fmt.Errorf("resident: output %d of %q is %s but was recorded as %s", i, e.name, s, e.outputs[i])
		}
	}
	return nil
}

// sameDescription tells whether two shapes say the same. Shape.Equal asks for more: that arrays
// of them are alike, which axes of unknown sizes without a name (shapes.AnonymousAxis) never are.
func sameDescription(a, b shapes.Shape) bool {
	if a.DType != b.DType || !slices.Equal(a.Dimensions, b.Dimensions) {
		return false
	}
	for axis := range a.Dimensions {
		if axisName(a, axis) != axisName(b, axis) {
			return false
		}
	}
	return true
}

// axisName returns an axis' name, empty where the shape names none.
func axisName(s shapes.Shape, axis int) string {
	if len(s.AxisNames) == 0 {
		return ""
	}
	return s.AxisNames[axis]
}

// Execute implements compute.Executable. A program that was run before on the
// same inputs is answered from the worker's memo, unless an input is donated.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	if len(inputs) != len(e.inputs) && !e.anyNumber {
		return nil, fmt.Errorf("resident: %q takes %d inputs, not %d", e.name, len(e.inputs), len(inputs))
	}
	if len(donate) != 0 && len(donate) != len(inputs) {
		return nil, fmt.Errorf("resident: %q has %d inputs and %d donations", e.name, len(inputs), len(donate))
	}
	in, err := e.backend.own(inputs)
	if err != nil {
		return nil, err
	}
	out, err := e.execute(in, donate, device)
	if errors.Is(err, wire.ErrUnknownProgram) {
		if err = e.compile(); err == nil {
			out, err = e.execute(in, donate, device)
		}
	}
	runtime.KeepAlive(inputs)
	if err != nil {
		return nil, fmt.Errorf("executing %q: %w", e.name, err)
	}
	for i, d := range donate {
		if d {
			in[i].forget()
		}
	}
	return out, nil
}

func (e *executable) execute(in []*buffer, donate []bool, device compute.DeviceNum) (out []compute.Buffer, err error) {
	r := e.backend.request()
	r.Raw(e.key[:])
	r.Uint(uint64(device))
	r.Uint(uint64(len(in)))
	for i, b := range in {
		r.Uint(b.handle)
		r.Bool(i < len(donate) && donate[i])
	}
	err = e.backend.pool.call(wire.KindExecute, r, wire.Data{}, func(d *wire.Decoder, _ wire.Data) error {
		out = readBuffers(d, e.backend)
		return d.Done()
	})
	return out, err
}
