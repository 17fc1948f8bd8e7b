package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

const bertDir = "testdata/encoder/bert"

func loadEncoder(t *testing.T, be compute.Backend) *hooked.Encoder {
	t.Helper()
	e, err := hooked.EncoderFromPretrained(bertDir, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEncoder compares a BERT's logits, next-sentence logits and every activation with TransformerLens and Hugging Face.
func TestEncoder(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		var want archGolden
		golden.JSON(t, bertDir+"/golden.json", &want)
		file := golden.Open(t, bertDir+"/golden.safetensors")
		tol := golden.Tolerance{Abs: want.Tolerance.Abs, Rel: want.Tolerance.Rel}
		e := loadEncoder(t, be)
		tokens := hooked.Tokens(file.Ints("tokens"))
		options := []hooked.Option{hooked.AttentionMask(file.Ints("attention_mask")), hooked.TokenTypes(file.Ints("token_type_ids"))}
		logits, cache := hooked.Must2(e.RunWithCache(tokens, options...))
		compare(t, file, "tl_logits", logits, tol)
		compare(t, file, "hf_logits", logits, tol)
		next := hooked.Must(e.NextSentence(tokens, options...))
		compare(t, file, "tl_nsp_logits", next, tol)
		compare(t, file, "hf_nsp_logits", next, tol)
		if got := cache.Names(); !slices.Equal(got, want.HookNames) {
			t.Errorf("hooks in order:\n got %v\nwant %v", got, want.HookNames)
		}
		for _, hook := range file.Names("cache/") {
			compare(t, file, "cache/"+hook, cache.Get(hook), tol)
		}
	})
}

// TestEncoderEdits checks that an encoder takes edits: without what the layers write, every position predicts from its
// embedding alone, so equal tokens at different positions differ, and zeroing the embedding too makes all alike.
func TestEncoderEdits(t *testing.T) {
	e := loadEncoder(t, golden.PureGo(t))
	zero := hooked.Edit("hook_full_embed", hooked.Zero())
	_, cache := hooked.Must2(e.RunWithCache([]int{7, 7, 9}, zero))
	resid := cache.Get("hook_normalized_resid_post", 1)
	first, last := resid.At(0, 0).Float32s(), resid.At(0, 2).Float32s()
	golden.Close(t, "positions without an embedding", first, last, golden.Default)
	_, plain := hooked.Must2(e.RunWithCache([]int{7, 7, 9}))
	if slices.Equal(plain.Get("hook_normalized_resid_post", 1).At(0, 0).Float32s(), first) {
		t.Error("the edit changed nothing")
	}
}

// TestEncoderRefusals checks what the two kinds of model say of each other, and of token types that cannot be.
func TestEncoderRefusals(t *testing.T) {
	here := hooked.LoadOptions{Backend: golden.PureGo(t)}
	_, asModel := hooked.FromPretrained(bertDir, hooked.DefaultProcessing, here)
	_, asEncoder := hooked.EncoderFromPretrained("testdata/arch/gpt2", here)
	e := loadEncoder(t, golden.PureGo(t))
	_, unknownType := e.Run([]int{1, 2}, hooked.TokenTypes([][]int{{0, 2}}))
	_, short := e.Run([]int{1, 2}, hooked.TokenTypes([][]int{{0}}))
	for want, err := range map[string]error{"EncoderFromPretrained": asModel, "load it with FromPretrained": asEncoder,
		"0 to 1": unknownType, "1 entries, the input 2": short} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}
