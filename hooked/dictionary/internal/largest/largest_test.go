package largest_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/dictionary/internal/largest"
	"gopherlens/internal/golden"

	_ "gopherlens/internal/purego"
	_ "gopherlens/xla"
)

// Among chooses what sorting chooses, of numbers and zeros of both signs, and equal ones.
func TestAmongEqualsSorting(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rows, n = 40, 33
	x, mask := make([][]float32, rows), make([][]bool, rows)
	for i := range x {
		x[i], mask[i] = make([]float32, n), make([]bool, n)
		for j := range x[i] {
			x[i][j] = float32(random.NormFloat64())
			if random.IntN(3) == 0 {
				x[i][j] = float32(random.IntN(5) - 2)
			}
			if random.IntN(5) == 0 {
				x[i][j] = float32(math.Copysign(0, -1))
			}
			mask[i][j] = random.IntN(2) == 0 || j < 5
		}
	}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, k := range []int{0, 1, 3, 5} {
			out, err := graph.CallOnce(be, func(mask, x *graph.Node) *graph.Node {
				chosen := largest.Among(mask, x, graph.Scalar(x.Graph(), dtypes.Int32, k), 7)
				return graph.ConvertDType(chosen, dtypes.Int32)
			}, mask, x)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range out.Value().([][]int32) {
				if want := sorted(x[i], mask[i], k); !slices.Equal(got, want) {
					t.Errorf("k = %d, row %v, mask %v: got %v, want %v", k, x[i], mask[i], got, want)
				}
			}
		}
	})
}

func sorted(x []float32, mask []bool, k int) []int32 {
	var at []int
	for j := range x {
		if mask[j] {
			at = append(at, j)
		}
	}
	slices.SortStableFunc(at, func(a, b int) int {
		switch {
		case x[a] > x[b]:
			return -1
		case x[a] < x[b]:
			return 1
		}
		return 0
	})
	chosen := make([]int32, len(x))
	for _, j := range at[:k] {
		chosen[j] = 1
	}
	return chosen
}

// Of chooses what sorting chooses of numbers that are not below zero, the first of equal ones.
func TestOfEqualsSorting(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const rows, n = 70, 33 // in two parts
	x, all := make([][]float32, rows), make([]bool, n)
	for i := range x {
		x[i] = make([]float32, n)
		for j := range x[i] {
			all[j] = true
			x[i][j] = float32(random.IntN(9)) / 3
		}
	}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, k := range []int{1, 4, 32, 33} {
			out, err := graph.CallOnce(be, func(x *graph.Node) *graph.Node {
				return graph.ConvertDType(largest.Of(x, k), dtypes.Int32)
			}, x)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range out.Value().([][]int32) {
				if want := sorted(x[i], all, k); !slices.Equal(got, want) {
					t.Errorf("k = %d, row %v: got %v, want %v", k, x[i], got, want)
				}
			}
		}
	})
}
