package activations_test

import (
	"math"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/internal/golden"
)

const resid1 = "blocks.1.hook_resid_post"

// all reads a whole site in order.
func all(t testing.TB, s *activations.Store, site string) *activations.Batch {
	t.Helper()
	for b, err := range s.Batches(site, activations.Reading{Size: s.Tokens()}) {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return nil
}

// TestStatisticsAreThoseOfTheValues compares mean, covariance and norms with the plain formulas
// over the values that were kept, for all positions, the first, and the others, merged over three
// shards of which the last is shorter.
func TestStatisticsAreThoseOfTheValues(t *testing.T) {
	rows := rowsOf(t, 10, 9)
	s := harvest(t, tiny(t, golden.PureGo(t)), rows, activations.Config{Sites: []string{"resid_post", "z"}, DType: hooked.BF16, Batch: 2, Shard: 4})
	for _, site := range []string{resid1, "blocks.2.attn.hook_z"} {
		b := all(t, s, site)
		st, err := s.Statistics(site)
		if err != nil {
			t.Fatal(err)
		}
		for name, part := range map[string]struct {
			got  activations.Moments
			kept func(pos int) bool
		}{
			"all":   {st.All, func(int) bool { return true }},
			"first": {st.First, func(pos int) bool { return pos == 0 }},
			"rest":  {st.Rest, func(pos int) bool { return pos > 0 }},
		} {
			var values [][]float64
			for i, pos := range b.Positions {
				if part.kept(pos) {
					var v []float64
					for _, x := range b.Values[i*36 : (i+1)*36] {
						v = append(v, float64(x))
					}
					values = append(values, v)
				}
			}
			compareMoments(t, site+" "+name, part.got, values)
		}
	}
}

func compareMoments(t *testing.T, what string, got activations.Moments, values [][]float64) {
	t.Helper()
	n, d := float64(len(values)), len(values[0])
	mean, covariance := make([]float64, d), make([]float64, d*d)
	var norms []float64
	sum, squares := 0.0, 0.0
	for _, v := range values {
		square := 0.0
		for i, x := range v {
			mean[i] += x / n
			square += x * x
		}
		norms = append(norms, math.Sqrt(square))
		sum, squares = sum+math.Sqrt(square), squares+square
	}
	for _, v := range values {
		for i := range d {
			for j := range d {
				covariance[i*d+j] += (v[i] - mean[i]) * (v[j] - mean[j]) / (n - 1)
			}
		}
	}
	slices.Sort(norms)
	cov, err := got.Covariance()
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != len(values) {
		t.Errorf("%s: %d activations, want %d", what, got.Count, len(values))
	}
	near(t, what+" mean", got.Mean, mean, 1e-13)
	near(t, what+" covariance", cov, covariance, 1e-13)
	near(t, what+" norms", []float64{got.Norms.Mean, got.Norms.RMS, got.Norms.Min, got.Norms.Max},
		[]float64{sum / n, math.Sqrt(squares / n), norms[0], norms[len(norms)-1]}, 1e-13)
	for _, q := range []float64{0, 0.25, 0.5, 0.9, 1} {
		v, err := got.Norms.Quantile(q)
		if err != nil {
			t.Fatal(err)
		}
		at := q * (n - 1)
		low, high := norms[int(math.Floor(at))], norms[int(math.Ceil(at))]
		if v < low*(1-1.0/64) || v > high*(1+1.0/64) {
			t.Errorf("%s: quantile %v is %v, want about %v to %v", what, q, v, low, high)
		}
	}
}

// near compares relative to the largest value.
func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	scale := 0.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol*scale) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}
