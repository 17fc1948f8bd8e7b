package tokenize

import "unicode"

// isPunctuation is what BERT and the Punctuation pre-tokenizer split at: all
// punctuation, and the ASCII symbols.
func isPunctuation(r rune) bool {
	return unicode.IsPunct(r) || r < 128 && r > ' ' && unicode.IsSymbol(r)
}

func isCombiningMark(r rune) bool { return unicode.Is(unicode.M, r) }

func isAssigned(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
}
