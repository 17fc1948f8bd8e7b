//go:build goexperiment.simd && amd64

package activations

import (
	"math/rand/v2"
	"testing"
)

// TestTilesAreThePlainOnes compares what vector registers sum with the plain loop, bit for bit.
func TestTilesAreThePlainOnes(t *testing.T) {
	wide := hasAVX512
	defer func() { hasAVX512 = wide }()
	random := rand.New(rand.NewPCG(1, 2))
	for _, rows := range []int{1, 7, blockRows} {
		a, b := make([]float64, rows*panelWidth), make([]float64, rows*panelWidth)
		for i := range a {
			a[i], b[i] = random.NormFloat64(), random.NormFloat64()
		}
		var want [panelWidth * panelWidth]float64
		addTilePlain(want[:], a, b)
		for _, hasAVX512 = range []bool{false, wide} {
			var got [panelWidth * panelWidth]float64
			addTile(got[:], a, b)
			if got != want {
				t.Errorf("%d rows, AVX-512 %v: not what the plain loop sums", rows, hasAVX512)
			}
		}
	}
}
