package activations_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

// llama is the tiny model of package hooked's fixtures: 3 layers, d_model 36, 6 heads of 6, context
// 40, 336 tokens.
const llama = "../testdata/arch/llama"

func tiny(t testing.TB, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.FromPretrained(llama, hooked.NoProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rowsOf are n rows of a length that have little in common.
func rowsOf(t testing.TB, n, length int) corpus.Contexts {
	t.Helper()
	c, err := corpus.FromTokens(golden.Rows(n, length, 336))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func harvest(t testing.TB, m *hooked.Model, rows corpus.Contexts, c activations.Config) *activations.Store {
	t.Helper()
	if c.Folder == "" {
		c.Folder = filepath.Join(t.TempDir(), "store")
	}
	s, err := activations.Harvest(context.Background(), m, rows, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
