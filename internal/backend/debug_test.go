package backend_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/backend"
)

func TestWithDebug(t *testing.T) {
	for value, want := range map[string]string{
		"":               "cpu.fma=off",
		"madvdontneed=1": "madvdontneed=1,cpu.fma=off",
		"cpu.fma=on":     "cpu.fma=on",
	} {
		env := backend.WithDebug([]string{"A=1", "GODEBUG=old", "GODEBUG=" + value, "B=2"})
		if !slices.Equal(env, []string{"A=1", "B=2", "GODEBUG=" + want}) {
			t.Errorf("%q becomes %q", value, env)
		}
	}
}

// BenchmarkExp measures exponentials that come after products: some 10 ns each with the setting in
// GODEBUG, and over 250 without it, on a processor that has the fault.
func BenchmarkExp(b *testing.B) {
	be, err := compute.NewWithConfig(backend.PureGo)
	if err != nil {
		b.Fatal(err)
	}
	const n = 512
	x := make([][]float32, n)
	for i := range x {
		x[i] = slices.Repeat([]float32{-0.001}, n)
	}
	input := tensors.FromValue(x)
	product := graph.MustNewExec(be, func(x *graph.Node) *graph.Node { return graph.MatMul(x, x) })
	exp := graph.MustNewExec(be, func(x *graph.Node) *graph.Node { return graph.Exp(x) })
	for range b.N {
		b.StopTimer()
		product.MustCall1(input)
		b.StartTimer()
		exp.MustCall1(input)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*n), "ns/exp")
}
