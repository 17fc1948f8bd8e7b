package devices

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// A Spread is a backend for one program on several devices, which is told of which kinds the axes
// of its inputs and results are.
type Spread struct {
	*Backend
	grid    Grid // as much of the backend's as the program's batch fills
	inputs  map[string][]Axis
	results [][]Axis
}

// Spread is for a program that reads a batch of so many prompts; nil where it has nothing to share,
// and runs on the first device.
func (b *Backend) Spread(batch int) *Spread {
	grid := Grid{b.grid.batchParts(batch), b.grid.Weights}
	if grid.Devices() == 1 {
		return nil
	}
	return &Spread{Backend: b, grid: grid, inputs: make(map[string][]Axis)}
}

// Grid is that of the program, into which its batch is cut.
func (s *Spread) Grid() Grid { return s.grid }

// Input tells of which kinds the axes of an input are, before it is made. Any other is whole on
// each device.
func (s *Spread) Input(name string, axes []Axis) { s.inputs[name] = axes }

// Results tells of which kinds the axes of the results are, before the program is compiled. Others
// are whole on each device.
func (s *Spread) Results(axes [][]Axis) { s.results = axes }

// Builder implements compute.Backend.
func (s *Spread) Builder(name string) compute.Builder {
	b := &builder{Builder: s.Backend.Backend.Builder(name), backend: s.Backend, spread: s}
	if b.err = b.Builder.DistributedAutoSharding(s.grid.mesh()); b.err == nil {
		devices := make([]compute.DeviceNum, s.grid.Devices())
		for d := range devices {
			devices[d] = compute.DeviceNum(d)
		}
		b.err = b.Builder.DeviceAssignment(devices...)
	}
	return b
}

// Builder implements compute.Backend: of a program on the first device.
func (b *Backend) Builder(name string) compute.Builder {
	return &builder{Builder: b.Backend.Builder(name), backend: b}
}

// A builder is another's that knows how its program's inputs and results lie.
type builder struct {
	compute.Builder
	backend *Backend
	spread  *Spread // nil of a program on the first device
	err     error   // of its beginning
	inputs  []layout
	results []layout
	of      []shapes.Shape // the results'
}

// Main implements compute.Builder.
func (b *builder) Main() compute.Function { return &function{b.Builder.Main(), b} }

// Compile implements compute.Builder.
func (b *builder) Compile() (compute.Executable, error) {
	if b.err != nil {
		return nil, b.err
	}
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	devices := 1
	if b.spread != nil {
		devices = b.spread.grid.Devices()
	}
	return &executable{Executable: e, backend: b.backend, devices: devices, inputs: b.inputs, results: b.results, of: b.of}, nil
}

// A function is another's main function.
type function struct {
	compute.Function
	builder *builder
}

// Parameter implements compute.Function.
func (f *function) Parameter(name string, shape shapes.Shape, _ *compute.ShardingSpec) (compute.Value, error) {
	b := f.builder
	if b.err != nil {
		return nil, b.err
	}
	if b.spread == nil {
		b.inputs = append(b.inputs, layout{})
		return f.Function.Parameter(name, shape, nil)
	}
	l := b.spread.grid.layoutOf(shape, b.spread.inputs[name])
	b.inputs = append(b.inputs, l)
	return f.Function.Parameter(name, shape, l.spec())
}

// Return implements compute.Function.
func (f *function) Return(outputs []compute.Value, _ []*compute.ShardingSpec) error {
	b := f.builder
	var specs []*compute.ShardingSpec
	for i, value := range outputs {
		shape, err := f.Shape(value)
		if err != nil {
			return err
		}
		l := layout{}
		if b.spread != nil {
			var axes []Axis
			if i < len(b.spread.results) {
				axes = b.spread.results[i]
			}
			l = b.spread.grid.layoutOf(shape, axes)
			specs = append(specs, l.spec())
		}
		b.results, b.of = append(b.results, l), append(b.of, shape)
	}
	return f.Function.Return(outputs, specs)
}
