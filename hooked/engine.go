package hooked

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
	"gopherlens/internal/devices"
	"gopherlens/internal/nativemem"
)

// An engine compiles and runs programs on one backend and keeps what it compiled. It is safe for
// concurrent use.
type engine struct {
	backend compute.Backend
	meter   deviceMeter

	mu       sync.Mutex
	programs map[programKey]*compiled
	uses     int // of programs so far
	made     int // programs so far, those forgotten among them
}

// maxPrograms bounds what an engine keeps: a notebook that tries many shapes must not fill the
// memory with code.
const maxPrograms = 512

func newEngine(backend compute.Backend) *engine {
	return &engine{backend: backend, programs: make(map[programKey]*compiled)}
}

// get is the program called key, new or known, and notes its use.
func (e *engine) get(key programKey) *compiled {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.programs[key]
	if !ok {
		c = new(compiled)
		e.programs[key] = c
		e.made++
	}
	e.uses++
	if c.lastUse = e.uses; len(e.programs) > maxPrograms {
		e.forget()
	}
	return c
}

// forget drops the program that was not used for the longest time.
func (e *engine) forget() {
	var oldest programKey
	least := e.uses
	for key, c := range e.programs {
		if c.lastUse < least {
			oldest, least = key, c.lastUse
		}
	}
	delete(e.programs, oldest)
}

// run executes a compiled program on device buffers.
func (e *engine) run(p *program, inputs []compute.Buffer) (outputs []*tensors.Tensor, err error) {
	e.meter.collect()
	// Go's monitor thread looks every 20 µs at a goroutine that seems to have run for 10 ms, as one
	// does that calls program after program, and takes a twentieth of two cores for it. One that
	// stands back between calls has not.
	runtime.Gosched()
	err = guarded(func() error {
		outputs = p.graph.RunWithBuffers(inputs, make([]bool, len(inputs)), 0)
		return nil
	})
	e.meter.count(outputs)
	nativemem.Tidy()
	return outputs, err
}

// upload copies values to the device.
func (e *engine) upload(flat any, shape shapes.Shape) (compute.Buffer, error) {
	return e.place(flat, shape, nil)
}

// place copies values with these axes to the devices that will read them; without axes to the
// first. A backend copies as many as the shape says, whatever there is.
func (e *engine) place(flat any, shape shapes.Shape, axes []string) (compute.Buffer, error) {
	if n := reflect.ValueOf(flat).Len(); n != shape.Size() {
		return nil, brief.Errorf("%d values for shape %s, which has %d", n, shape, shape.Size())
	}
	if d, ok := e.backend.(*devices.Backend); ok && axes != nil {
		return d.Place(flat, shape, kindsOf(axes))
	}
	return e.backend.BufferFromFlatData(0, flat, shape)
}

// eager runs a small program on tensors: the graph that build makes of the inputs, compiled once
// for each name and set of input shapes.
func (e *engine) eager(name string, build func(in []*Node) *Node, inputs ...*tensors.Tensor) *tensors.Tensor {
	key := programKey{kind: "eager", graph: name}
	inputs, err := e.brought(inputs)
	if err != nil {
		fail("%s: %v", name, err)
	}
	defer runtime.KeepAlive(inputs)
	buffers := make([]compute.Buffer, len(inputs))
	for i, t := range inputs {
		key.graph += t.Shape().String()
		if buffers[i], err = t.Buffer(e.backend, 0); err != nil {
			fail("%s: %w", name, err)
		}
	}
	p, err := e.program(key, func() (*program, error) { return e.traceEager(name, build, inputs) })
	if err != nil {
		fail("%s: %w", name, err)
	}
	outputs, err := e.run(p, buffers)
	if err != nil {
		fail("%s: %w", name, err)
	}
	return outputs[0]
}

func (e *engine) traceEager(name string, build func(in []*Node) *Node, inputs []*tensors.Tensor) (*program, error) {
	p := &program{graph: NewGraph(e.backend, name)}
	err := guarded(func() error {
		in := make([]*Node, len(inputs))
		for i, t := range inputs {
			in[i] = Parameter(p.graph, fmt.Sprintf("x%d", i), t.Shape())
		}
		p.nodes = []*Node{build(in)}
		return nil
	})
	return p, err
}
