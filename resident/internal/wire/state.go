package wire

import "time"

// A State is what a worker tells about itself.
type State struct {
	PID      int
	Uptime   time.Duration
	Clients  int      // processes connected
	Handles  int      // that they hold
	Backends []string // configurations of those that are open
	Programs int      // compiled
	// ProgramBytes is what their texts and constants take.
	ProgramBytes int64
	Compiled     int64 // by XLA
	FromDisk     int64 // in place of being compiled by XLA

	Budget int64 // bytes allowed; 0: no limit
	Bytes  int64 // of all arrays, kept blobs and programs' constants
	Arrays int

	MemoResults int
	MemoBytes   int64
	MemoOnce    int64 // of these, the bytes of results that were asked for once
	MemoHits    int64
	MemoMisses  int64

	Kept []Kept // by key
}

// Kept is what is stored under one key.
type Kept struct {
	Key    string
	Arrays int
	Bytes  int64
}

func (s *State) numbers() []*int64 {
	return []*int64{(*int64)(&s.Uptime), &s.Budget, &s.Bytes, &s.MemoBytes, &s.MemoOnce, &s.ProgramBytes,
		&s.Compiled, &s.FromDisk, &s.MemoHits, &s.MemoMisses}
}

func (s *State) counts() []*int {
	return []*int{&s.PID, &s.Clients, &s.Handles, &s.Programs, &s.Arrays, &s.MemoResults}
}

// Put writes s.
func (s *State) Put(e *Encoder) {
	for _, n := range s.numbers() {
		e.Int(*n)
	}
	for _, n := range s.counts() {
		e.Int(int64(*n))
	}
	e.Strings(s.Backends)
	e.Uint(uint64(len(s.Kept)))
	for _, k := range s.Kept {
		e.String(k.Key)
		e.Int(int64(k.Arrays))
		e.Int(k.Bytes)
	}
}

// ReadState reads what Put wrote.
func ReadState(d *Decoder) (s State) {
	for _, n := range s.numbers() {
		*n = d.Int()
	}
	for _, n := range s.counts() {
		*n = int(d.Int())
	}
	s.Backends = d.Strings()
	s.Kept = list(d, func() Kept { return Kept{Key: d.String(), Arrays: int(d.Int()), Bytes: d.Int()} })
	return s
}
