package patching_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// latents is how many features the dictionary of the tests has.
const latents = 3

// splice passes the residual stream through a small dictionary, whose features are a tap.
func splice(x *Node, _ hooked.Site) *Node {
	encoder := make([][]float32, x.Shape().Dim(-1))
	for i := range encoder {
		for j := range latents {
			encoder[i] = append(encoder[i], float32(math.Sin(float64(5*i+7*j))))
		}
	}
	e := Const(x.Graph(), encoder)
	features := hooked.Tap("features", Tanh(Einsum("bpd,df->bpf", x, e)), "batch pos feature")
	return Add(x, Einsum("bpf,df->bpd", features, e))
}

// patchedBy is the metric of one run, in which an edit replaces a tensor's entries.
func patchedBy(t *testing.T, m *hooked.Model, base hooked.Tokens, metric hooked.Metric, options ...hooked.Option) float32 {
	t.Helper()
	value, err := m.Measure(base, metric, options...)
	if err != nil {
		t.Fatal(err)
	}
	return value.Item()
}

// TestSweepOfTaps compares every cell of sweeps over a tap with a single run that patches it.
func TestSweepOfTaps(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		f := openFixture(t, "gpt2", be)
		spliced := hooked.Edit(hooked.ResidPre, splice)
		tap := hooked.ResidPre.Tap("features")
		clean := hooked.Must(f.m.Cache(f.clean, spliced, hooked.Names("*.features")))
		n := len(f.clean[0])
		single := func(l int, picks ...hooked.Entries) float32 {
			t.Helper()
			patch := hooked.Edit(tap.At(l), hooked.Replace(clean.Get(tap.At(l)), picks...))
			return patchedBy(t, f.m, f.corrupted, f.metric, spliced, patch)
		}
		var want []float32
		grid, err := f.sweep(patching.Kind{Site: tap, Over: "layer pos"}).Run(f.m, patching.Edits(spliced))
		if err != nil {
			t.Fatal(err)
		}
		for l := range f.m.Config().NLayers {
			for p := range n {
				want = append(want, single(l, hooked.Pos(p)))
			}
		}
		golden.Close(t, "layer pos", grid.Float32s(), want, f.tol)
		if slices.Min(want) == slices.Max(want) {
			t.Error("no patch changes anything")
		}
		if golden.LeftOut(be, "the rest") {
			return
		}
		grid, err = f.sweep(patching.Kind{Site: tap.At(1), Over: "feature pos"}).Run(f.m, patching.Edits(spliced))
		if err != nil {
			t.Fatal(err)
		}
		want = nil
		for i := range latents {
			for p := range n {
				want = append(want, single(1, hooked.Along("feature", i), hooked.Pos(p)))
			}
		}
		golden.Close(t, "feature pos", grid.Float32s(), want, f.tol)

		// the sources: zeros, a mean, a cache
		for what, c := range map[string]struct {
			source patching.Source
			value  *hooked.Tensor
		}{
			"cache": {patching.FromCache(clean), clean.Get(tap.At(0))},
			"zeros": {patching.AllZeros(), clean.Get(tap.At(0)).Scale(0)},
			"mean":  {patching.Mean{Of: f.clean, Over: "batch"}, clean.Get(tap.At(0)).Scale(0).Add(clean.Get(tap.At(0)).Mean("batch"))},
		} {
			sweep := f.sweep(patching.Kind{Site: tap.At(0), Over: "feature"})
			sweep.Source = c.source
			grid, err := sweep.Run(f.m, patching.Edits(spliced))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for i := range latents {
				patch := hooked.Edit(tap.At(0), hooked.Replace(c.value, hooked.Along("feature", i)))
				golden.Close(t, what, []float32{grid.At(i)}, []float32{patchedBy(t, f.m, f.corrupted, f.metric, spliced, patch)}, f.tol)
			}
		}
	})
}

// TestAttributionOfTaps compares attribution at a tap with the gradient there times the difference.
func TestAttributionOfTaps(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	spliced := hooked.Edit(hooked.ResidPre.At(1), splice)
	tap := hooked.ResidPre.At(1).Tap("features")
	grid, err := f.sweep(patching.Kind{Site: tap, Over: "pos feature"}).Attribution(f.m, patching.Edits(spliced))
	if err != nil {
		t.Fatal(err)
	}
	_, base, grads, err := f.m.RunWithGradients(f.corrupted, f.metric, spliced, hooked.Names(tap), hooked.Gradients(tap))
	if err != nil {
		t.Fatal(err)
	}
	clean := hooked.Must(f.m.Cache(f.clean, spliced, hooked.Names(tap))).Get(tap)
	want := clean.Sub(base.Get(tap)).Mul(grads.Get(tap)).Sum("batch")
	golden.Close(t, "attribution", grid.Float32s(), want.Float32s(), f.gradTol)
	if slices.Max(want.Abs().Float32s()) == 0 {
		t.Error("the attributions are all zero")
	}
}

