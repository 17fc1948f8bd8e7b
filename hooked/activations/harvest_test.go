package activations_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/golden"
)

// TestHarvestKeepsWhatTransformerLensComputes reads back a harvest of the fixture's prompts, and
// holds it against the activations that TransformerLens has recorded.
func TestHarvestKeepsWhatTransformerLensComputes(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		file := golden.Open(t, llama+"/golden.safetensors")
		rows, err := corpus.FromTokens(file.Ints("tokens"))
		if err != nil {
			t.Fatal(err)
		}
		for dtype, tol := range map[hooked.DType]golden.Tolerance{
			hooked.F32:  {Abs: 1e-5, Rel: 1e-5},
			hooked.BF16: {Abs: 1e-5, Rel: 1.0 / 256}, // half a unit in the last of 8 places
			hooked.F16:  {Abs: 1e-5, Rel: 1.0 / 2048},
		} {
			s := harvest(t, tiny(t, be), rows, activations.Config{Sites: []string{"resid_post", "z"}, DType: dtype, Batch: 1})
			for _, name := range []string{"blocks.1.hook_resid_post", "blocks.2.attn.hook_z"} {
				want, shape := file.Floats("cache/" + name)
				for b, err := range s.Batches(name, activations.Reading{Size: s.Tokens()}) {
					if err != nil {
						t.Fatal(err)
					}
					golden.Close(t, string(dtype)+" "+name, b.Values, want, tol)
					if x := hooked.Must(b.Tensor()); !slices.Equal(x.Shape()[1:], shape[2:]) {
						t.Errorf("%s has shape %v, want %v", name, x.Shape(), shape)
					}
				}
			}
			if err := s.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}
