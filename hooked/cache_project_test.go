package hooked_test

import (
	"strings"
	"testing"

	"gopherlens/hooked"
)

// decompositions are the methods that ProjectOnto serves, with options that bring out all their
// parts.
var decompositions = map[string]func(c *hooked.Cache, options ...hooked.StackOption) (*hooked.Tensor, []string, error){
	"AccumulatedResid":       (*hooked.Cache).AccumulatedResid,
	"DecomposeResid":         (*hooked.Cache).DecomposeResid,
	"StackHeadResults":       (*hooked.Cache).StackHeadResults,
	"StackNeuronResults":     (*hooked.Cache).StackNeuronResults,
	"FullResidDecomposition": (*hooked.Cache).FullResidDecomposition,
}

// TestProjectOnto compares every decomposition contracted early with the same one contracted
// afterwards, for directions of all three shapes, with and without the norm.
func TestProjectOnto(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		perPrompt := hooked.Must(f.m.TokensToResidualDirections(f.tokens)) // [batch, pos, d_model]
		directions := map[string]*hooked.Tensor{
			"d":           perPrompt.At(0, 0),
			"batch d":     perPrompt.At(hooked.All, 1),
			"batch pos d": perPrompt,
		}
		for name, decompose := range decompositions {
			for axes, direction := range directions {
				for _, flags := range []hooked.StackFlag{0, hooked.ApplyLN} {
					whole := first2(decompose(f.cache, flags))
					want := whole.Einsum("n batch pos d, "+axes+" -> n batch pos", direction)
					got := first2(decompose(f.cache, flags, hooked.ProjectOnto(direction)))
					closeTensors(t, name+" onto "+axes+" "+flags.String(), got, want, f.tol)
				}
			}
		}
	})
}

// TestDecompositionsAddUp checks that the entries add up to the residual stream that they take
// apart.
func TestDecompositionsAddUp(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		for l := 1; l <= f.m.Config().NLayers; l++ {
			want := f.cache.Get("resid_post", l-1)
			for name, stack := range map[string]*hooked.Tensor{
				"DecomposeResid":         first2(f.cache.DecomposeResid(hooked.Layer(l))),
				"StackHeadResults":       first2(f.cache.StackHeadResults(hooked.Layer(l), hooked.IncludeRemainder)),
				"StackNeuronResults":     first2(f.cache.StackNeuronResults(hooked.Layer(l), hooked.IncludeRemainder)),
				"FullResidDecomposition": first2(f.cache.FullResidDecomposition(hooked.Layer(l))),
				"with whole MLPs":        first2(f.cache.FullResidDecomposition(hooked.Layer(l), hooked.WholeMLPs)),
			} {
				closeTensors(t, name, stack.Sum("component"), want, f.tol)
			}
		}
	})
}

// TestDecompositionErrors checks that requests that make no sense are refused and told why.
func TestDecompositionErrors(t *testing.T) {
	f := openCacheFixture(t, "gpt2", nil)
	stack := first2(f.cache.DecomposeResid())
	small := hooked.Must(f.m.Cache(f.tokens, hooked.Names("resid_pre")))
	for want, got := range map[string]func() error{
		"AccumulatedResid does not take OnlyMLP":         func() error { return err3(f.cache.AccumulatedResid(hooked.OnlyMLP)) },
		"Layer(7) of a model with 3 layers":              func() error { return err3(f.cache.DecomposeResid(hooked.Layer(7))) },
		"MLPInput needs Layer(l)":                        func() error { return err3(f.cache.DecomposeResid(hooked.MLPInput)) },
		"does not take head[1]":                          func() error { return err3(f.cache.StackHeadResults(hooked.Head(1))) },
		"exclude each other":                             func() error { return err3(f.cache.DecomposeResid(hooked.OnlyAttn | hooked.OnlyMLP)) },
		"picks 99 of axis \"pos\", which has 15 entries": func() error { return err3(f.cache.DecomposeResid(hooked.Pos(99))) },
		"does not hold hook_embed":                       func() error { return err3(small.DecomposeResid()) },
		"the direction is": func() error {
			return err3(f.cache.DecomposeResid(hooked.ProjectOnto(stack)))
		},
		"say which it lies at, with Pos(i)": func() error {
			_, err := f.cache.ApplyLNToStack(stack.At(hooked.All, hooked.All, 2))
			return err
		},
		"the last axis must be d_model": func() error {
			_, err := f.cache.ApplyLNToStack(f.cache.Get("z", 0))
			return err
		},
		"the tokens do not fit the stack": func() error {
			_, err := f.cache.LogitAttrs(stack, []int{1, 2})
			return err
		},
		"tokens of type float64": func() error {
			_, err := f.cache.LogitAttrs(stack, 1.5)
			return err
		},
		"want one site in every layer": func() error {
			_, err := f.cache.StackActivation("blocks.*.hook_resid_*")
			return err
		},
	} {
		if err := got(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

func err3(_ *hooked.Tensor, _ []string, err error) error { return err }
