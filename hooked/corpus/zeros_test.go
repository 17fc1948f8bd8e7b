package corpus_test

import (
	"context"
	"testing"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/zeros"
)

// TestZeroValues calls what the package exports with nil and zero values: each returns, or panics
// with an error of its own words.
func TestZeroValues(t *testing.T) {
	zeros.CallMethods(t, corpus.Tokenized{}, corpus.Document{}, corpus.Options{}, corpus.Special{}, corpus.Fields{}, corpus.Counts{})
	zeros.CallFunctions(t, map[string]any{
		"FromTokens": corpus.FromTokens, "FromStrings": corpus.FromStrings, "FromDocuments": corpus.FromDocuments, "FromSeq": corpus.FromSeq,
		"Files": corpus.Files, "JSONLines": corpus.JSONLines, "PackageNames": corpus.PackageNames,
		"Package":  func(name string) error { _, err := corpus.Package(context.Background(), name); return err },
		"Shuffled": corpus.Shuffled, "ShuffledWithin": corpus.ShuffledWithin, "Split": corpus.Split,
		"Tokenize": corpus.Tokenize, "ForModel": corpus.ForModel, "Batches": corpus.Batches, "Token": corpus.Token,
	})
}
