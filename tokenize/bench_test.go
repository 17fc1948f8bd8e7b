package tokenize_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/tokenize"
)

// BenchmarkLoad reads GPT-2's tokenizer.json, as every notebook cell does that
// makes text into tokens.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(unpack(b, "gpt2"), "tokenizer.json")
	for b.Loop() {
		if _, err := tokenize.Load(path); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncode encodes the fixtures' texts, a mixture of English, code, digits and
// many scripts.
func BenchmarkEncode(b *testing.B) {
	tok := load(b, unpack(b, "gpt2"))
	var all strings.Builder
	for _, c := range readGolden(b, "gpt2").Strings {
		all.WriteString(c.Text + "\n")
	}
	text := all.String()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := tok.Encode(text); err != nil {
			b.Fatal(err)
		}
	}
}
