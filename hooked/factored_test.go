package hooked_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// circuit is the factored matrix that a call of the fixture is about.
func (f *cacheFixture) circuit(name string) *hooked.FactoredMatrix {
	if strings.HasPrefix(name, "QK") {
		return hooked.Must(f.m.QK())
	}
	return hooked.Must(f.m.OV())
}

// line is the vector of the fixtures, from -1 to 1.
func (f *cacheFixture) line() *hooked.Tensor {
	n := f.m.Config().DModel
	values := hooked.NewArray(n)
	for i := range values.Data {
		values.Data[i] = -1 + 2*float32(i)/float32(n-1)
	}
	return hooked.Must(f.m.NewTensor(values, "d_model"))
}

// factoredCalls are the calls of the fixtures on a factored matrix m, indexed already.
var factoredCalls = map[string]func(f *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor{
	"FactoredMatrix.AB":             func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.AB() },
	"FactoredMatrix.S":              func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.S() },
	"FactoredMatrix.norm":           func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.Norm() },
	"FactoredMatrix.T.AB":           func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.T().AB() },
	"FactoredMatrix.make_even().AB": func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.MakeEven().AB() },
	"FactoredMatrix[l, h, i].AB":    func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.AB() },
	"FactoredMatrix[l, h, i, j].AB": func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.AB() },
	"FactoredMatrix.get_corner":     func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.Corner(3) },
	"(2.5 * FactoredMatrix).AB":     func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor { return m.Scale(2.5).AB() },
	"collapse_l().T @ collapse_l()": func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor {
		return gram(m.CollapseL(), "r a, r b -> a b")
	},
	"collapse_r() @ collapse_r().T": func(_ *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor {
		return gram(m.CollapseR(), "a r, b r -> a b")
	},
	"FactoredMatrix @ v, v = linspace(-1, 1, d_model)": func(f *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor {
		return m.MulVec(f.line())
	},
	"v @ FactoredMatrix, v = linspace(-1, 1, d_model)": func(f *cacheFixture, m *hooked.FactoredMatrix) *hooked.Tensor {
		return m.VecMul(f.line())
	},
	"(W_E @ OV[1,0] @ W_U).get_corner(5)": func(f *cacheFixture, _ *hooked.FactoredMatrix) *hooked.Tensor {
		return f.fullOV().Corner(5)
	},
	"(W_E @ OV[1,0] @ W_U).S[:d_head]": func(f *cacheFixture, _ *hooked.FactoredMatrix) *hooked.Tensor { return f.fullOV().S() },
	"W_E[:9] @ QK[0,1] @ W_E[:9].T": func(f *cacheFixture, _ *hooked.FactoredMatrix) *hooked.Tensor {
		few := hooked.Must(f.m.WE()).At(hooked.Range{From: 0, To: 9})
		qk := hooked.Must(f.m.QK()).At(0, 1)
		return qk.LeftMatMul(few).MatMul(few.Einsum("token d -> d token")).AB()
	},
}

func gram(t *hooked.Tensor, equation string) *hooked.Tensor { return t.Einsum(equation, t) }

func (f *cacheFixture) fullOV() *hooked.FactoredMatrix {
	ov := hooked.Must(f.m.OV()).At(1, 0)
	return ov.LeftMatMul(hooked.Must(f.m.WE())).MatMul(hooked.Must(f.m.WU()))
}

func TestFactoredCalls(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		made := 0
		for _, call := range f.calls {
			run := factoredCalls[call.Call]
			if run == nil {
				continue
			}
			made++
			var index []any
			for _, i := range call.Args.Index {
				index = append(index, i)
			}
			got := run(f, f.circuit(call.Args.Matrix).At(index...))
			want, shape := f.Floats(call.ID)
			if !slices.Equal(got.Shape(), shape) {
				t.Errorf("%s: %v, want shape %v", call.ID, got, shape)
				continue
			}
			golden.Close(t, call.ID+" "+call.Call, got.Float32s(), want, f.tol)
		}
		if made == 0 {
			t.Error("no call of the fixture was made")
		}
	})
}

// TestComposition compares the composition scores of all pairs of heads.
func TestComposition(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		for _, call := range f.calls {
			if call.Call != "all_composition_scores" {
				continue
			}
			got := hooked.Must(f.m.AllCompositionScores(hooked.CompositionMode(call.Args.Mode)))
			compare(t, f.File, call.ID, got, f.tol)
		}
	})
}

