package patching_test

import (
	"math/rand/v2"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// byHand is the mean of an activation [batch, pos, ...] for each prompt of a base: over the
// reference prompts of its group, and over positions if all are averaged. Pads, which the mask
// calls 0, are left out.
func byHand(x *hooked.Tensor, mask [][]int, groups, baseGroups []int, overPos bool) *hooked.Array {
	shape, values := x.Shape(), x.Float32s()
	pos, inner := shape[1], len(values)/shape[0]/shape[1]
	out := hooked.NewArray(append([]int{len(baseGroups)}, shape[1:]...)...)
	for i, group := range baseGroups {
		for p := range pos {
			for k := range inner {
				sum, n := 0.0, 0.0
				for j, other := range groups {
					for q := range pos {
						if other == group && (q == p || overPos) && (mask == nil || mask[j][q] == 1) {
							sum, n = sum+float64(values[(j*pos+q)*inner+k]), n+1
						}
					}
				}
				if n > 0 {
					out.Data[(i*pos+p)*inner+k] = float32(sum / n)
				}
			}
		}
	}
	return out
}

// TestMeanByGroups compares a sweep whose replacements are means by group with explicit runs that
// replace by means made by hand.
func TestMeanByGroups(t *testing.T) {
	p := newTrial(t, "gpt2", rand.New(rand.NewPCG(7, 7)))
	reference := hooked.Tokens{{9, 8, 7, 6, 5, 14, 13}, {1, 2, 3, 4, 5, 6, 7}, {20, 19, 18, 17, 16, 15, 14}, {31, 32, 33, 34, 35, 36, 37}, {3, 5, 7, 9, 11, 13, 15}}
	groups := []int{4, 2, 4, 2, 7}
	x := hooked.Must(p.m.Cache(reference)).Get("z", 1)
	for over, c := range map[string]struct {
		overPos    bool
		baseGroups []int
	}{"batch": {false, []int{2, 4}}, "batch pos": {true, []int{4, 2}}} {
		mean := hooked.Must(p.m.NewTensor(byHand(x, nil, groups, c.baseGroups, c.overPos), "batch pos head d_head"))
		sweep := p.sweep(patching.Kind{Site: hooked.AttnZ.At(1), Over: "head"})
		sweep.Source = patching.Mean{Of: reference, Over: over, Groups: groups, BaseGroups: c.baseGroups}
		p.checkHeads(t, over, sweep, mean)
	}
}

// checkHeads compares a sweep over the heads of layer 1 with runs that replace each by a value.
func (p *trial) checkHeads(t *testing.T, name string, sweep patching.Sweep, value *hooked.Tensor, options ...patching.Option) {
	t.Helper()
	grid := hooked.Must(sweep.Run(p.m, options...))
	for head, got := range grid.Float32s() {
		want := hooked.Must(p.metric(hooked.Edit(hooked.AttnZ.At(1), hooked.Replace(value, hooked.Head(head)))))
		golden.Close(t, name, []float32{got}, []float32{want}, cellTolerance)
	}
}

// TestPaddedMeanByGroups checks that each group leaves out its own pads, and that a base whose
// groups are those of the reference prompts needs no BaseGroups.
func TestPaddedMeanByGroups(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	texts := []string{"When John and Mary went", "The cat", "A dog sat", "He"}
	tokens := hooked.Must(f.m.ToTokens(texts, hooked.PaddingSide(hooked.Left)))
	answers := hooked.Tokens{{10, 20}, {30, 40}, {50, 60}, {70, 80}}
	groups := []int{0, 1, 0, 1}
	cache := hooked.Must(f.m.Cache(tokens, hooked.PaddingSide(hooked.Left)))
	mean := hooked.Must(f.m.NewTensor(byHand(cache.Get("z", 1), cache.Mask(), groups, groups, true), "batch pos head d_head"))
	grid := hooked.Must(patching.Sweep{Kind: patching.Kind{Site: hooked.AttnZ.At(1), Over: "head"}, Base: tokens,
		Source: patching.Mean{Of: tokens, Over: "batch pos", Groups: groups}, Metric: hooked.LogitDiff(answers)}.Run(f.m, patching.PaddingSide(hooked.Left)))
	for head, got := range grid.Float32s() {
		logits := hooked.Must(f.m.Run(tokens, hooked.PaddingSide(hooked.Left), hooked.Edit(hooked.AttnZ.At(1), hooked.Replace(mean, hooked.Head(head)))))
		picked := logits.At(hooked.All, -1).Gather(answers)
		want := picked.At(hooked.All, 0).Sub(picked.At(hooked.All, 1)).Mean().Item()
		golden.Close(t, "mean of groups with pads", []float32{got}, []float32{want}, cellTolerance)
	}
}
