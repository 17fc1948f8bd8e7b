package hooked_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestLongReductions compares sums, means, norms and probabilities over vocabularies of real models
// with sums in float64.
func TestLongReductions(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.NoProcessing, be)
		for _, n := range []int{1024, 1025, 50257, 262144} {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			x := hooked.NewArray(2, n)
			for i := range x.Data {
				x.Data[i] = float32(3 * random.NormFloat64())
			}
			tensor := hooked.Must(m.NewTensor(x, "row d_vocab"))
			logProbs, probs := tensor.LogSoftmax("d_vocab").Float32s(), tensor.Softmax("d_vocab").Float32s()
			squares, sums := tensor.Norm("d_vocab").Float32s(), tensor.Exp().Sum("d_vocab").Float32s()
			mean, all := tensor.Exp().Mean("d_vocab").Float32s(), tensor.Exp().Sum().Item()
			total := 0.0
			for row := range 2 {
				values := x.Data[row*n : (row+1)*n]
				var sum, square float64
				for _, v := range values {
					sum += math.Exp(float64(v))
					square += float64(v) * float64(v)
				}
				total += sum
				near := func(what string, got float32, want, relative float64) {
					t.Helper()
					if !(math.Abs(float64(got)-want) <= relative*math.Abs(want)) {
						t.Errorf("%s of %d: %v, want %v", what, n, got, want)
					}
				}
				const few = 3e-6 // some tens of roundings of float32
				near("sum", sums[row], sum, few)
				near("mean", mean[row], sum/float64(n), few)
				near("norm", squares[row], math.Sqrt(square), few)
				for _, i := range []int{0, n / 2, n - 1} {
					want := float64(values[i]) - math.Log(sum)
					near(fmt.Sprintf("log-probability %d", i), logProbs[row*n+i], want, few)
					near(fmt.Sprintf("probability %d", i), probs[row*n+i], math.Exp(want), 2*few)
				}
			}
			if !(math.Abs(float64(all)-total) <= 3e-6*total) {
				t.Errorf("sum of all of 2 x %d: %v, want %v", n, all, total)
			}
		}
	})
}
