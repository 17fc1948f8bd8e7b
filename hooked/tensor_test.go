package hooked_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// tiny is a random model of two layers, for what needs some model and no particular one.
var tiny = hooked.Config{NLayers: 2, DModel: 8, NCtx: 16, DHead: 4, NHeads: 2, DVocab: 11, ActFn: hooked.GELU, Normalization: hooked.LN, Seed: 1}

func newTiny(t testing.TB, cfg hooked.Config, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.New(cfg, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// exact is the tolerance of float32 sums of a few terms.
var exact = golden.Tolerance{Abs: 1e-5, Rel: 1e-5}

// TestTensorAgainstLoops checks the eager helpers against the same arithmetic written as loops on
// the host.
func TestTensorAgainstLoops(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		wU := hooked.Must(m.WU()) // [d_model=8, d_vocab=11]
		u := wU.Float32s()
		at := func(d, v int) float64 { return float64(u[d*11+v]) }

		check := func(name string, got *hooked.Tensor, shape []int, want func(i, j int) float64) {
			t.Helper()
			if !slices.Equal(got.Shape(), shape) {
				t.Fatalf("%s: shape %v, want %v", name, got.Shape(), shape)
			}
			var flat []float32
			for i := range shape[0] {
				for j := range shape[1] {
					flat = append(flat, float32(want(i, j)))
				}
			}
			golden.Close(t, name, got.Float32s(), flat, exact)
		}
		check("range", wU.At(hooked.Range{From: 2, To: -1}), []int{5, 11}, func(i, j int) float64 { return at(i+2, j) })
		check("list", wU.At(hooked.All, []int{3, -1}), []int{8, 2}, func(i, j int) float64 { return at(i, []int{3, 10}[j]) })
		check("sub", wU.Sub(wU.At(hooked.All, 4)), []int{8, 11}, func(i, j int) float64 { return at(i, j) - at(i, 4) })
		check("scale", wU.Scale(3).Shift(1), []int{8, 11}, func(i, j int) float64 { return 3*at(i, j) + 1 })
		check("product", wU.Einsum("d a, d b -> a b", wU), []int{11, 11}, func(i, j int) (sum float64) {
			for d := range 8 {
				sum += at(d, i) * at(d, j)
			}
			return sum
		})
		check("three operands", wU.Einsum("d a, e a, e b -> b d", wU, wU), []int{11, 8}, func(b, d int) (sum float64) {
			for e := range 8 {
				for a := range 11 {
					sum += at(d, a) * at(e, a) * at(e, b)
				}
			}
			return sum
		})
		check("sum", wU.Einsum("d a, d b -> a", wU).Named("x").At(hooked.All).Einsum("x, x -> x", wU.At(0)).Einsum("x, y -> x y", wU.At(0, hooked.Range{To: 1})),
			[]int{11, 1}, func(a, _ int) (sum float64) {
				for d := range 8 {
					for b := range 11 {
						sum += at(d, a) * at(d, b)
					}
				}
				return sum * at(0, a) * at(0, 0)
			})
		check("softmax", wU.Softmax("d_vocab"), []int{8, 11}, func(i, j int) float64 {
			sum := 0.0
			for k := range 11 {
				sum += math.Exp(at(i, k))
			}
			return math.Exp(at(i, j)) / sum
		})
		check("gather", wU.Gather(hooked.Tokens{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {0, 1}, {2, 3}, {4, 5}}), []int{8, 2},
			func(i, j int) float64 { return at(i, (2*i+1+j)%11) })
	})
}

func TestReductions(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		wU := hooked.Must(newTiny(t, tiny, be).WU())
		all := wU.Float32s()
		sum, most := 0.0, math.Inf(-1)
		for _, v := range all {
			sum += float64(v)
			most = math.Max(most, float64(v))
		}
		golden.Close(t, "sum", []float32{wU.Sum().Item()}, []float32{float32(sum)}, exact)
		golden.Close(t, "mean", []float32{wU.Mean("d_model").Mean().Item()}, []float32{float32(sum / 88)}, exact)
		golden.Close(t, "max", []float32{wU.Max().Item()}, []float32{float32(most)}, exact)
		values, where := wU.TopK(3, "d_vocab")
		if first := wU.ArgMax("d_vocab").Ints(); first[0] != where.Ints()[0] || values.At(0, 0).Item() != all[first[0]] {
			t.Errorf("TopK and ArgMax disagree: %v, %v", where.Ints()[:3], first[0])
		}
	})
}

// TestTensorMistakes checks that a mistake in a cell is told in words.
func TestTensorMistakes(t *testing.T) {
	m := newTiny(t, tiny, nil)
	wU := hooked.Must(m.WU())
	for want, f := range map[string]func(){
		"index 8 out of range: axis \"d_model\" has 8 entries": func() { wU.At(8) },
		"no axis \"vocab\": this tensor has [d_model d_vocab]": func() { wU.Mean("vocab") },
		"it has 88 values": func() { wU.Item() },
		"has no arrow":     func() { wU.Einsum("a b") },
		"axis \"b\" has 11 entries in one operand and 8":        func() { wU.Einsum("a b, b a ->", wU) },
		"index 1.5 of type float64":                             func() { wU.At(1.5) },
		"range 5 to 3 is empty":                                 func() { wU.At(hooked.Range{From: 5, To: 3}) },
		"no operand has the axis \"c\"":                         func() { wU.Einsum("a b -> c") },
		"a tensor with axes [d_model d_vocab] does not fit one": func() { wU.At(0).Add(wU) },
	} {
		if err := hooked.Try(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}
