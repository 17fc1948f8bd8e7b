package hooked_test

import (
	"os"
	"path/filepath"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
)

// fromPackage is where a model of a package lies in the cache; testdata/real/make.py says how it
// gets there.
func fromPackage(t *testing.T, name string) string {
	t.Helper()
	path := hooked.Must(cachedir.Join(filepath.Join("models", name)))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not installed, so nothing was compared on it: see testdata/real/make.py", name)
	}
	return path
}

// TestMiniLM compares a sentence encoder, a BERT without heads, with Hugging Face: tokens, the
// first token in each layer, and the embeddings, which are means over the tokens that are no pads.
func TestMiniLM(t *testing.T) {
	path := fromPackage(t, "all-MiniLM-L6-v2")
	var want struct {
		Sentences  []string
		Tokens     hooked.Tokens
		Mask       [][]int
		First      []vectors `json:"first_token"`
		Embeddings vectors
		Similarity [][]float32
	}
	golden.JSON(t, "testdata/real/minilm.json", &want)
	tol := golden.Tolerance{Abs: 2e-5}
	e := hooked.Must(hooked.EncoderFromPretrained(path, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	tokens, mask, err := e.ToTokens(want.Sentences...)
	if err != nil || !equalTokens(tokens, want.Tokens) || !equalTokens(mask, want.Mask) {
		t.Fatalf("tokens %v, mask %v: %v", tokens, mask, err)
	}
	out, cache := hooked.Must2(e.RunWithCache(want.Sentences))
	for l, first := range want.First {
		resid := out
		if l < len(want.First)-1 {
			resid = cache.Get("resid_pre", l)
		}
		checkVectors(t, "first token", resid.At(hooked.All, 0), first, tol)
	}
	real := hooked.Must(hooked.NewTensor(mask, "batch pos"))
	sums := out.Mul(real).Sum("pos")
	unit := sums.Div(sums.Norm("d_model"))
	checkVectors(t, "embeddings", unit, want.Embeddings, tol)
	similarity := unit.Einsum("a d, b d -> a b", unit)
	for i, row := range want.Similarity {
		golden.Close(t, "similarity", similarity.At(i).Float32s(), row, tol)
	}
}

// TestGemma270M compares a Gemma 3 in GGUF's Q4_K_M with Hugging Face's reading of the same file.
func TestGemma270M(t *testing.T) {
	path := fromPackage(t, "gemma-3-270m.Q4_K_M.gguf")
	var want struct {
		Prompt string
		Tokens []int
		Last   []struct {
			Norms  float32
			First8 []float32
		} `json:"last_token"`
		Top struct {
			IDs    []int `json:"ids"`
			Logits []float32
		}
	}
	golden.JSON(t, "testdata/real/gemma3_270m.json", &want)
	m := hooked.Must(hooked.FromPretrained(path, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	tokens := hooked.Must(m.ToTokens([]string{want.Prompt}))
	if !equalTokens(tokens, hooked.Tokens{want.Tokens}) {
		t.Fatalf("tokens %v, want %v", tokens, want.Tokens)
	}
	logits, cache := hooked.Must2(m.RunWithCache(tokens, hooked.Names(hooked.ResidPre)))
	for l := range m.Config().NLayers {
		last := cache.Get("resid_pre", l).At(0, -1)
		length := want.Last[l].Norms
		tol := golden.Tolerance{Abs: 1e-5 * float64(length)}
		golden.Close(t, "length", last.Norm("d_model").Float32s(), []float32{length}, tol)
		golden.Close(t, "residual stream", last.At(hooked.Range{To: 8}).Float32s(), want.Last[l].First8, tol)
	}
	values, ids := logits.At(0, -1).TopK(10, "d_vocab")
	if got := ids.Ints(); !equalTokens([][]int{got}, [][]int{want.Top.IDs}) {
		t.Errorf("next tokens %v, want %v", got, want.Top.IDs)
	}
	golden.Close(t, "logits", values.Float32s(), want.Top.Logits, golden.Tolerance{Abs: 2e-4})
}
