package jinja

import (
	"sync/atomic"
	"time"
)

// Limits bound what a template may ask for. Python has none of them but Depth and the length of a
// range; a real template needs less than a hundredth of each.
type Limits struct {
	Steps int           // nodes that are run and items that are looped over; 1 million
	Bytes int           // of all values that are made, one after the other; 256 MB
	Value int           // bytes of one value; 16 MB
	Depth int           // calls within calls; 200
	Time  time.Duration // 10 s
}

// largestRange is the longest range(), as in Jinja2's sandbox.
const largestRange = 100000

func (l Limits) settled() Limits {
	for _, f := range []struct {
		field     *int
		otherwise int
	}{{&l.Steps, 1e6}, {&l.Bytes, 256 << 20}, {&l.Value, 16 << 20}, {&l.Depth, 200}} {
		if *f.field <= 0 {
			*f.field = f.otherwise
		}
	}
	if l.Time <= 0 {
		l.Time = 10 * time.Second
	}
	return l
}

// startClock lets expired know when the time is over, until stop is called.
func (r *run) startClock() (stop func() bool) {
	r.expired = new(atomic.Bool)
	return time.AfterFunc(r.limits.Time, func() { r.expired.Store(true) }).Stop
}

// tick counts a step.
func (r *run) tick() { r.ticks(1) }

// ticks counts the steps of what takes longer for a longer value.
func (r *run) ticks(n int) {
	r.steps += n
	if r.steps > r.limits.Steps {
		fail("the template takes more than %d steps: it is refused", r.limits.Steps)
	}
	if r.expired.Load() {
		fail("the template takes more than %v: it is refused", r.limits.Time)
	}
}

// room asks for a value of n bytes or items before it is made.
func (r *run) room(n int) {
	if n < 0 || n > r.limits.Value {
		fail("the template makes a value of more than %d bytes: it is refused", r.limits.Value)
	}
	r.bytes += n
	if r.bytes > r.limits.Bytes {
		fail("the template makes more than %d bytes of values: it is refused", r.limits.Bytes)
	}
}

// times is n values of size bytes, without overflow.
func (r *run) times(n, size int) {
	if n > 0 && size > r.limits.Value/n {
		n, size = 1, r.limits.Value+1
	}
	r.room(n * size)
}

// The bytes that an entry of a list takes, one with a small value of its own, and one of a dict.
const (
	slotBytes  = 16
	valueBytes = 48
	entryBytes = 160
)

// slots asks for a list of n entries.
func (r *run) slots(n int) { r.times(n, slotBytes) }

// key asks for what it takes to look a key up.
func (r *run) key(k any) any {
	if s, ok := text(k); ok {
		r.room(len(s))
	}
	return k
}

// enter and leave bound how deep calls go.
func (r *run) enter() {
	if r.depth++; r.depth > r.limits.Depth {
		fail("the template calls itself more than %d deep: it is refused", r.limits.Depth)
	}
}

func (r *run) leave() { r.depth-- }
