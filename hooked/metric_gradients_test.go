package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestGradients compares the gradient of a logit difference with respect to every activation.
func TestGradients(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		value, _, grads, err := f.m.RunWithGradients(f.corrupted, hooked.LogitDiff(f.answer))
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, "metric", value.Float32s(), []float32{f.json.Corrupted}, f.tol)
		names := f.Names("grad_corrupted/")
		if grads.Len() != len(names) {
			t.Errorf("%d gradients, want %d", grads.Len(), len(names))
		}
		for _, name := range names {
			compare(t, f.File, "grad_corrupted/"+name, grads.Get(name), f.gradTol)
		}
	})
}

// TestGradientsAtOptionalSites compares those at the sites that are built on request only.
func TestGradientsAtOptionalSites(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		names := f.Names("grad_corrupted_split/")
		_, cache, grads, err := f.m.RunWithGradients(f.corrupted, hooked.LogitDiff(f.answer), hooked.Names("hook_embed"), hooked.Gradients(names))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			compare(t, f.File, "grad_corrupted_split/"+name, grads.Get(name), f.gradTol)
		}
		if got := cache.Names(); !slices.Equal(got, []string{"hook_embed"}) {
			t.Errorf("recorded %v, asked for hook_embed", got)
		}
	})
}

// TestGradientsOfWeights compares the gradient of the mean loss with respect to every weight.
func TestGradientsOfWeights(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		names := f.Names("param_grad_loss/")
		ours := make([]string, len(names))
		for i, name := range names { // TransformerLens calls grouped weights _W_K and so on
			ours[i] = strings.Replace(name, "attn._", "attn.", 1)
		}
		loss, cache, grads, err := f.m.LossWithGradients(f.tokens, hooked.GradientsOfWeights(ours...))
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, "loss", loss.Float32s(), []float32{f.json.LossClean}, f.tol)
		got := grads.WeightGradients()
		for i, name := range names {
			compare(t, f.File, "param_grad_loss/"+name, got[ours[i]], f.gradTol)
		}
		if cache.Len()+grads.Len() != 0 {
			t.Errorf("a run for the gradients of weights recorded %v and differentiated %v", cache.Names(), grads.Names())
		}
	})
}

// TestEditGrad doubles the gradient that flows back through one site and stops it at another:
// earlier sites see it, the value of the run does not.
func TestEditGrad(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		tokens := hooked.Tokens{{1, 2, 3, 4}}
		run := func(options ...hooked.Option) (loss float32, early, late []float32) {
			options = append(options, hooked.Gradients(hooked.ResidPre.At(1), hooked.ResidPost.At(2)))
			value, _, grads, err := m.LossWithGradients(tokens, options...)
			if err != nil {
				t.Fatal(err)
			}
			return value.Item(), grads.Get("resid_pre", 1).Float32s(), grads.Get("resid_post", 2).Float32s()
		}
		loss, early, late := run()
		doubled, twice, same := run(hooked.EditGrad(hooked.ResidPost.At(1), hooked.ScaleBy(2)))
		for i := range early {
			early[i] *= 2
		}
		golden.Close(t, "gradient before the doubled one", twice, early, golden.Default)
		golden.Close(t, "gradient after it", same, late, golden.Default)
		if doubled != loss {
			t.Errorf("an edit of the gradient changed the loss from %v to %v", loss, doubled)
		}
		_, stopped, _ := run(hooked.EditGrad(hooked.ResidPost.At(1), hooked.Zero()))
		golden.Close(t, "gradient before the stopped one", stopped, make([]float32, len(early)), golden.Tolerance{})
	})
}

// TestBadGradients names what is wrong.
func TestBadGradients(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	if _, err := m.Run(hooked.Tokens{{1, 2}}, hooked.Gradients("resid_post")); err == nil || !strings.Contains(err.Error(), "Run does not take Gradients") {
		t.Errorf("gradients of a run without a scalar: error %v", err)
	}
	for want, option := range map[string]hooked.Option{
		`"blocks.0.attn.W_X" matches no weight of the model; nearest:`: hooked.GradientsOfWeights("blocks.0.attn.W_X"),
		"LossWithGradients does not take LossPerToken":                 hooked.LossPerToken(),
	} {
		if _, _, _, err := m.LossWithGradients(hooked.Tokens{{1, 2}}, option); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
