package resident_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/resident"
	"gopherlens/resident/worker"
)

// upload sends n float32 values that begin with first.
func upload(t testing.TB, b *resident.Backend, n int, first float32) compute.Buffer {
	t.Helper()
	values := make([]float32, n)
	values[0] = first
	buffer, err := b.BufferFromFlatData(0, values, shapes.Make(dtypes.Float32, n))
	if err != nil {
		t.Fatal(err)
	}
	return buffer
}

func read(t testing.TB, buffer compute.Buffer) []float32 {
	t.Helper()
	shape, err := buffer.Shape()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, shape.Size())
	if err := buffer.ToFlatData(values); err != nil {
		t.Fatal(err)
	}
	return values
}

// doubled compiles x + x for n values.
func doubled(t testing.TB, b compute.Backend, name string, n int) compute.Executable {
	t.Helper()
	builder := b.Builder(name)
	main := builder.Main()
	x, err := main.Parameter(name, shapes.Make(dtypes.Float32, n), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := main.Add(x, x)
	if err != nil {
		t.Fatal(err)
	}
	if err := main.Return([]compute.Value{sum}, nil); err != nil {
		t.Fatal(err)
	}
	exec, err := builder.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return exec
}

func execute(t testing.TB, exec compute.Executable, input compute.Buffer, donate bool) compute.Buffer {
	t.Helper()
	out, err := exec.Execute([]compute.Buffer{input}, []bool{donate}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestMemo holds that a later process that does the same again, down to the
// upload, computes nothing; and that another input or program does.
func TestMemo(t *testing.T) {
	newSession(t)
	first := connect(t, "go:")
	x := execute(t, doubled(t, first, "a", 1000), upload(t, first, 1000, 3), false)
	if got := read(t, x)[0]; got != 6 {
		t.Fatalf("3 doubled: %v", got)
	}
	first.Finalize()

	second := connect(t, "go:")
	program := doubled(t, second, "another name", 1000)
	tests := []struct {
		name  string
		input compute.Buffer
		hits  int64
		want  float32
	}{
		{"the same content", upload(t, second, 1000, 3), 1, 6},
		{"other content", upload(t, second, 1000, 4), 0, 8},
		{"a result, computed", execute(t, program, upload(t, second, 1000, 3), false), 0, 12},
		{"the same result, recalled", execute(t, program, upload(t, second, 1000, 3), false), 1, 12},
	}
	for _, test := range tests {
		before := status(t).MemoHits
		got := read(t, execute(t, program, test.input, false))[0]
		if hits := status(t).MemoHits - before; hits != test.hits || got != test.want {
			t.Errorf("%s: %v with %d recalled; want %v with %d", test.name, got, hits, test.want, test.hits)
		}
	}
	if n := status(t).Programs; n != 1 {
		t.Errorf("%d programs compiled; names must not make another", n)
	}
}

// TestDonation holds that a buffer that is kept or remembered survives being
// donated, that the donor loses it, and that a donating call is not remembered.
func TestDonation(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	program := doubled(t, b, "x", 1000)
	x := upload(t, b, 1000, 5)
	if err := b.Keep("weights", nil, []string{"x"}, []compute.Buffer{x}); err != nil {
		t.Fatal(err)
	}
	before := status(t)
	if got := read(t, execute(t, program, x, true))[0]; got != 10 {
		t.Errorf("5 doubled: %v", got)
	}
	if err := x.ToFlatData(make([]float32, 1000)); err == nil || !strings.Contains(err.Error(), "donated") {
		t.Errorf("reading a donated buffer: %v", err)
	}
	if after := status(t); after.MemoResults != before.MemoResults {
		t.Errorf("a donating call was remembered")
	}
	_, _, kept, ok, err := b.Attach("weights")
	if err != nil || !ok || read(t, kept[0])[0] != 5 {
		t.Errorf("the kept buffer after its donation: %v, %v", ok, err)
	}

	result := execute(t, program, kept[0], false) // now in the memo
	execute(t, program, result, true)
	if again := read(t, execute(t, program, kept[0], false))[0]; again != 10 {
		t.Errorf("the remembered result after its donation: %v; want 10", again)
	}
	alone := upload(t, b, 1000, 7)
	arrays := status(t).Arrays
	if got := read(t, execute(t, program, alone, true))[0]; got != 14 {
		t.Errorf("7 doubled: %v", got)
	}
	if n := status(t).Arrays; n > arrays {
		t.Errorf("%d arrays after a donation, %d before", n, arrays)
	}
}

func TestKeepOutlivesTheProcess(t *testing.T) {
	newSession(t)
	first := connect(t, "go:")
	a, b := upload(t, first, 10, 1), upload(t, first, 20, 2)
	if err := first.Keep("model", []byte("blob"), []string{"a", "b"}, []compute.Buffer{a, b}); err != nil {
		t.Fatal(err)
	}
	first.Finalize()

	second := connect(t, "go:")
	if blob, ok, err := second.Peek("model"); err != nil || !ok || len(blob) == 0 {
		t.Errorf("peeked %q, %v, %v", blob, ok, err)
	}
	if _, ok, err := second.Peek("another"); ok || err != nil {
		t.Errorf("peeked at what is not there: %v, %v", ok, err)
	}
	blob, names, buffers, ok, err := second.Attach("model")
	if err != nil || !ok || string(blob) != "blob" || strings.Join(names, " ") != "a b" {
		t.Fatalf("attached %q, %q, %v, %v", blob, names, ok, err)
	}
	if x, y := read(t, buffers[0]), read(t, buffers[1]); x[0] != 1 || y[0] != 2 || len(x) != 10 || len(y) != 20 {
		t.Errorf("attached %v and %v", x, y)
	}
	if _, _, _, ok, err := second.Attach("another"); ok || err != nil {
		t.Errorf("what nobody kept: %v, %v", ok, err)
	}
	if err := second.Drop("model"); err != nil {
		t.Fatal(err)
	}
	if _, _, _, ok, _ := second.Attach("model"); ok {
		t.Error("it is there after Drop")
	}
	if x := read(t, buffers[0]); x[0] != 1 {
		t.Errorf("an attached buffer after Drop: %v", x)
	}
}

// TestMemoryBudget holds the order in which a worker short of memory lets go:
// remembered results, kept arrays that nobody uses, and only then requests.
func TestMemoryBudget(t *testing.T) {
	t.Setenv(worker.MemoryEnv, "40.5MB") // ten times 4 MB and what a program takes
	newSession(t)
	const million = 1_000_000 // values: 4 MB

	before := connect(t, "go:")
	x := upload(t, before, million, 1)
	if err := before.Keep("idle", nil, []string{"x"}, []compute.Buffer{x}); err != nil {
		t.Fatal(err)
	}
	const small = 300_000 // values: within the part for results that were asked for once
	execute(t, doubled(t, before, "x", small), upload(t, before, small, 1), false)
	before.Finalize()

	b := connect(t, "go:")
	eventually(t, 5e9, "the first client is gone", func() bool { return status(t).Handles == 0 })
	if st := status(t); st.MemoResults != 1 || len(st.Kept) != 1 || st.Bytes != 4*million+4*small+st.ProgramBytes {
		t.Fatalf("before: %+v", st)
	}
	var held []compute.Buffer
	for i := range 9 { // 36 MB, which fits without what is remembered
		held = append(held, upload(t, b, million, float32(i)))
	}
	if st := status(t); st.MemoResults != 0 || len(st.Kept) != 1 {
		t.Errorf("the memo goes first: %+v", st)
	}
	held = append(held, upload(t, b, million, 10))
	if st := status(t); len(st.Kept) != 0 {
		t.Errorf("what nobody uses goes next: %+v", st)
	}
	_, err := b.BufferFromFlatData(0, make([]float32, million), shapes.Make(dtypes.Float32, million))
	if !errors.Is(err, resident.ErrOutOfMemory) || !strings.Contains(err.Error(), worker.MemoryEnv) {
		t.Errorf("the eleventh: %v", err)
	}
	if st := status(t); st.Programs != 1 {
		t.Errorf("a program that takes nothing was dropped: %+v", st)
	}
	for _, x := range held {
		x.Finalize()
	}
	upload(t, b, million, 11)
}

// withConstant compiles x + c for a constant of n values.
func withConstant(t testing.TB, b compute.Backend, n int) (compute.Executable, error) {
	t.Helper()
	builder := b.Builder("constant")
	main := builder.Main()
	x, err := main.Parameter("x", shapes.Make(dtypes.Float32, n), nil)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, n)
	values[0] = 5
	c, err := main.Constant(values, n)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := main.Add(x, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := main.Return([]compute.Value{sum}, nil); err != nil {
		t.Fatal(err)
	}
	return builder.Compile()
}

// TestConstantsCount holds that a program's constants are within the memory budget, that
// they are let go for what needs the room, and that the program then comes back.
func TestConstantsCount(t *testing.T) {
	t.Setenv(worker.MemoryEnv, "40MB")
	newSession(t)
	b := connect(t, "go:")
	const million = 1_000_000 // values: 4 MB
	if _, err := withConstant(t, b, 11*million); !errors.Is(err, resident.ErrOutOfMemory) || !strings.Contains(err.Error(), worker.MemoryEnv) {
		t.Errorf("a constant of 44 MB: %v", err)
	}
	if st := status(t); st.Bytes != 0 || st.Programs != 0 {
		t.Errorf("after its refusal: %+v", st)
	}
	exec, err := withConstant(t, b, 3*million)
	if err != nil {
		t.Fatal(err)
	}
	if st := status(t); st.ProgramBytes < 12*million || st.Bytes != st.ProgramBytes {
		t.Errorf("a constant of 12 MB: %+v", st)
	}
	var held []compute.Buffer
	for i := range 9 {
		held = append(held, upload(t, b, million, float32(i)))
	}
	if st := status(t); st.Programs != 0 || st.ProgramBytes != 0 || st.Bytes != 36*million {
		t.Errorf("the program stands in the way of arrays: %+v", st)
	}
	for _, x := range held {
		x.Finalize()
	}
	x := upload(t, b, 3*million, 1)
	if got := read(t, execute(t, exec, x, false))[0]; got != 6 {
		t.Errorf("1 + 5 = %v", got)
	}
}

// TestUnusedHandlesAreFreed holds that buffers which a program forgets without
// finalizing them do not fill the worker.
func TestUnusedHandlesAreFreed(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	const n = 10_000_000 // values: 40 MB
	for i := range 40 {  // 1.6 GB in all
		upload(t, b, n, float32(i))
	}
	eventually(t, 10e9, "most are freed", func() bool {
		upload(t, b, 1, 0)
		return status(t).Bytes < 1_000_000_000
	})
}

func TestConcurrentCalls(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	exec, err := graph.NewExec(b, sumOfSquares)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for i := range 16 {
		go func() {
			for j := range 20 {
				out, err := exec.Call([]float32{float32(i), float32(j)})
				if err == nil && out[0].Value() != float32(i*i+j*j) {
					t.Errorf("%d² + %d² = %v", i, j, out[0].Value())
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 16 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestUnusedLastParameter is a program that the pure Go backend panics over when
// it is built as it stands.
func TestUnusedLastParameter(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	exec, err := graph.NewExec(b, func(x, unused *graph.Node) *graph.Node { return x })
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(float32(3), float32(4))
	if err != nil || out[0].Value() != float32(3) {
		t.Errorf("%v, %v; want 3", out, err)
	}
}
