package dictionary_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// identity is a dictionary whose features are its input, as far as the kind lets them through.
func identity(t *testing.T, kind dictionary.Kind, n int, k float64) *dictionary.Dictionary {
	t.Helper()
	eye := hooked.NewArray(n, n)
	for i := range n {
		eye.Data[i*n+i] = 1
	}
	c := dictionary.Config{Kind: kind, DIn: n, DOut: n, Features: n, K: k, Normalization: dictionary.NoNormalization, Hook: "hook_embed", HookOut: "hook_embed"}
	d, err := dictionary.New(c, hooked.StateDict{"W_enc": eye, "W_dec": eye, "b_enc": hooked.NewArray(n), "b_dec": hooked.NewArray(n)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Rows with many, few and no active features, more than there is room for at first, come back as
// they are.
func TestSparse(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		const n = 300
		m := model(t, "gpt2", be)
		d := identity(t, dictionary.Standard, n, 0)
		random := rand.New(rand.NewPCG(1, 2))
		x := hooked.NewArray(2, 4, n)
		for row, active := range []int{0, 1, 5, n, 129, 128, 200, 3} {
			for _, i := range random.Perm(n)[:active] {
				x.Data[row*n+i] = 0.5 + random.Float32()
			}
		}
		s := hooked.Must(d.Sparse(hooked.Must(m.NewTensor(x, "batch pos d_in"))))
		if !slices.Equal(s.Shape, []int{2, 4, n}) || !slices.Equal(s.Axes, []string{"batch", "pos", "feature"}) || s.Rows() != 8 {
			t.Errorf("%v %v", s.Axes, s.Shape)
		}
		if len(s.Index) != 0+1+5+n+129+128+200+3 {
			t.Errorf("%d entries", len(s.Index))
		}
		golden.Close(t, "dense", hooked.Must(s.Dense()).Float32s(), x.Data, golden.Tolerance{Abs: 1e-6})
		for row := range 8 {
			if got := s.Index[s.From[row]:s.From[row+1]]; !slices.IsSorted(got) {
				t.Errorf("row %d is not in order: %v", row, got)
			}
		}
		features, values, err := s.At(0, 1)
		if err != nil || len(features) != 1 || values[0] != x.Data[n+int(features[0])] {
			t.Errorf("At(0, 1): %v %v %v", features, values, err)
		}
		if last, _, err := s.At(-1, -1); err != nil || len(last) != 3 {
			t.Errorf("At(-1, -1): %v %v", last, err)
		}
		top := s.TopFeatures(10)
		for i, a := range top {
			if x.Data[a.Row*n+a.Feature] != a.Value || i > 0 && a.Value > top[i-1].Value {
				t.Errorf("feature %d of the largest is %+v", i, a)
			}
		}
		if top[0].Value != slices.Max(x.Data) || len(top) != 10 || len(s.TopFeatures(1000)) != n || len(s.TopFeatures(-1)) != 0 {
			t.Errorf("the largest are %v", top)
		}
		column := s.Feature(top[0].Feature)
		for row, v := range column {
			if v != x.Data[row*n+top[0].Feature] {
				t.Errorf("feature %d at row %d is %v", top[0].Feature, row, v)
			}
		}
		for _, position := range [][]int{{0}, {2, 0}, {0, 4}, {0, -5}} {
			if _, _, err := s.At(position...); err == nil {
				t.Errorf("At(%v): no error", position)
			}
		}
	})
}

// The k largest of a row are kept, exactly as many where some are equal, none below zero.
func TestLargest(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := model(t, "gpt2", be)
		rows := [][]float32{
			{3, 1, 2, 5, 4, 0, 0, 0},
			{1, 1, 1, 1, 1, 1, 1, 1},
			{2, 7, 2, 2, 7, 2, 2, 2},
			{-1, -2, 3, -4, -5, -6, -7, -8},
			{0, 0, 0, 0, 0, 0, 0, 0},
			{1e-30, 1e30, 1e-37, 2e30, 1e-20, 3, 0, -1},
		}
		want := [][]float32{
			{3, 0, 0, 5, 4, 0, 0, 0},
			{1, 1, 1, 0, 0, 0, 0, 0},
			{2, 7, 0, 0, 7, 0, 0, 0},
			{0, 0, 3, 0, 0, 0, 0, 0},
			{0, 0, 0, 0, 0, 0, 0, 0},
			{0, 1e30, 0, 2e30, 0, 3, 0, 0},
		}
		x := hooked.Must(m.NewTensor(rows, "row d_in"))
		got := hooked.Must(identity(t, dictionary.TopK, 8, 3).Encode(x)).Float32s()
		golden.Close(t, "TopK", got, slices.Concat(want...), golden.Tolerance{Rel: 1e-6})
		all := hooked.Must(identity(t, dictionary.TopK, 8, 8).Encode(x)).Float32s()
		for i, v := range slices.Concat(rows...) {
			if all[i] != max(v, 0) {
				t.Errorf("with k = 8 entry %d is %v, want %v", i, all[i], max(v, 0))
			}
		}
		// of all rows together 7: 2e30, 1e30, 7, 7, 5, 4 and the first of three threes
		batch := hooked.Must(identity(t, dictionary.BatchTopK, 8, 1.25).Encode(x)).Float32s()
		together := [][]float32{{3, 0, 0, 5, 4, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, {0, 7, 0, 0, 7, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0},
			{0, 0, 0, 0, 0, 0, 0, 0}, {0, 1e30, 0, 2e30, 0, 0, 0, 0}}
		golden.Close(t, "BatchTopK", batch, slices.Concat(together...), golden.Tolerance{Rel: 1e-6})
	})
}