// TestEigenvalues compares eigenvalues as sets: conjugate pairs have no order.
func TestEigenvalues(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		for _, call := range f.calls {
			if call.Call != "FactoredMatrix.eigenvalues" {
				continue
			}
			re, im := f.circuit(call.Args.Matrix).At(call.Args.Index[0], call.Args.Index[1]).Eigenvalues()
			wantRe, _ := f.Floats(call.ID + "_re")
			wantIm, _ := f.Floats(call.ID + "_im")
			for _, want := range pairs(wantRe, wantIm) {
				if d := nearestPair(want, pairs(re.Float32s(), im.Float32s())); d > f.tol.Abs {
					t.Errorf("%s: no eigenvalue near %v, the nearest is %g away", call.ID, want, d)
				}
			}
		}
	})
}

func pairs(re, im []float32) []complex128 {
	out := make([]complex128, len(re))
	for i := range re {
		out[i] = complex(float64(re[i]), float64(im[i]))
	}
	return out
}

func nearestPair(want complex128, got []complex128) float64 {
	best := math.Inf(1)
	for _, g := range got {
		best = min(best, math.Hypot(real(g-want), imag(g-want)))
	}
	return best
}

// TestSVD checks that U, S and V are a decomposition: the columns orthonormal, the product the
// matrix.
func TestSVD(t *testing.T) {
	f := openCacheFixture(t, "gpt2", nil)
	ov := hooked.Must(f.m.OV())
	u, s, v := ov.SVD()
	product := u.Einsum("l h i r, l h r, l h j r -> l h i j", s, v)
	closeTensors(t, "U S V^T", product, ov.AB(), f.tol)
	rank := ov.Rank()
	identity := make([]float32, rank*rank)
	for i := range rank {
		identity[i*rank+i] = 1
	}
	for name, x := range map[string]*hooked.Tensor{"U": u, "V": v} {
		golden.Close(t, name, gram(x.At(1, 2), "i r, i s -> r s").Float32s(), identity, f.tol)
	}
}

// TestFactoredProducts checks that products of factored matrices are those of the matrices.
func TestFactoredProducts(t *testing.T) {
	f := openCacheFixture(t, "gpt2", nil)
	ov, qk := hooked.Must(f.m.OV()), hooked.Must(f.m.QK())
	got := ov.MatMulFactored(qk)
	want := ov.AB().Einsum("l h i j, l h j k -> l h i k", qk.AB())
	closeTensors(t, "OV QK", got.AB(), want, f.tol)
	closeTensors(t, "unsqueezed", ov.Unsqueeze(0, "one").AB().At(0), ov.AB(), f.tol)
	if rank := got.Rank(); rank != f.m.Config().DHead {
		t.Errorf("the product has rank %d, want %d", rank, f.m.Config().DHead)
	}
	err := hooked.Try(func() { ov.MatMul(hooked.Must(f.m.WE())) })
	if err == nil || !strings.Contains(err.Error(), "Einsum") {
		t.Errorf("a product of shapes that do not fit gave %v", err)
	}
	if text := fmt.Sprint(ov); !strings.Contains(text, "[3 3 24 24]") {
		t.Errorf("String is %q", text)
	}
}

// The matrices of two heads joined are the sum of their products, with the sum of their ranks.
func TestJoinFactored(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	ov := hooked.Must(m.OV())
	one, two := ov.At(0, 1), ov.At(2, 0)
	joined := hooked.JoinFactored(one, two)
	within(t, "product", joined.AB().Float32s(), one.AB().Add(two.AB()).Float32s(), 1e-6)
	if joined.Rank() != one.Rank()+two.Rank() {
		t.Errorf("rank %d", joined.Rank())
	}
	layers := hooked.JoinFactored(ov.At(0), ov.At(1), ov.At(2)) // with a leading axis
	want := ov.At(0).AB().Add(ov.At(1).AB()).Add(ov.At(2).AB())
	within(t, "products of layers", layers.AB().Float32s(), want.Float32s(), 1e-6)
	for _, f := range []func(){
		func() { hooked.JoinFactored() },
		func() { hooked.JoinFactored(one, ov) },
		func() { hooked.JoinFactored(one, nil) },
	} {
		if hooked.Try(f) == nil {
			t.Error("no error")
		}
	}
}
