package train

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// TestSurprise compares losses and gradients with float64, for a class that leads by little, by
// much, and trails.
func TestSurprise(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		logits := [][][]float32{{{0, 0.5, -1}, {30, 0, 1}, {-40, 3, 2}, {60, 0, 0}, {-200, 0, 200}}}
		class := [][]int32{{1, 0, 0, 0, 1}}
		exec := MustNewExec(be, func(x, c *Node) (*Node, *Node) {
			s := surprise(x, c)
			return s, Gradient(ReduceAllSum(s), x)[0]
		})
		out := exec.MustCall(logits, class)
		for i, row := range logits[0] {
			y := float64(row[class[0][i]])
			sum := 0.
			for k, v := range row {
				if int32(k) != class[0][i] {
					sum += math.Exp(float64(v) - y)
				}
			}
			want := math.Log1p(sum)
			if got := float64(out[0].Value().([]float32)[i]); math.Abs(got-want) > 1e-5*want {
				t.Errorf("row %d: %v, want %v", i, got, want)
			}
			for k, v := range row {
				want := math.Exp(float64(v)-y) / (1 + sum)
				if int32(k) == class[0][i] {
					want = -sum / (1 + sum)
				}
				if got := float64(out[1].Value().([][][]float32)[0][i][k]); math.Abs(got-want) > 1e-5*math.Abs(want)+1e-40 {
					t.Errorf("row %d: gradient %d is %v, want %v", i, k, got, want)
				}
			}
		}
	})
}
