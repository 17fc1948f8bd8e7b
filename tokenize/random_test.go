package tokenize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gopherlens/tokenize"
)

// randomModel is a case of testdata/random, which make.py there writes with Hugging
// Face's library.
type randomModel struct {
	Model json.RawMessage
	Texts []string
	IDs   [][]int // nil: an error
}

// Small vocabularies with holes: an unknown character waits for the next known one, and
// the bytes of those between go before it.
func TestRandomBPE(t *testing.T) {
	var cases []randomModel
	unmarshal(t, "random", "bpe.json", &cases)
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	for _, c := range cases {
		file := slices.Concat([]byte(`{"version": "1.0", "model": `), c.Model, []byte("}"))
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := tokenize.Load(path)
		if err != nil {
			t.Errorf("%s: %v", c.Model, err)
			continue
		}
		for i, text := range c.Texts {
			ids, err := tok.Encode(text)
			if (err != nil) != (c.IDs[i] == nil) || !slices.Equal(ids, c.IDs[i]) {
				t.Errorf("%s: Encode(%q) = %v, %v, want %v", c.Model, text, ids, err, c.IDs[i])
			}
		}
	}
}
