package hooked_test

import (
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
)

func TestVerify(t *testing.T) {
	forEachFamily(t, func(t *testing.T, be compute.Backend, name string) {
		if be.Name() != "go" {
			return // the checks are the same sums on any backend; families are compared on XLA elsewhere
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

// TestVerifyFindsDamage spoils one weight with NaN.
func TestVerifyFindsDamage(t *testing.T) {
	m := newTiny(t, tiny, nil)
	sd := hooked.Must(m.StateDict())
	sd["blocks.1.mlp.W_out"].Data[3] = float32(nan())
	checks, err := hooked.Must(hooked.FromStateDict(tiny, sd, hooked.NoProcessing)).Verify()
	if err != nil {
		t.Fatal(err)
	}
	if checks[0].Err == nil {
		t.Error("NaN in a weight went unnoticed:", checks)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

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
