package dictionary_test

import (
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/zeros"
)

func TestZeros(t *testing.T) {
	zeros.CallMethods(t, dictionary.Dictionary{}, dictionary.Config{}, dictionary.Measures{}, dictionary.Sparse{}, dictionary.Pass{})
	zeros.CallFunctions(t, map[string]any{"Load": dictionary.Load, "New": dictionary.New, "Splice": dictionary.Splice})
}

// A dictionary and sparse activations can be kept between a notebook's cells.
func TestOnce(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	t.Setenv("GONB_PIPE", "")
	t.Setenv("GONB_TMP_DIR", "")
	t.Cleanup(func() { hooked.Forget("dictionary"); hooked.Forget("sparse") })
	d := hooked.Once("dictionary", func() *dictionary.Dictionary { return hooked.Must(dictionary.Load("testdata/saes/standard_z")) }, hooked.OnDisk())
	if d.Weights["W_enc"] == nil {
		t.Error("there are no weights")
	}
	s := hooked.Once("sparse", func() *dictionary.Sparse {
		return &dictionary.Sparse{Axes: []string{"row", "feature"}, Shape: []int{1, 4}, From: []int{0, 1}, Index: []int32{2}, Value: []float32{3}}
	}, hooked.OnDisk())
	if s.Rows() != 1 {
		t.Errorf("%+v", s)
	}
}
