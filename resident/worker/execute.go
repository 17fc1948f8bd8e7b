package worker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/nativemem"
	"gopherlens/resident/internal/wire"
)

// programKey reads a program's hash.
func (c *call) programKey(b *backend) programKey {
	key := programKey{backend: b.info.Index}
	copy(key.hash[:], c.Raw(len(key.hash)))
	return key
}

// compile: a program's hash, the program or nothing, and the lengths of its
// large constants, which are the data. Answer: how many instructions went well,
// and the shapes of the results or an error.
func (s *server) compile(c *call, reply *response) error {
	b, err := s.backend(c)
	if err != nil {
		return err
	}
	key := c.programKey(b)
	source, lengths := c.Bytes(), c.Uints()
	if err := c.Done(); err != nil {
		return err
	}
	p, taken, err := s.compiled(b, key, source, lengths, c.data)
	if errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrUnknownProgram) {
		return err
	}
	reply.Uint(uint64(taken))
	if err != nil {
		reply.PutError(err)
		return nil
	}
	reply.Uint(uint64(wire.StatusOK))
	reply.Shapes(p.outputs)
	return nil
}

// compiled returns the program of this key, compiling source if there is none.
func (s *server) compiled(b *backend, key programKey, source []byte, lengths []uint64, data wire.Data) (*program, int, error) {
	if len(source) == 0 {
		if p := s.store.programs.find(key); p != nil && p.ready() {
			return p, 0, nil
		}
		return nil, 0, wire.ErrUnknownProgram
	}
	if sha256.Sum256(source) != key.hash {
		return nil, 0, fmt.Errorf("%w: a program that does not match its hash", wire.ErrMalformed)
	}
	bytes := int64(len(source)) + data.Len()
	if err := s.store.charge(bytes); err != nil {
		return nil, 0, err
	}
	p := s.store.programs.findOrAdd(key)
	taken, built := 0, false
	err := withConstants(data, lengths, func(constants [][]byte) (err error) {
		taken, built, err = p.build(b, source, constants)
		return err
	})
	if err != nil {
		s.store.programs.forget(p)
	}
	if err != nil || !built || !s.store.programs.bear(p, bytes) {
		s.store.refund(bytes)
	}
	return p, taken, err
}

func (p *program) ready() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.exec != nil
}

// build replays and compiles the program, unless another request has: then built is false.
func (p *program) build(b *backend, source []byte, constants [][]byte) (taken int, built bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exec != nil {
		return 0, false, nil
	}
	r := newReplay(b.real)
	r.constants = constants
	if taken, _, err = r.run(wire.NewDecoder(source), false); err != nil {
		return taken, false, err
	}
	if p.exec, err = compileReal(r.builder); err != nil {
		return taken, false, err
	}
	p.outputs = p.exec.Outputs()
	return taken, true, nil
}

func compileReal(b compute.Builder) (exec compute.Executable, err error) {
	defer func() {
		if p := recover(); p != nil {
			exec, err = nil, fmt.Errorf("resident: compiling: %v", p)
		}
	}()
	return b.Compile()
}

// withConstants cuts the data of a request into the constants that it carries, and lends
// them to use: they lie in the received memory and are not copied here.
func withConstants(data wire.Data, lengths []uint64, use func([][]byte) error) error {
	return data.View(func(all []byte) error {
		out := make([][]byte, len(lengths))
		for i, n := range lengths {
			if n > uint64(len(all)) {
				return fmt.Errorf("%w: constants that are not there", wire.ErrMalformed)
			}
			out[i], all = all[:n:n], all[n:]
		}
		return use(out)
	})
}

// infer: a live builder or 0, instructions for it, and the lengths of their
// large constants. Answer: its handle, how many instructions it took, and the
// shapes of the last one's results or an error.
func (s *server) infer(c *call, reply *response) error {
	b, err := s.backend(c)
	if err != nil {
		return err
	}
	handle, source, lengths := c.Uint(), c.Bytes(), c.Uints()
	if err := c.Done(); err != nil {
		return err
	}
	bytes := int64(len(source)) + c.data.Len()
	if err := s.store.charge(bytes); err != nil {
		return err
	}
	if handle == 0 {
		handle = c.client.add(&liveBuilder{replay: newReplay(b.real)})
	}
	l, err := c.client.live(handle)
	if err != nil || !l.bear(bytes) {
		s.store.refund(bytes)
	}
	if err != nil {
		return err
	}
	var taken int
	var out []shapes.Shape
	err = withConstants(c.data, lengths, func(constants [][]byte) (err error) {
		taken, out, err = l.take(source, constants)
		return err
	})
	if errors.Is(err, wire.ErrMalformed) {
		return err
	}
	reply.Uint(handle)
	reply.Uint(uint64(taken))
	if err != nil {
		reply.PutError(err)
		return nil
	}
	reply.Uint(uint64(wire.StatusOK))
	reply.Shapes(out)
	return nil
}

