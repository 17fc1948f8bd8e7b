package dictionary_test

import (
	"testing"

	"gopherlens/hooked/dictionary"
	"gopherlens/internal/zeros"
)

func TestZeros(t *testing.T) {
	zeros.CallMethods(t, dictionary.Dictionary{}, dictionary.Config{}, dictionary.Measures{}, dictionary.Sparse{}, dictionary.Pass{})
	zeros.CallFunctions(t, map[string]any{"Load": dictionary.Load, "New": dictionary.New, "Splice": dictionary.Splice})
}
