package hooked_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// generationGolden is a fixture of testdata/generation.
type generationGolden struct {
	Greedy []struct {
		Prompt string
		Tokens hooked.Tokens
		Max    int             `json:"max_new_tokens"`
		Stop   json.RawMessage `json:"eos_token_id"`
		Pad    int
		Output hooked.Tokens
		Text   string
	}
	Sampling []struct {
		ID          int
		Logits      string
		Temperature *float64
		TopK        int     `json:"top_k"`
		TopP        float64 `json:"top_p"`
		Penalty     float64 `json:"freq_penalty"`
	}
	Likeliest []int `json:"sampling_temperature_0"`
}

// stops reads eos_token_id: null for none, one, several, or absent for the tokenizer's.
func stops(t *testing.T, raw json.RawMessage) []int {
	switch {
	case raw == nil:
		return nil
	case string(raw) == "null":
		return []int{}
	case raw[0] != '[':
		return []int{atoi(t, string(raw))}
	}
	var ids []int
	if err := json.Unmarshal(raw, &ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

// padded is ids filled up to n: generation ends when all rows have, a fixture's rows go on to the
// end.
func padded(ids []int, n, pad int) []int {
	out := slices.Clone(ids)
	for len(out) < n {
		out = append(out, pad)
	}
	return out
}

func openGeneration(t *testing.T, name string) (g generationGolden) {
	golden.JSON(t, filepath.Join("testdata/generation", name+".json"), &g)
	return g
}

// forEachGeneration runs a test for every model of testdata/generation whose family can be loaded,
// on every backend.
func forEachGeneration(t *testing.T, test func(t *testing.T, m *hooked.Model, g generationGolden)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range families(t) {
			if found, _ := filepath.Glob(filepath.Join("testdata/generation", name+".json")); len(found) > 0 {
				t.Run(name, func(t *testing.T) {
					test(t, load(t, name, hooked.DefaultProcessing, be), openGeneration(t, name))
				})
			}
		}
	})
}

// TestGreedyGeneration compares token ids, with one, several and no stop tokens.
func TestGreedyGeneration(t *testing.T) {
	forEachGeneration(t, func(t *testing.T, m *hooked.Model, g generationGolden) {
		for i, want := range g.Greedy {
			var input any = want.Tokens
			if want.Prompt != "" {
				input = want.Prompt
			}
			got, err := m.Generate(input, hooked.Generation{MaxNewTokens: want.Max, StopTokens: stops(t, want.Stop)})
			if err != nil {
				t.Fatal(err)
			}
			for row, ids := range want.Output {
				if !slices.Equal(padded(got[row], len(ids), want.Pad), ids) {
					t.Errorf("case %d, row %d:\n got %v\nwant %v", i, row, got[row], ids)
				}
			}
		}
	})
}
