package worker

import (
	"container/list"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// maxPrograms is how many compiled programs are held. One of XLA's takes from
// hundreds of kilobytes to some megabytes.
const maxPrograms = 256

type programKey struct {
	backend uint64
	hash    [32]byte
}

// A program is compiled once, by the first request that brings it; others wait
// for that. Its lock is held for reading while it runs, so that it is not
// finalized under an execution.
type program struct {
	key     programKey
	mu      sync.RWMutex
	exec    compute.Executable // nil: not compiled, or finalized
	outputs []shapes.Shape
}

// programs holds the compiled programs, the least recently used first.
type programs struct {
	mu    sync.Mutex
	order *list.List
	byKey map[programKey]*list.Element
}

func newPrograms() *programs {
	return &programs{order: list.New(), byKey: map[programKey]*list.Element{}}
}

// find returns a program that is there, or nil.
func (p *programs) find(key programKey) *program {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.byKey[key]
	if !ok {
		return nil
	}
	p.order.MoveToBack(e)
	return e.Value.(*program)
}

// findOrAdd returns the program of this key, which may not be compiled yet.
func (p *programs) findOrAdd(key programKey) *program {
	if x := p.find(key); x != nil {
		return x
	}
	p.mu.Lock()
	if e, ok := p.byKey[key]; ok {
		p.mu.Unlock()
		return e.Value.(*program)
	}
	x := &program{key: key}
	p.byKey[key] = p.order.PushBack(x)
	p.mu.Unlock()
	p.trim(maxPrograms)
	return x
}

// forget takes out a program that could not be compiled.
func (p *programs) forget(x *program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byKey[x.key]; ok && e.Value == x {
		p.order.Remove(e)
		delete(p.byKey, x.key)
	}
}

func (p *programs) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.order.Len()
}

// trim lets go of the least recently used programs until at most n are left.
func (p *programs) trim(n int) {
	var out []*program
	p.mu.Lock()
	for p.order.Len() > n {
		x := p.order.Remove(p.order.Front()).(*program)
		delete(p.byKey, x.key)
		out = append(out, x)
	}
	p.mu.Unlock()
	for _, x := range out {
		go x.finalize() // it may be running: that is waited for
	}
}

func (x *program) finalize() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.exec != nil {
		x.exec.Finalize()
		x.exec = nil
	}
}