func (l *liveBuilder) take(source []byte, constants [][]byte) (int, []shapes.Shape, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replay.constants = constants
	defer func() { l.replay.constants = nil }() // they are lent
	taken, last, err := l.replay.run(wire.NewDecoder(source), true)
	if err != nil {
		return taken, nil, err
	}
	out, err := l.replay.shapesOf(last)
	return taken, out, err
}

// An execution is a request to run a program.
type execution struct {
	key     programKey
	device  compute.DeviceNum
	handles []uint64
	donate  []bool
	donates bool
}

func (c *call) execution(b *backend) (execution, error) {
	x := execution{key: c.programKey(b), device: compute.DeviceNum(c.Uint())}
	for range c.Count() {
		x.handles = append(x.handles, c.Uint())
		x.donate = append(x.donate, c.Bool())
		x.donates = x.donates || x.donate[len(x.donate)-1]
	}
	return x, c.Done()
}

// execute: a program's hash, a device, and the inputs with whether each is
// donated. Answer: the results.
//
// A program that donates replaces its inputs, as a training step does: it is
// neither looked up in the memo nor put there, where it would pin what it
// meant to give away.
func (s *server) execute(c *call, reply *response) error {
	b, err := s.backend(c)
	if err != nil {
		return err
	}
	x, err := c.execution(b)
	if err != nil {
		return err
	}
	inputs, err := c.client.hold(s.store, x.handles)
	if err != nil {
		return err
	}
	defer func() { s.store.release(inputs...) }()
	run := runIdentity(x.key, x.device, inputs)
	if !x.donates {
		if outputs, ok := s.store.recall(run); ok {
			c.put(reply, outputs...)
			return nil
		}
	}
	outputs, pace, err := s.run(b, x, run, inputs)
	if err != nil {
		return err
	}
	if !x.donates {
		s.store.remember(run, outputs, pace)
	}
	c.put(reply, outputs...)
	c.client.free(s.store, x.donated())
	return nil
}

func (x execution) donated() (handles []uint64) {
	for i, h := range x.handles {
		if x.donate[i] {
			handles = append(handles, h)
		}
	}
	return handles
}

// run executes the program and takes over its results. It also tells how fast the program is.
func (s *server) run(b *backend, x execution, run identity, inputs []*array) ([]*array, *pace, error) {
	p := s.store.programs.find(x.key)
	if p == nil {
		return nil, nil, wire.ErrUnknownProgram
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.exec == nil {
		return nil, nil, wire.ErrUnknownProgram
	}
	if err := s.store.reserve(staticBytes(p.outputs)); err != nil {
		return nil, nil, err
	}
	buffers := make([]compute.Buffer, len(inputs))
	for i, a := range inputs {
		buffers[i] = a.buffer
	}
	start := time.Now()
	outputs, err := p.exec.Execute(buffers, s.giveAway(x, inputs), x.device)
	if err != nil {
		return nil, nil, err
	}
	p.pace.note(time.Since(start))
	nativemem.Tidy()
	arrays, err := s.take(b, run, outputs)
	return arrays, &p.pace, err
}

// giveAway returns which inputs the backend may consume: those that the client
// donates and that nobody else holds. They are marked, so that they are not
// freed a second time.
func (s *server) giveAway(x execution, inputs []*array) []bool {
	if !x.donates {
		return nil
	}
	give := make([]bool, len(inputs))
	for i, a := range inputs {
		give[i] = x.donate[i] && s.store.soleOwner(a)
		a.donated = a.donated || give[i]
	}
	return give
}

func (s *server) take(b *backend, run identity, outputs []compute.Buffer) ([]*array, error) {
	arrays := make([]*array, len(outputs))
	for i, buffer := range outputs {
		shape, err := buffer.Shape()
		if err != nil {
			return nil, err
		}
		device, err := buffer.DeviceNum()
		if err != nil {
			return nil, err
		}
		arrays[i] = s.store.add(b, buffer, device, shape, run.output(i))
	}
	return arrays, nil
}

// staticBytes adds up the sizes that are known before a program runs.
func staticBytes(outputs []shapes.Shape) (n int64) {
	for _, s := range outputs {
		if !s.IsDynamic() {
			n += s.ByteSize()
		}
	}
	return n
}
