package patching_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// pairs are prompts of unequal length that a sweep patches from other ones into, with the answers
// to tell apart.
type pairs struct {
	m            *hooked.Model
	base, source hooked.Tokens
	answers      hooked.Tokens
	pad          int
}

var unequal = pairs{
	base:    hooked.Tokens{{1, 5, 9, 13}, {1, 7, 11, 20, 30, 40}},
	source:  hooked.Tokens{{1, 6, 9, 14}, {1, 8, 12, 20, 31, 41}},
	answers: hooked.Tokens{{10, 20}, {30, 40}},
	pad:     2,
}

// gridOf is anything of the package that makes a grid.
type gridOf func(m *hooked.Model, base hooked.Tokens, source patching.Source, metric hooked.Metric, options ...patching.Option) (*patching.Grid, error)

func sweepOf(kind patching.Kind) gridOf {
	return func(m *hooked.Model, b hooked.Tokens, s patching.Source, metric hooked.Metric, o ...patching.Option) (*patching.Grid, error) {
		return patching.Sweep{Kind: kind, Base: b, Source: s, Metric: metric}.Run(m, o...)
	}
}

func pathTo(to patching.Receivers) gridOf {
	return func(m *hooked.Model, b hooked.Tokens, s patching.Source, metric hooked.Metric, o ...patching.Option) (*patching.Grid, error) {
		return patching.Path{To: to, Base: b, Source: s, Metric: metric}.Run(m, o...)
	}
}

// paddedSweeps are compared in every family; the others share their programs.
var paddedSweeps = map[string]gridOf{
	"resid pre":             sweepOf(patching.ResidPre),
	"head k by pos":         sweepOf(patching.HeadKByPos),
	"head pattern dest src": sweepOf(patching.HeadPatternDestSrc),
	"zeros": func(m *hooked.Model, b hooked.Tokens, _ patching.Source, metric hooked.Metric, o ...patching.Option) (*patching.Grid, error) {
		return sweepOf(patching.HeadOutAllPos)(m, b, patching.AllZeros(), metric, o...)
	},
	"path to the end": pathTo(patching.FinalResid()),
	"path to queries": pathTo(patching.Heads(hooked.AttnQ, patching.HeadAt{Layer: 1, Head: 1})),
	"attribution": func(m *hooked.Model, b hooked.Tokens, s patching.Source, metric hooked.Metric, o ...patching.Option) (*patching.Grid, error) {
		return patching.Sweep{Kind: patching.HeadOutByPos, Base: b, Source: s, Metric: metric}.Attribution(m, o...)
	},
}

// TestPaddedSweeps checks that prompts padded on the left give the mean of what they give alone, in
// families with learned, rotary and ALiBi positions, local attention and grouped heads.
func TestPaddedSweeps(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "bloom", "gemma2", "gpt_neox", "llama", "opt"} {
			if golden.LeftOut(be, name, "bloom") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				p := unequal
				p.m = hooked.Must(hooked.FromPretrained(filepath.Join("../testdata/arch", name), hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))
				for what, sweep := range paddedSweeps {
					p.check(t, what, sweep)
				}
			})
		}
	})
}

// TestPaddedActPatches checks every ready kind in one family.
func TestPaddedActPatches(t *testing.T) {
	if testing.Short() {
		t.Skip("TestPaddedSweeps covers the kinds")
	}
	p := unequal
	p.m = hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	for name, kind := range actPatches {
		p.check(t, name, sweepOf(kind))
	}
}

// check compares a sweep of the padded prompts with the mean of sweeps of each alone. At a prompt's
// pads nothing changes.
func (p pairs) check(t *testing.T, what string, grid gridOf) {
	t.Helper()
	base, mask := p.padded(p.base)
	source, _ := p.padded(p.source)
	got, err := grid(p.m, base, patching.FromTokens(source), hooked.LogitDiff(p.answers), patching.AttentionMask(mask))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	want := make([]float32, len(got.Float32s()))
	for i := range p.base {
		metric := hooked.LogitDiff(p.answers[i : i+1])
		alone, err := grid(p.m, p.base[i:i+1], patching.FromTokens(p.source[i:i+1]), metric)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var atPads float32
		if what != "attribution" { // whose numbers are changes
			value, _, _, err := p.m.RunWithGradients(p.base[i:i+1], metric, hooked.Names("hook_embed"), hooked.Gradients("hook_embed"))
			if err != nil {
				t.Fatal(err)
			}
			atPads = value.Item()
		}
		shifted(got, alone, len(base[0])-len(p.base[i]), atPads, func(at int, v float32) { want[at] += v / float32(len(p.base)) })
	}
	golden.Close(t, what, got.Float32s(), want, golden.Tolerance{Abs: 2e-5, Rel: 1e-4})
	if got.Shape()[0] > 1 && slices.Min(want) == slices.Max(want) {
		t.Errorf("%s: all numbers are %v", what, want[0])
	}
}

