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
	File  json.RawMessage
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
		if err := os.WriteFile(path, c.File, 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := tokenize.Load(path)
		if err != nil {
			t.Errorf("%s: %v", c.File, err)
			continue
		}
		for i, text := range c.Texts {
			ids, err := tok.Encode(text)
			if (err != nil) != (c.IDs[i] == nil) || err == nil && !slices.Equal(ids, c.IDs[i]) {
				t.Errorf("%s: Encode(%q) = %v, %v, want %v", c.File, text, ids, err, c.IDs[i])
			}
		}
	}
}
