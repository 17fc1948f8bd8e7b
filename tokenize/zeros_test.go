package tokenize_test

import (
	"testing"

	"gopherlens/internal/zeros"
	"gopherlens/tokenize"
)

// TestZeros calls the package with nil tokenizers, empty files and the like.
func TestZeros(t *testing.T) {
	zeros.CallMethods(t, tokenize.Tokenizer{}, tokenize.Encoding{}, tokenize.Options{}, tokenize.ConcatenateOptions{}, tokenize.Span{},
		tokenize.Occurrence(0), tokenize.Message{}, tokenize.ChatOptions{}, tokenize.Chat{}, tokenize.Prepend(0), tokenize.Side(0))
	zeros.CallFunctions(t, map[string]any{"Load": tokenize.Load, "FromGGUF": tokenize.FromGGUF, "FromFiles": tokenize.FromFiles})
}
