package tokenize_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopherlens/tokenize"
)

// smollmGGUF is the tokenizer metadata of SmolLM2-135M-Instruct's GGUF file. Its
// tables are those of the fixture smollm2_digits; the rest is as in the file.
func smollmGGUF(tb testing.TB) map[string]any {
	tb.Helper()
	var file struct {
		AddedTokens []struct{ ID int } `json:"added_tokens"`
		Model       struct {
			Vocab  map[string]int
			Merges []string
		}
	}
	if err := json.Unmarshal(readFixture(tb, "smollm2_digits", "tokenizer.json"), &file); err != nil {
		tb.Fatal(err)
	}
	tokens := make([]string, len(file.Model.Vocab))
	types := make([]int32, len(tokens))
	for token, id := range file.Model.Vocab {
		tokens[id], types[id] = token, 1
	}
	for _, added := range file.AddedTokens {
		types[added.ID] = 3
	}
	return map[string]any{
		"general.architecture":            "llama",
		"tokenizer.ggml.model":            "gpt2",
		"tokenizer.ggml.pre":              "smollm",
		"tokenizer.ggml.tokens":           tokens,
		"tokenizer.ggml.token_type":       types,
		"tokenizer.ggml.merges":           file.Model.Merges,
		"tokenizer.ggml.bos_token_id":     uint32(1),
		"tokenizer.ggml.eos_token_id":     uint32(2),
		"tokenizer.ggml.padding_token_id": uint32(2),
		"tokenizer.ggml.unknown_token_id": uint32(0),
		"tokenizer.ggml.add_bos_token":    false,
		"tokenizer.ggml.add_space_prefix": false,
	}
}

func fromGGUF(tb testing.TB) *tokenize.Tokenizer {
	tb.Helper()
	t, err := tokenize.FromGGUF(smollmGGUF(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// Other readers give []any, and integers of other types.
func TestGGUFTypes(t *testing.T) {
	metadata := smollmGGUF(t)
	var tokens []any
	for _, token := range metadata["tokenizer.ggml.tokens"].([]string) {
		tokens = append(tokens, token)
	}
	metadata["tokenizer.ggml.tokens"] = tokens
	metadata["tokenizer.ggml.bos_token_id"] = int64(1)
	tok, err := tokenize.FromGGUF(metadata)
	if err != nil {
		t.Fatal(err)
	}
	if bos, ok := tok.BOS(); bos != 1 || !ok {
		t.Errorf("BOS = %d, %v, want 1", bos, ok)
	}
}

func TestGGUFErrors(t *testing.T) {
	tests := []struct {
		key   string
		value any
		want  string
	}{
		{"pre", "made-up", `pre "made-up" is not supported; those that are: ["codeshell"`},
		{"model", "rwkv", `model "rwkv" is not supported`},
		{"tokens", nil, "there is no key tokenizer.ggml.tokens"},
		{"tokens", 7, "tokenizer.ggml.tokens is a int, no array"},
		{"tokens", []any{"a", 1}, "holds a int where a string belongs"},
		{"token_type", []int32{1}, "has 1 entries for 49152 tokens"},
		{"merges", []string{"nospace"}, `merge "nospace" is not two tokens`},
		{"merges", []string{"Ġ notatoken"}, `token "notatoken" is not in the vocabulary`},
		{"bos_token_id", uint32(1 << 30), "not in the vocabulary"},
		{"bos_token_id", "one", "holds a string where a int belongs"},
	}
	whole := smollmGGUF(t)
	for _, test := range tests {
		metadata := maps.Clone(whole)
		metadata["tokenizer.ggml."+test.key] = test.value
		if test.value == nil {
			delete(metadata, "tokenizer.ggml."+test.key)
		}
		_, err := tokenize.FromGGUF(metadata)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s = %v: error %v, want %q", test.key, test.value, err, test.want)
		}
		checkKind(t, err, tokenize.ErrUnsupportedFile)
	}
}

// A GGUF file of a sentencepiece model (Llama 2, Mistral) gives the ids that
// sentencepiece gives.
func TestGGUFSentencePiece(t *testing.T) {
	var texts []string
	unmarshal(t, "trained", "texts.json", &texts)
	var want struct {
		Tokens []string
		Scores []float32
		Types  []int32
		IDs    [][]int
	}
	unmarshal(t, "trained/sp-bpe", "golden.json", &want)
	tok, err := tokenize.FromGGUF(map[string]any{
		"tokenizer.ggml.model":            "llama",
		"tokenizer.ggml.tokens":           want.Tokens,
		"tokenizer.ggml.scores":           want.Scores,
		"tokenizer.ggml.token_type":       want.Types,
		"tokenizer.ggml.bos_token_id":     uint32(1),
		"tokenizer.ggml.eos_token_id":     uint32(2),
		"tokenizer.ggml.unknown_token_id": uint32(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		ids, err := tok.Encode(text)
		if want.IDs[i] != nil && (err != nil || !slices.Equal(ids, want.IDs[i])) {
			t.Errorf("Encode(%q) = %v, %v, want %v", text, ids, err, want.IDs[i])
		}
	}
	if !tok.PrependsBOS() {
		t.Error("PrependsBOS() = false; llama.cpp adds a BOS to such models by default")
	}
}