// TestEditsThatChangeNothing compares sweeps and paths in runs of their own, with an edit that
// changes nothing, with those that keep what they can of the base run.
func TestEditsThatChangeNothing(t *testing.T) {
	f := openFixture(t, "llama", golden.PureGo(t))
	still := patching.Edits(hooked.Edit(hooked.Embed, func(x *Node, _ hooked.Site) *Node { return x }))
	for _, ungroup := range []bool{false, true} {
		var options []patching.Option
		if ungroup {
			options = []patching.Option{patching.Ungroup()}
		}
		for name, grid := range map[string]gridOf{
			"resid pre":       sweepOf(patching.ResidPre),
			"head z":          sweepOf(patching.HeadOutAllPos),
			"head k by pos":   sweepOf(patching.HeadKByPos),
			"pattern":         sweepOf(patching.HeadPatternByPos),
			"every":           sweepOf(patching.BlockEvery),
			"path to the end": pathTo(patching.FinalResid()),
			"path to queries": pathTo(patching.Heads(hooked.AttnQ, patching.HeadAt{Layer: 1, Head: 1})),
			"path to values":  pathTo(patching.Heads(hooked.AttnV, patching.HeadAt{Layer: 1, Head: 1})),
		} {
			want := hooked.Must(grid(f.m, f.corrupted, patching.FromTokens(f.clean), f.metric, options...))
			got, err := grid(f.m, f.corrupted, patching.FromTokens(f.clean), f.metric, append(options, still)...)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			golden.Close(t, name, got.Float32s(), want.Float32s(), golden.Tolerance{Abs: 1e-4, Rel: 1e-4})
			if !slices.Equal(got.AxisNames(), want.AxisNames()) || slices.Min(want.Float32s()) == slices.Max(want.Float32s()) {
				t.Errorf("%s: axes %v, numbers %v", name, got.AxisNames(), want.Float32s()[:1])
			}
		}
	}
}

// TestEditsWithPads checks the same of prompts that are padded on the left, told by a mask.
func TestEditsWithPads(t *testing.T) {
	m := openFixture(t, "gpt2", golden.PureGo(t)).m
	base, mask := unequal.padded(unequal.base)
	source, _ := unequal.padded(unequal.source)
	options := []patching.Option{patching.AttentionMask(mask)}
	still := patching.Edits(hooked.Edit(hooked.Embed, func(x *Node, _ hooked.Site) *Node { return x }))
	for _, what := range []string{"resid pre", "head k by pos", "path to queries"} {
		grid := paddedSweeps[what]
		want := hooked.Must(grid(m, base, patching.FromTokens(source), hooked.LogitDiff(unequal.answers), options...))
		got, err := grid(m, base, patching.FromTokens(source), hooked.LogitDiff(unequal.answers), append(options, still)...)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		golden.Close(t, what, got.Float32s(), want.Float32s(), golden.Tolerance{Abs: 2e-5, Rel: 1e-4})
	}
}

// TestEditsCount checks that edits are in the runs of a sweep, and how progress counts them.
func TestEditsCount(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	ablated := hooked.Edit(hooked.MLPOut.At(0), hooked.Zero())
	var last patching.Progress
	grid, err := f.sweep(patching.HeadOutAllPos).Run(f.m, patching.Edits(ablated), patching.OnProgress(func(p patching.Progress) { last = p }))
	if err != nil {
		t.Fatal(err)
	}
	clean := hooked.Must(f.m.Cache(f.clean, ablated))
	for _, at := range [][2]int{{0, 0}, {1, 2}} {
		patch := hooked.Edit(hooked.AttnZ.At(at[0]), hooked.Replace(clean.Get(hooked.AttnZ.At(at[0])), hooked.Head(at[1])))
		golden.Close(t, "an ablated model", []float32{grid.At(at[0], at[1])}, []float32{patchedBy(t, f.m, f.corrupted, f.metric, ablated, patch)}, f.tol)
	}
	if last.Done == 0 || last.Done != last.Total {
		t.Errorf("it ended with %v", last)
	}
}

