package worker

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A fake backend has functions and values but computes nothing: what is under
// test stands before any backend.
type fakeBackend struct{ compute.Backend }

func (fakeBackend) Builder(string) compute.Builder { return &fakeBuilder{} }

func (fakeBackend) BufferFromFlatData(compute.DeviceNum, any, shapes.Shape) (compute.Buffer, error) {
	return nil, errors.New("no memory")
}

type fakeBuilder struct{ notimplemented.Builder }

func (fakeBuilder) Main() compute.Function { return fakeFunction{} }

func (fakeBuilder) OpShape(compute.Value) (shapes.Shape, error) {
	return shapes.Make(dtypes.Float32, 2), nil
}

type fakeFunction struct{ compute.Function }

func (fakeFunction) Closure() (compute.Function, error) { return fakeFunction{}, nil }

func (fakeFunction) Parameter(string, shapes.Shape, *compute.ShardingSpec) (compute.Value, error) {
	return 1, nil
}

func (fakeFunction) Constant(any, ...int) (compute.Value, error) { return 2, nil }

func (fakeFunction) Add(_, _ compute.Value) (compute.Value, error) { return 3, nil }

func (fakeFunction) Return([]compute.Value, []*compute.ShardingSpec) error { return nil }

// recorded is a program that the client could have recorded.
func recorded() []byte {
	var e wire.Encoder
	for range 2 {
		e.Uint(0)
		e.Uint(uint64(wire.OpParameter))
		e.Shape(shapes.Make(dtypes.Float32, 2))
		e.Bool(false)
		e.Uint(1)
	}
	return e.Body()
}

// FuzzRequest gives the worker any request of any kind: it must answer or
// refuse, and keep its counts.
func FuzzRequest(f *testing.F) {
	var e wire.Encoder
	e.Uints(nil)
	e.Uint(0)
	e.Uint(0)
	e.Bytes(recorded())
	e.Uints(nil)
	f.Add(uint8(wire.KindInfer), e.Clone())
	f.Add(uint8(wire.KindExecute), make([]byte, 40))
	f.Add(uint8(wire.KindKeep), []byte{1, 5, 0, 1, 'k', 0, 0, 0})
	f.Add(uint8(wire.KindAttach), []byte{0, 0, 1, 'k'})
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		if wire.Kind(kind) == wire.KindOpen {
			return // it would open whatever backend the bytes name
		}
		s := newServer("", 1<<20)
		s.backends.open = []*backend{{config: "fake", real: fakeBackend{}}}
		who := s.join("fuzz")
		reply := &response{}
		err := s.handle(who, wire.Frame{Kind: wire.Kind(kind), Body: body}, reply)
		if err != nil && strings.Contains(err.Error(), panicked) {
			t.Error(err)
		}
		if reply.after != nil {
			reply.after()
		}
		s.leave(who)
		if s.store.live != 0 || s.store.arrays != 0 {
			t.Errorf("%d bytes in %d arrays are left behind", s.store.live, s.store.arrays)
		}
	})
}

// TestReplay holds that the program of the fuzz test's seed is understood.
func TestReplay(t *testing.T) {
	r := newReplay(fakeBackend{})
	taken, last, err := r.run(wire.NewDecoder(recorded()), false)
	if taken != 2 || len(last) != 1 || len(r.values) != 2 || err != nil {
		t.Errorf("%d instructions taken, %v, %v", taken, last, err)
	}
}

func TestMemoryBudget(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "1024": 1024, "8GiB": 8 << 30, "1.5 GB": 1.5e9, "40MB": 40e6} {
		if got, err := memoryBudget(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"much", "-1", "NaN", "NaNGiB", "Inf", "-Inf", "1e30GiB", "GiB"} {
		if got, err := memoryBudget(text); err == nil {
			t.Errorf("%q was taken as %d", text, got)
		}
	}
}
