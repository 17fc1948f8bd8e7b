package hooked_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// paddedModel is the gpt2 fixture, of 336 ids, with a tokenizer of its first 290 tokens.
func paddedModel(t *testing.T) *hooked.Model {
	t.Helper()
	dir := copied(t, "testdata/arch/gpt2")
	var file map[string]any
	if err := json.Unmarshal(hooked.Must(os.ReadFile("testdata/arch/gpt2/tokenizer.json")), &file); err != nil {
		t.Fatal(err)
	}
	model := file["model"].(map[string]any)
	vocab := model["vocab"].(map[string]any)
	maps.DeleteFunc(vocab, func(_ string, id any) bool { return id.(float64) >= 290 })
	model["merges"] = slices.DeleteFunc(model["merges"].([]any), func(merge any) bool {
		pair, ok := merge.([]any)
		if !ok {
			parts := strings.Split(merge.(string), " ")
			pair = []any{parts[0], parts[1]}
		}
		_, whole := vocab[pair[0].(string)+pair[1].(string)]
		return !whole
	})
	write(t, filepath.Join(dir, "tokenizer.json"), hooked.Must(json.Marshal(file)))
	m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPaddedVocabulary reads ids that a model has and its tokenizer has not: they are no text, as
// Hugging Face decodes them.
func TestPaddedVocabulary(t *testing.T) {
	m := paddedModel(t)
	if text, err := m.ToString([]int{5, 300, 6}); err != nil || text != "%&" {
		t.Errorf("ToString is %q, %v, want %q", text, err, "%&")
	}
	if texts, err := m.StrTokens([]int{5, 300}); err != nil || !slices.Equal(texts, []string{"%", ""}) {
		t.Errorf("StrTokens is %q, %v", texts, err)
	}
	if _, err := m.ToString([]int{-1}); err == nil || !strings.Contains(err.Error(), "-1 is no token id") {
		t.Errorf("ToString of a negative id: error %v", err)
	}
	unknown := 0
	for seed := range uint64(5) {
		g := hooked.Generation{MaxNewTokens: 12, StopTokens: []int{}, Sampling: hooked.Sampling{Temperature: 2, Seed: seed}}
		tokens := hooked.Must(m.Generate("%", g))
		text, err := m.GenerateText("%", g)
		known := slices.DeleteFunc(slices.Clone(tokens[0]), func(id int) bool { return id == 0 || id >= 290 })
		if err != nil || text != hooked.Must(m.ToString(known)) {
			t.Errorf("GenerateText is %q, %v, of the tokens %v", text, err, tokens)
		}
		for _, id := range tokens[0] {
			if id >= 290 {
				unknown++
			}
		}
	}
	if unknown == 0 {
		t.Error("no token beyond the tokenizer's was generated")
	}
}