// TestEditsErrors checks what is refused.
func TestEditsErrors(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	spliced := hooked.Edit(hooked.ResidPre.At(1), splice)
	tap := hooked.ResidPre.At(1).Tap("features")
	odd := func(name, axes string, f func(x *Node) *Node) patching.Option {
		return patching.Edits(hooked.Edit(hooked.ResidPre.At(1), func(x *Node, _ hooked.Site) *Node {
			return Add(x, ReduceAllSum(hooked.Tap(name, f(x), axes)))
		}))
	}
	for _, c := range []struct {
		want    string
		kind    patching.Kind
		options []patching.Option
	}{
		{"no hook of the model: an edit", patching.Kind{Site: tap, Over: "pos"}, nil},
		{"the taps of this run's edits are", patching.Kind{Site: tap.Tap("more"), Over: "pos"}, []patching.Option{patching.Edits(spliced)}},
		{"cannot run over \"head\"", patching.Kind{Site: tap, Over: "head"}, []patching.Option{patching.Edits(spliced)}},
		{"layers have no such site", patching.Kind{Site: hooked.Embed, Over: "pos"}, []patching.Option{patching.Edits(spliced)}},
		{"axis batch first", patching.Kind{Site: hooked.ResidPre.At(1).Tap("sum"), Over: "pos"},
			[]patching.Option{odd("sum", "pos", func(x *Node) *Node { return ReduceSum(x, 0, 2) })}},
		{"there are no edits", patching.ResidPre, []patching.Option{patching.Edits()}},
		{"Names is no edit", patching.ResidPre, []patching.Option{patching.Edits(hooked.Names(tap))}},
		{"option 0 is nil", patching.ResidPre, []patching.Option{patching.Edits(nil)}},
		{"BatchTokens would do nothing", patching.ResidPre, []patching.Option{patching.Edits(spliced), patching.BatchTokens(5)}},
		{"Edits was given twice", patching.ResidPre, []patching.Option{patching.Edits(spliced), patching.Edits(spliced)}},
	} {
		_, err := f.sweep(c.kind).Run(f.m, c.options...)
		refused(t, err, c.want)
	}
	// a tap without positions is patched as a whole
	whole := odd("last", "batch d_model", func(x *Node) *Node { return Squeeze(SliceAxis(x, 1, AxisElem(0)), 1) })
	grid, err := f.sweep(patching.Kind{Site: hooked.ResidPre.At(1).Tap("last"), Over: "d_model"}).Run(f.m, whole)
	if err != nil || grid.Shape()[0] != f.m.Config().DModel {
		t.Errorf("a tap without positions: %v", err)
	}
}

// TestShortformerSweeps compares sweeps of a model whose positions are added to queries and keys
// with single patched runs, and prompts padded on the left with each alone.
func TestShortformerSweeps(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		p := unequal
		p.m = hooked.Must(hooked.FromPretrained("../testdata/native/attn_only_shortformer", hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
		m := p.m
		base, source := hooked.Tokens{{1, 5, 9, 13, 2}, {1, 7, 11, 20, 30}}, hooked.Tokens{{1, 5, 8, 13, 3}, {1, 7, 11, 21, 31}}
		vocab := m.Config().DVocab
		for _, row := range slices.Concat(base, source, p.base, p.source, p.answers) {
			if slices.Max(row) >= vocab {
				t.Fatalf("the vocabulary has %d tokens", vocab)
			}
		}
		metric := hooked.LogitDiff(hooked.Tokens{{3, 4}, {5, 6}})
		cache := hooked.Must(m.Cache(source))
		for name, c := range map[string]struct {
			kind patching.Kind
			pick func(index []int) []hooked.Entries
		}{
			"resid pre": {patching.ResidPre, func(i []int) []hooked.Entries { return []hooked.Entries{hooked.Pos(i[1])} }},
			"z":         {patching.HeadOutByPos, func(i []int) []hooked.Entries { return []hooked.Entries{hooked.Pos(i[1]), hooked.Head(i[2])} }},
			"k":         {patching.HeadKByPos, func(i []int) []hooked.Entries { return []hooked.Entries{hooked.Pos(i[1]), hooked.Head(i[2])} }},
			"q":         {patching.HeadQAllPos, func(i []int) []hooked.Entries { return []hooked.Entries{hooked.Head(i[1])} }},
		} {
			if golden.LeftOut(be, name, "k") {
				continue
			}
			grid := hooked.Must(patching.Sweep{Kind: c.kind, Base: base, Source: patching.FromTokens(source), Metric: metric}.Run(m))
			var want []float32
			for flat := range grid.Float32s() {
				index, rest := make([]int, len(grid.Shape())), flat
				for axis := len(index) - 1; axis >= 0; axis-- {
					index[axis], rest = rest%grid.Shape()[axis], rest/grid.Shape()[axis]
				}
				site := c.kind.Site.At(index[0])
				want = append(want, patchedBy(t, m, base, metric, hooked.Edit(site, hooked.Replace(cache.Get(site), c.pick(index)...))))
			}
			golden.Close(t, name, grid.Float32s(), want, golden.Tolerance{Abs: 2e-5, Rel: 1e-4})
			if slices.Min(want) == slices.Max(want) {
				t.Errorf("%s: all numbers are %v", name, want[0])
			}
		}
		for what, sweep := range paddedSweeps {
			if golden.LeftOut(be, what, "head k by pos") {
				continue
			}
			p.check(t, what, sweep)
		}
	})
}