// shifted calls f with the place of each cell of a padded grid and the number that a prompt with so
// many pads has there alone.
func shifted(padded, alone *patching.Grid, pads int, atPads float32, f func(at int, v float32)) {
	shape := padded.Shape()
	for flat := range padded.Float32s() {
		index, rest, v := make([]int, len(shape)), flat, atPads
		real := true
		for axis := len(shape) - 1; axis >= 0; axis-- {
			index[axis], rest = rest%shape[axis], rest/shape[axis]
			if slices.Contains([]string{"pos", "dest", "src"}, padded.AxisNames()[axis]) {
				index[axis] -= pads
				real = real && index[axis] >= 0
			}
		}
		if real {
			v = alone.At(index...)
		}
		f(flat, v)
	}
}

// padded fills prompts up on the left, and tells tokens from pads.
func (p pairs) padded(prompts hooked.Tokens) (tokens hooked.Tokens, mask [][]int) {
	n := 0
	for _, row := range prompts {
		n = max(n, len(row))
	}
	for _, row := range prompts {
		pads := n - len(row)
		tokens = append(tokens, slices.Concat(slices.Repeat([]int{p.pad}, pads), row))
		mask = append(mask, slices.Concat(make([]int, pads), slices.Repeat([]int{1}, len(row))))
	}
	return tokens, mask
}

func ones(tokens hooked.Tokens) [][]int {
	return slices.Repeat([][]int{slices.Repeat([]int{1}, len(tokens[0]))}, len(tokens))
}

// TestPaddedMean checks that pads do not enter a mean: over prompts and positions it is the mean of
// all real tokens.
func TestPaddedMean(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	texts := []string{"When John and Mary went", "The cat"}
	tokens := hooked.Must(f.m.ToTokens(texts, hooked.PaddingSide(hooked.Left)))
	answers := hooked.Tokens{{10, 20}, {30, 40}}
	grid, err := patching.Sweep{Kind: patching.Kind{Site: hooked.AttnZ.At(1), Over: "head"}, Base: tokens,
		Source: patching.Mean{Of: tokens, Over: "batch pos"}, Metric: hooked.LogitDiff(answers)}.Run(f.m, patching.PaddingSide(hooked.Left))
	if err != nil {
		t.Fatal(err)
	}
	var sum *hooked.Tensor
	n := 0
	for _, text := range texts {
		z := hooked.Must(f.m.Cache(text)).Get("z", 1)
		n += z.Shape()[1]
		if z = z.Sum("batch", "pos"); sum != nil {
			z = z.Add(sum)
		}
		sum = z
	}
	average := sum.Scale(1 / float64(n))
	want := make([]float32, grid.Shape()[0])
	for h := range want {
		edit := hooked.Edit(hooked.AttnZ.At(1), hooked.Replace(average, hooked.Head(h)))
		value, _, _, err := f.m.RunWithGradients(texts, hooked.LogitDiff(answers), hooked.PaddingSide(hooked.Left), edit,
			hooked.Names("hook_embed"), hooked.Gradients("hook_embed"))
		if err != nil {
			t.Fatal(err)
		}
		want[h] = value.Item()
	}
	golden.Close(t, "mean", grid.Float32s(), want, f.tol)
}

// TestPadsInDoubt checks that sweeps refuse pads that nothing tells, and sources whose pads stand
// elsewhere.
func TestPadsInDoubt(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	right := hooked.Must(f.m.ToTokens([]string{"When John and Mary went", "The cat"}))
	left := hooked.Must(f.m.ToTokens([]string{"When John and Mary went", "The cat"}, hooked.PaddingSide(hooked.Left)))
	metric := hooked.LogitDiff(hooked.Tokens{{10, 20}, {30, 40}})
	other := hooked.Must(f.m.Cache(left))
	matrix := hooked.NewMetric([]int{-1}, func(logits *graph.Node, _ []*graph.Node) *graph.Node { return logits })
	sweep := func(base hooked.Tokens, source patching.Source, metric hooked.Metric, options ...patching.Option) error {
		_, err := sweepOf(patching.ResidPre)(f.m, base, source, metric, options...)
		return err
	}
	for want, err := range map[string]error{
		"Metric.At(model.EndsOf(tokens))":                 sweep(right, patching.AllZeros(), metric),
		"has pads at [0 1 2] in the base run and at none": sweep(left, patching.FromCache(other), metric, patching.PaddingSide(hooked.Left)),
		"are the pad token, and would count in the me":    sweep(left, patching.Mean{Of: right, Over: "batch"}, metric),
		"Mean has others":                                 sweep(left, patching.Mean{Of: left, Over: "batch"}, metric, patching.AttentionMask(ones(left))),
		"it has shape (Float32)[2, 1, 336]: want one num": sweep(left, patching.AllZeros(), matrix, patching.PaddingSide(hooked.Left)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	if err := sweep(right, patching.AllZeros(), metric.At(f.m.EndsOf(right))); err != nil {
		t.Error(err)
	}
}
