package hooked

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
)

// An engine compiles and runs programs on one backend and keeps what it compiled. It is safe for concurrent use.
type engine struct {
	backend compute.Backend
	meter   deviceMeter

	mu       sync.Mutex
	programs map[string]*program
	recent   []string // keys, the most recently used last
}

// maxPrograms bounds what an engine keeps: a notebook that tries many shapes must not fill the memory with code.
const maxPrograms = 512

func newEngine(backend compute.Backend) *engine {
	return &engine{backend: backend, programs: make(map[string]*program)}
}

// A program is a compiled graph. Building is done once, by whoever asks first.
type program struct {
	once    sync.Once
	err     error
	graph   *Graph
	empty   bool     // nothing is to be computed
	inputs  []string // names of the parameters, in order
	outputs []output
	layer   int // the first that it was built as, if it serves several
}

// output is one named result; several may share a graph output, since the same value stands at several sites.
type output struct {
	site     Site
	name     string // of the weight, if it is the gradient of one
	kind     outputKind
	axes     []string
	byPrefix bool // it is [1, prefix, ...] and stands for [batch, pos, ...]

	slot int // which of the program's results it is, or inputSlot
}

// of is the site or the weight that the result belongs to, in a program that was built as that of the layers from layer on and
// may serve others.
func (o output) of(layer int) string {
	if o.site.info == nil {
		return o.name
	}
	return fmt.Sprint(o.site.info.path, o.site.layer-layer)
}

// value is the result among a program's results, or x, the residual stream that it has read.
func (o output) value(results []*tensors.Tensor, x *Tensor) *tensors.Tensor {
	if o.slot == inputSlot {
		return x.value
	}
	return results[o.slot]
}

// inputSlot says that an output is the residual stream that the program reads, as it is.
const inputSlot = -1

type outputKind int

const (
	siteOutput outputKind = iota
	gradOutput
	logitsOutput
	lossOutput
	residualOutput
	kvOutput
	scalarOutput
	weightGradOutput
	greedyOutput
)

// get returns the program called key, new or known, and notes its use.
func (e *engine) get(key string) *program {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.programs[key]
	if !ok {
		p = new(program)
		e.programs[key] = p
	}
	e.touch(key)
	return p
}

func (e *engine) touch(key string) {
	for i, k := range e.recent {
		if k == key {
			e.recent = append(e.recent[:i], e.recent[i+1:]...)
			break
		}
	}
	e.recent = append(e.recent, key)
	if len(e.recent) > maxPrograms {
		delete(e.programs, e.recent[0])
		e.recent = e.recent[1:]
	}
}

// run executes a compiled program on device buffers.
func (e *engine) run(p *program, inputs []compute.Buffer) (outputs []*tensors.Tensor, err error) {
	e.meter.collect()
	// Go's monitor thread looks every 20 µs at a goroutine that seems to have run for 10 ms, as one does that calls program
	// after program, and takes a twentieth of two cores for it. One that stands back between calls has not.
	runtime.Gosched()
	err = exceptions.TryCatch[error](func() {
		outputs = p.graph.RunWithBuffers(inputs, make([]bool, len(inputs)), 0)
	})
	e.meter.count(outputs)
	return outputs, err
}

// upload copies values to the device. A backend copies as many as the shape says, whatever there is.
func (e *engine) upload(flat any, shape shapes.Shape) (compute.Buffer, error) {
	if n := reflect.ValueOf(flat).Len(); n != shape.Size() {
		return nil, brief.Errorf("%d values for shape %s, which has %d", n, shape, shape.Size())
	}
	return e.backend.BufferFromFlatData(0, flat, shape)
}

// eager runs a small program on tensors: the graph that build makes of the inputs, compiled once for each key and set
// of input shapes.
func (e *engine) eager(key string, build func(in []*Node) *Node, inputs ...*tensors.Tensor) *tensors.Tensor {
	for _, t := range inputs {
		key += t.Shape().String()
	}
	p := e.get("eager " + key)
	p.once.Do(func() { p.err = e.compileEager(p, key, build, inputs) })
	out, err := e.runEager(p, inputs)
	if err != nil {
		fail("%s: %v", key, err)
	}
	return out
}

func (e *engine) runEager(p *program, inputs []*tensors.Tensor) (*tensors.Tensor, error) {
	if p.err != nil {
		return nil, p.err
	}
	buffers := make([]compute.Buffer, len(inputs))
	for i, t := range inputs {
		var err error
		if buffers[i], err = t.Buffer(e.backend, 0); err != nil {
			return nil, err
		}
	}
	outputs, err := e.run(p, buffers)
	if err != nil {
		return nil, err
	}
	return outputs[0], nil
}

func (e *engine) compileEager(p *program, key string, build func(in []*Node) *Node, inputs []*tensors.Tensor) error {
	return exceptions.TryCatch[error](func() {
		g := NewGraph(e.backend, key)
		in := make([]*Node, len(inputs))
		for i, t := range inputs {
			in[i] = Parameter(g, fmt.Sprintf("x%d", i), t.Shape())
		}
		if err := g.Compile(build(in)); err != nil {
			panic(err)
		}
		p.graph = g
	})
}

// A watchedBackend notes the constants that go into a graph. GoMLX does not keep large ones, and without them two
// graphs that differ only in a table of numbers would look alike.
type watchedBackend struct {
	compute.Backend
	seen hash.Hash
}

func (w watchedBackend) Builder(name string) compute.Builder {
	return watchedBuilder{w.Backend.Builder(name), w.seen}
}

type watchedBuilder struct {
	compute.Builder
	seen hash.Hash
}

func (w watchedBuilder) Main() compute.Function { return watchedFunction{w.Builder.Main(), w.seen} }

type watchedFunction struct {
	compute.Function
	seen hash.Hash
}

func (w watchedFunction) Constant(flat any, dims ...int) (compute.Value, error) {
	fmt.Fprint(w.seen, dims, flat, ";")
	return w.Function.Constant(flat, dims...)
}

// identify names a traced graph: its operations, its constants, which of its nodes are results, and of what.
func (t *tracedGraph) identify(constants hash.Hash) string {
	h := sha256.New()
	for _, n := range t.graph.Nodes() {
		fmt.Fprintln(h, n)
	}
	var ids []string
	for _, n := range t.nodes {
		ids = append(ids, fmt.Sprint(n.Id()))
	}
	fmt.Fprintln(h, strings.Join(ids, " "))
	for _, o := range t.outputs {
		fmt.Fprintln(h, o.of(t.layer), o.kind, o.slot, o.byPrefix, o.axes)
	}
	h.Write(constants.Sum(nil))
	return hex.EncodeToString(h.Sum(nil))
}
