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
	pace    pace
	bytes   int64 // of its text and constants, charged to the store; guarded by programs
}

// programs holds the compiled programs, the least recently used first.
type programs struct {
	mu     sync.Mutex
	order  *list.List
	byKey  map[programKey]*list.Element
	refund func(bytes int64) // called without the lock
}

func newPrograms(refund func(int64)) *programs {
	return &programs{order: list.New(), byKey: map[programKey]*list.Element{}, refund: refund}
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
	var bytes int64
	if e, ok := p.byKey[x.key]; ok && e.Value == x {
		bytes = p.remove(e)
	}
	p.mu.Unlock()
	p.refund(bytes)
}

// remove takes a program out and returns the bytes to refund.
func (p *programs) remove(e *list.Element) int64 {
	x := p.order.Remove(e).(*program)
	delete(p.byKey, x.key)
	bytes := x.bytes
	x.bytes = 0
	return bytes
}

// bear leaves a charge with the program until that is let go, and reports whether it
// is still there to do so.
func (p *programs) bear(x *program, bytes int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.byKey[x.key]
	if !ok || e.Value != x {
		return false
	}
	x.bytes += bytes
	return true
}

// evict lets go of the least recently used program of at least so many bytes and returns
// them, 0 if there is none. The caller refunds.
func (p *programs) evict(least int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.order.Front(); e != nil; e = e.Next() {
		if x := e.Value.(*program); x.bytes >= least {
			bytes := p.remove(e)
			go x.finalize() // it may be running: that is waited for
			return bytes
		}
	}
	return 0
}

// bytes is what programs are charged for.
func (p *programs) bytes() (total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.order.Front(); e != nil; e = e.Next() {
		total += e.Value.(*program).bytes
	}
	return total
}

func (p *programs) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.order.Len()
}

// trim lets go of the least recently used programs until at most n are left.
func (p *programs) trim(n int) {
	var out []*program
	var bytes int64
	p.mu.Lock()
	for p.order.Len() > n {
		e := p.order.Front()
		out = append(out, e.Value.(*program))
		bytes += p.remove(e)
	}
	p.mu.Unlock()
	p.refund(bytes)
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
