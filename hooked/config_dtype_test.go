package hooked_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// precisions are the 16-bit types with the relative rounding error of one number, 2 to the minus
// significant bits.
var precisions = map[hooked.DType]float64{hooked.BF16: 1.0 / 256, hooked.F16: 1.0 / 2048}

// roundings is how many roundings may add up in a logit of the fixtures: a few for each of their
// two to four layers.
const roundings = 32

// TestDType runs families in 16 bits: logits must be as near to those of float32 as the roundings
// allow, and not nearer than one of them.
func TestDType(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "llama", "gemma2", "bloom"} {
			if golden.LeftOut(be, name, "llama") {
				continue // each program takes XLA a second
			}
			_, file, _ := readGolden(t, name)
			want, _ := file.Floats("tl_logits")
			for precision, eps := range precisions {
				m := hooked.Must(hooked.FromPretrained("testdata/arch/"+name, hooked.NoProcessing, hooked.LoadOptions{Backend: be, DType: precision}))
				got := hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")))).Float32s()
				largest := slices.MaxFunc(want, func(a, b float32) int { return int(math.Copysign(1, math.Abs(float64(a))-math.Abs(float64(b)))) })
				bound := roundings * eps * math.Abs(float64(largest))
				golden.Close(t, name+" in "+string(precision), got, want, golden.Tolerance{Abs: bound})
				if worst := farthest(got, want); worst < eps/roundings {
					t.Errorf("%s in %s is only %v from float32: nothing was rounded", name, precision, worst)
				}
			}
		}
	})
}

func farthest(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		worst = math.Max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst
}

// TestDTypeSites checks where rounding happens: bfloat16 numbers have no more than eight
// significant bits, at every site but those that stay precise, whose rows are exact sums and norms.
func TestDTypeSites(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t), DType: hooked.BF16}))
	if !strings.Contains(m.String(), "bfloat16") {
		t.Errorf("the model does not say its precision: %s", m)
	}
	_, cache := hooked.Must2(m.RunWithCache([]int{5, 3, 8, 1}, hooked.Edit("hook_embed", hooked.AddTo(0.001))))
	for _, site := range cache.Sites() {
		name := site.Name()
		precise := strings.HasSuffix(name, "hook_scale") || strings.HasSuffix(name, "hook_attn_scores") || strings.HasSuffix(name, "hook_pattern")
		if got := allRounded(cache.Get(site).Float32s()); got == precise {
			t.Errorf("%s: rounded %t, want %t", name, got, !precise)
		}
	}
	for _, name := range []string{"embed.W_E", "blocks.1.attn.W_Q", "unembed.W_U"} {
		if !allRounded(hooked.Must(m.Weight(name)).Float32s()) {
			t.Errorf("%s is not rounded", name)
		}
	}
}

func allRounded(values []float32) bool {
	return !slices.ContainsFunc(values, func(v float32) bool { return math.Float32bits(v)&0xffff != 0 })
}

// TestDTypeUnknown checks the refusal of a precision that does not exist.
func TestDTypeUnknown(t *testing.T) {
	_, err := hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t), DType: "int8"})
	if err == nil || !strings.Contains(err.Error(), "int8") || !strings.Contains(err.Error(), "bfloat16") {
		t.Errorf("error %v, want one that names int8 and what there is", err)
	}
}
