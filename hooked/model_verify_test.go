package hooked_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

func TestVerify(t *testing.T) {
	forEachFamily(t, func(t *testing.T, be compute.Backend, name string) {
		if !golden.IsPureGo(be) {
			// the checks are the same sums on any backend; families are compared on XLA elsewhere
			return
		}
		checks, err := load(t, name, hooked.DefaultProcessing, be).Verify()
		if err != nil || len(checks) != 3 {
			t.Fatal(checks, err)
		}
		for _, c := range checks {
			if c.Err != nil {
				t.Error(c)
			}
		}
	})
}

// TestVerifyFindsDamage spoils a weight: it is finite, and what is computed with it is not.
func TestVerifyFindsDamage(t *testing.T) {
	m := newTiny(t, tiny, nil)
	sd := hooked.Must(m.StateDict())
	for i := range sd["unembed.W_U"].Data {
		sd["unembed.W_U"].Data[i] = math.MaxFloat32
	}
	checks, err := hooked.Must(hooked.FromStateDict(tiny, sd, hooked.NoProcessing)).Verify()
	if err != nil {
		t.Fatal(err)
	}
	if checks[0].Err == nil {
		t.Error("logits that are not finite went unnoticed:", checks)
	}
}

// TestVerifyReal checks the default model against the loss that TransformerLens gives.
func TestVerifyReal(t *testing.T) {
	onReal(t, func(t *testing.T, m *hooked.Model, _ realGolden) {
		checks := hooked.Must(m.Verify())
		if len(checks) != 4 {
			t.Errorf("%d checks, want 4: the published loss is missing", len(checks))
		}
		for _, c := range checks {
			if c.Err != nil {
				t.Error(c)
			}
		}
	})
}

// TestPublishedLosses checks real models against the losses that TransformerLens' own tests assert.
// It needs their files in the Hugging Face cache; the same code runs on the default model above.
func TestPublishedLosses(t *testing.T) {
	for _, name := range []string{"gpt2-small", "pythia-70m", "gpt-neo-125m", "opt-125m"} {
		t.Run(name, func(t *testing.T) {
			m, err := hooked.FromPretrained(name, hooked.DefaultProcessing, hooked.LoadOptions{Offline: true})
			if err != nil && !strings.Contains(err.Error(), "is not in the cache") {
				t.Fatal(err)
			}
			if err != nil {
				t.Skipf("the weights of %s are not on this machine, so its published loss is not compared: %v", name, err)
			}
			for _, c := range hooked.Must(m.Verify()) {
				if c.Err != nil {
					t.Error(c)
				}
			}
		})
	}
}
