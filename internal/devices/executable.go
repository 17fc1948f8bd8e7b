package devices

import (
	"runtime"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/brief"
)

// An executable is a program on so many devices, the first ones.
type executable struct {
	compute.Executable
	backend *Backend
	devices int
	inputs  []layout
	results []layout
	of      []shapes.Shape // the results'
}

// Outputs implements compute.Executable.
func (e *executable) Outputs() []shapes.Shape { return e.of }

// Execute implements compute.Executable.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, _ compute.DeviceNum) ([]compute.Buffer, error) {
	if len(inputs) != len(e.inputs) {
		return nil, brief.Errorf("%d inputs for a program of %d", len(inputs), len(e.inputs))
	}
	// what a device reads follows what the one before it reads
	given := make([]compute.Buffer, e.devices*len(inputs))
	var temporary []compute.Buffer
	defer func() { finalize(temporary) }()
	for i, input := range inputs {
		own, ok := input.(*buffer)
		if !ok || own.backend != e.backend {
			return nil, brief.Errorf("input %d is a buffer of another backend", i)
		}
		parts, temp, err := own.in(e.inputs[i])
		if err != nil {
			return nil, brief.Errorf("input %d: %w", i, err)
		}
		if temp {
			temporary = append(temporary, parts...)
		}
		for d := range e.devices {
			given[d*len(inputs)+i] = parts[d]
		}
	}
	values, err := e.run(given)
	runtime.KeepAlive(inputs)
	if err != nil {
		return nil, err
	}
	for i, gone := range donate {
		if gone {
			if err := inputs[i].Finalize(); err != nil {
				return nil, err
			}
		}
	}
	return e.gather(values), nil
}

// run runs the program on what each device reads.
func (e *executable) run(given []compute.Buffer) ([]compute.Buffer, error) {
	if e.devices > 1 {
		e.backend.turn.Lock()
		defer e.backend.turn.Unlock()
	}
	return e.Executable.Execute(given, make([]bool, len(given)), 0)
}

// gather makes one buffer of what each device gives for a result.
func (e *executable) gather(values []compute.Buffer) []compute.Buffer {
	outputs := make([]compute.Buffer, len(e.results))
	for i, l := range e.results {
		parts := make([]compute.Buffer, e.devices)
		for d := range parts {
			parts[d] = values[d*len(e.results)+i]
		}
		outputs[i] = &buffer{backend: e.backend, shape: e.of[i], lies: l, parts: parts}
	}
	return outputs
}
