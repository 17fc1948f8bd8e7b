package probe_test

import (
	"math/rand/v2"
	"testing"

	"gopherlens/hooked/probe"
)

// mixture are rows of two or more classes whose means lie apart, with a spectrum that falls as
// steeply as that of activations.
func mixture(t testing.TB, n, d, classes int, apart float64) (*probe.Rows, []int) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 0))
	rows, labels := make([][]float32, n), make([]int, n)
	means := make([][]float64, classes)
	for c := range means {
		for range d {
			means[c] = append(means[c], random.NormFloat64())
		}
	}
	for i := range rows {
		labels[i] = i % classes
		for k := range d {
			size := 100 / float64(1+k)
			rows[i] = append(rows[i], float32(size*(random.NormFloat64()+apart*means[labels[i]][k])))
		}
	}
	return must(probe.NewRows(rows))(t), labels
}

// BenchmarkLogistic fits a probe as that of the default model on 1,000 texts.
func BenchmarkLogistic(b *testing.B) {
	rows, labels := mixture(b, 1000, 576, 2, 0.1)
	for _, method := range []probe.Logistic{{}, {Standardise: true}} {
		b.Run(method.String(), func(b *testing.B) {
			for b.Loop() {
				must(probe.Fit(rows, labels, method, probe.Split{}))(b)
			}
		})
	}
}
