package hooked_test

import (
	"fmt"
	"path/filepath"
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

// TestEncoder compares a BERT's logits, next-sentence logits and every activation with
// TransformerLens and Hugging Face.
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

// TestEncoderEdits checks that an encoder takes edits: once the embedding is zero nothing tells one
// position from another.
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

// wordPieces is a tokenizer.json of a BERT with a vocabulary of a few words.
const wordPieces = `{"added_tokens": [{"id": 0, "content": "[PAD]", "special": true}, {"id": 2, "content": "[CLS]", "special": true},
	{"id": 3, "content": "[SEP]", "special": true}, {"id": 4, "content": "[MASK]", "special": true}],
	"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
	"pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
	"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
	"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
		"vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "the": 5, "cat": 6, "##s": 7, "sat": 8}}}`

// TestEncoderTexts runs texts of unequal length at once: pads must not reach the shorter one.
func TestEncoderTexts(t *testing.T) {
	dir := copied(t, bertDir)
	write(t, filepath.Join(dir, "tokenizer.json"), []byte(wordPieces))
	write(t, filepath.Join(dir, "tokenizer_config.json"), []byte(`{"pad_token": "[PAD]", "tokenizer_class": "BertTokenizer"}`))
	e := hooked.Must(hooked.EncoderFromPretrained(dir, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	texts := []string{"The cats [MASK]", "sat"}
	tokens, mask, err := e.ToTokens(texts...)
	if err != nil {
		t.Fatal(err)
	}
	if want := "[[2 5 6 7 4 3] [2 8 3 0 0 0]] [[1 1 1 1 1 1] [1 1 1 0 0 0]]"; fmt.Sprint(tokens, mask) != want {
		t.Errorf("tokens and mask are %v %v, want %s", tokens, mask, want)
	}
	both := hooked.Must(e.Run(texts)).At(1, hooked.Range{To: 3}).Float32s()
	alone := hooked.Must(e.Run("sat")).At(0).Float32s()
	golden.Close(t, "the shorter text", both, alone, golden.Default)
}

// TestEncoderRefusals checks what the two kinds of model say of each other, and of token types that
// cannot be.
func TestEncoderRefusals(t *testing.T) {
	here := hooked.LoadOptions{Backend: golden.PureGo(t)}
	_, asModel := hooked.FromPretrained(bertDir, hooked.DefaultProcessing, here)
	_, asEncoder := hooked.EncoderFromPretrained("testdata/arch/gpt2", here)
	e := loadEncoder(t, golden.PureGo(t))
	all, one := hooked.Must(e.Run([]int{1, 2, 3})), hooked.Must(e.Run([]int{1, 2, 3}, hooked.LogitsAt(-2)))
	golden.Close(t, "LogitsAt", one.At(0, 0).Float32s(), all.At(0, 1).Float32s(), golden.Default)
	_, unknownType := e.Run([]int{1, 2}, hooked.TokenTypes([][]int{{0, 2}}))
	_, short := e.Run([]int{1, 2}, hooked.TokenTypes([][]int{{0}}))
	run := func(o ...hooked.Option) error { _, err := e.Run([]int{1, 2}, o...); return err }
	_, _, cached := e.RunWithCache([]int{1, 2}, hooked.UngroupKV())
	_, stopped := e.NextSentence([]int{1, 2}, hooked.StopAtLayer(1))
	_, twice := hooked.EncoderFromPretrained(bertDir, here, here)
	for want, err := range map[string]error{"Encoder.Run does not take Names": run(hooked.Names("*")),
		"Encoder.Run does not take PrependBOS":         run(hooked.PrependBOS(true)),
		"Encoder.Run does not take PaddingSide":        run(hooked.PaddingSide(hooked.Left)),
		"StopAtLayer and LogitsAt":                     run(hooked.StopAtLayer(1), hooked.LogitsAt(0)),
		"Encoder.RunWithCache does not take UngroupKV": cached,
		"NextSentence does not take StopAtLayer":       stopped,
		"2 LoadOptions were given":                     twice, "EncoderFromPretrained": asModel, "load it with FromPretrained": asEncoder,
		"0 to 1": unknownType, "1 entries, the input 2": short} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}
