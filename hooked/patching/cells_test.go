package patching_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// trial is a model with prompts of random tokens, which differ from some position on.
type trial struct {
	m            *hooked.Model
	base, source hooked.Tokens
	answers      hooked.Tokens
}

func newTrial(t *testing.T, family string, random *rand.Rand) *trial {
	path := filepath.Join("../testdata/arch", family)
	m := hooked.Must(hooked.FromPretrained(path, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	p := &trial{m: m}
	const batch, pos = 2, 7
	vocab := m.Config().DVocab
	for i := range batch {
		var base []int
		for range pos {
			base = append(base, 5+random.IntN(vocab-5))
		}
		source := slices.Clone(base)
		for at := 1 + i + random.IntN(2); at < pos; at++ {
			source[at] = 5 + random.IntN(vocab-5)
		}
		p.base, p.source = append(p.base, base), append(p.source, source)
		p.answers = append(p.answers, []int{random.IntN(vocab), random.IntN(vocab)})
	}
	return p
}

func (p *trial) sweep(kind patching.Kind) patching.Sweep {
	return patching.Sweep{Kind: kind, Base: p.base, Source: patching.FromTokens(p.source), Metric: hooked.LogitDiff(p.answers)}
}

// metric is what the sweeps measure, computed from the logits of one run.
func (p *trial) metric(options ...hooked.Option) (float32, error) {
	logits, err := p.m.Run(p.base, options...)
	if err != nil {
		return 0, err
	}
	picked := logits.At(hooked.All, -1).Gather(p.answers).Float32s()
	var sum float32
	for i := 0; i < len(picked); i += 2 {
		sum += picked[i] - picked[i+1]
	}
	return sum / float32(len(p.answers)), nil
}

var cellTolerance = golden.Tolerance{Abs: 2e-5, Rel: 1e-4}

// entriesOf picks an entry of an axis; nil for an axis that no edit picks.
func entriesOf(axis string, i int) []hooked.Entries {
	switch axis {
	case "pos", "query":
		return []hooked.Entries{hooked.Pos(i)}
	case "key":
		return []hooked.Entries{hooked.Key(i)}
	case "head", "kv_head":
		return []hooked.Entries{hooked.Head(i)}
	case "d_mlp":
		return []hooked.Entries{hooked.Neuron(i)}
	}
	return nil
}

// TestCellsAreRuns compares cells of sweeps at every site of a layer with one explicit run each
// that replaces the same entries: with norms after the parts, local attention and capped scores,
// with grouped heads and norms of keys, with attention and MLP in parallel, with experts, norms of
// all heads together and sinks.
func TestCellsAreRuns(t *testing.T) {
	for _, family := range []string{"gpt2", "gemma2", "qwen3", "gptj", "../families/olmoe", "../families/gpt_oss"} {
		t.Run(family, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(len(family))))
			p := newTrial(t, family, random)
			for _, site := range layerSites(p.m, 1) {
				source := hooked.Must(p.m.Cache(p.source, hooked.Names(site)))
				p.checkCells(t, site, source.Get(site), random)
			}
		})
	}
}

// layerSites are a layer's sites.
func layerSites(m *hooked.Model, layer int) (sites []hooked.Site) {
	for _, s := range m.Config().Sites() {
		if l, ok := s.Layer(); ok && l == layer {
			sites = append(sites, s)
		}
	}
	return sites
}

// checkCells sweeps over all axes that an edit can pick entries of, and tries some cells.
func (p *trial) checkCells(t *testing.T, site hooked.Site, source *hooked.Tensor, random *rand.Rand) {
	var over []string
	for _, axis := range source.AxisNames()[1:] {
		if entriesOf(axis, 0) != nil {
			over = append(over, axis)
		}
	}
	grid, err := p.sweep(patching.Kind{Site: site, Over: strings.Join(over, " ")}).Run(p.m)
	if err != nil {
		t.Errorf("%s: %v", site, err)
		return
	}
	if slices.Min(grid.Float32s()) == slices.Max(grid.Float32s()) {
		t.Errorf("%s: all cells are %v", site, grid.Float32s()[0])
	}
	for range 3 {
		var cell []int
		var entries []hooked.Entries
		for axis, n := range grid.Shape() {
			cell = append(cell, random.IntN(n))
			entries = append(entries, entriesOf(over[axis], cell[axis])...)
		}
		want, err := p.metric(hooked.Edit(site, hooked.Replace(source, entries...)))
		if err != nil {
			t.Errorf("%s: %v", site, err)
			return
		}
		golden.Close(t, fmt.Sprint(site, cell), []float32{grid.At(cell...)}, []float32{want}, cellTolerance)
	}
}

// TestPathsAreRuns compares cells of a [patching.Path] with the explicit runs that define them.
func TestPathsAreRuns(t *testing.T) {
	for _, family := range []string{"gpt2", "llama"} {
		t.Run(family, func(t *testing.T) {
			p := newTrial(t, family, rand.New(rand.NewPCG(2, 2)))
			base, source := hooked.Must(p.m.Cache(p.base)), hooked.Must(p.m.Cache(p.source))
			paths := func(to patching.Receivers) *patching.Grid {
				return hooked.Must(patching.Path{To: to, Base: p.base, Source: patching.FromTokens(p.source), Metric: hooked.LogitDiff(p.answers)}.Run(p.m,
					patching.BatchTokens(7))) // a sender a batch
			}
			end := paths(patching.FinalResid())
			to := []patching.HeadAt{{Layer: 1, Head: 1}, {Layer: 2, Head: 0}}
			for _, sender := range [][2]int{{0, 0}, {0, 2}, {1, 1}} {
				frozen := freeze(base, source, sender[0], sender[1])
				want := hooked.Must(p.metric(frozen))
				golden.Close(t, fmt.Sprint("to the end from ", sender), []float32{end.At(sender[0], sender[1])}, []float32{want}, cellTolerance)
				for _, site := range []hooked.Site{hooked.AttnQ, hooked.AttnK, hooked.AttnV} {
					received := hooked.Must(p.m.Cache(p.base, frozen, hooked.Names(site)))
					var edits []hooked.Option
					for _, r := range to {
						edits = append(edits, hooked.Edit(site.At(r.Layer), hooked.Replace(received.Get(site.At(r.Layer)), hooked.Head(r.Head))))
					}
					want := hooked.Must(p.metric(edits...))
					got := paths(patching.Heads(site, to...)).At(sender[0], sender[1])
					golden.Close(t, fmt.Sprint("to ", site, " from ", sender), []float32{got}, []float32{want}, cellTolerance)
				}
			}
		})
	}
}

// freeze keeps all heads' z as they are in the base run, but for that of the sender.
func freeze(base, source *hooked.Cache, layer, head int) hooked.Option {
	var edits []hooked.Option
	for _, site := range base.Sites() {
		if l, ok := site.Layer(); ok && site == hooked.AttnZ.At(l) {
			edits = append(edits, hooked.Edit(site, hooked.Replace(base.Get(site))))
		}
	}
	sender := hooked.AttnZ.At(layer)
	return hooked.Hooks(append(edits, hooked.Edit(sender, hooked.Replace(source.Get(sender), hooked.Head(head))))...)
}

// TestNothingChanges checks that patching a run into itself gives its metric everywhere, whatever
// the kind, and predicts no change.
func TestNothingChanges(t *testing.T) {
	p := newTrial(t, "llama", rand.New(rand.NewPCG(3, 3)))
	p.source = p.base
	want := hooked.Must(p.metric())
	for name, kind := range actPatches {
		grid := hooked.Must(p.sweep(kind).Run(p.m, patching.Ungroup()))
		golden.Close(t, name, grid.Float32s(), slices.Repeat([]float32{want}, len(grid.Float32s())), cellTolerance)
		predicted := hooked.Must(p.sweep(kind).Attribution(p.m, patching.Ungroup())).Float32s()
		golden.Close(t, name, predicted, make([]float32, len(predicted)), golden.Tolerance{})
	}
}

// TestOrderOfPrompts checks that neither the order of the prompts nor how many are computed
// together matters.
func TestOrderOfPrompts(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	p := newTrial(t, "qwen3", random)
	for _, kind := range []patching.Kind{patching.HeadVByPos, patching.MLPOut, patching.HeadPatternAllPos} {
		want := hooked.Must(p.sweep(kind).Run(p.m))
		turned := trial{p.m, slices.Clone(p.base), slices.Clone(p.source), slices.Clone(p.answers)}
		slices.Reverse(turned.base)
		slices.Reverse(turned.source)
		slices.Reverse(turned.answers)
		got := hooked.Must(turned.sweep(kind).Run(p.m, patching.BatchTokens(1+random.IntN(60))))
		golden.Close(t, fmt.Sprint(kind.Site), got.Float32s(), want.Float32s(), cellTolerance)
	}
}

// TestSourcesAgree checks that tokens and the cache of their run are the same source.
func TestSourcesAgree(t *testing.T) {
	p := newTrial(t, "gpt2", rand.New(rand.NewPCG(5, 5)))
	cache := hooked.Must(p.m.Cache(p.source, hooked.Names(hooked.AttnZ)))
	sweep := p.sweep(patching.HeadOutByPos)
	want := hooked.Must(sweep.Run(p.m))
	sweep.Source = patching.FromCache(cache)
	golden.Close(t, "from a cache", hooked.Must(sweep.Run(p.m)).Float32s(), want.Float32s(), golden.Tolerance{})
}

// TestEveryIsItsParts checks that a grid of several kinds holds the grids of each, the narrower
// ones filled up with zeros, for both ways of computing them.
func TestEveryIsItsParts(t *testing.T) {
	p := newTrial(t, "llama", rand.New(rand.NewPCG(6, 6)))
	ways := map[string]func(patching.Kind) *patching.Grid{
		"sweep":       func(k patching.Kind) *patching.Grid { return hooked.Must(p.sweep(k).Run(p.m)) },
		"attribution": func(k patching.Kind) *patching.Grid { return hooked.Must(p.sweep(k).Attribution(p.m)) },
	}
	for name, way := range ways {
		all := way(patching.HeadAllPosEvery)
		if got := all.AxisLabels(0); !slices.Equal(got, []string{"z", "q", "k", "v", "pattern"}) {
			t.Errorf("%s: sites %q", name, got)
		}
		for site, kind := range []patching.Kind{patching.HeadOutAllPos, patching.HeadQAllPos, patching.HeadKAllPos, patching.HeadVAllPos, patching.HeadPatternAllPos} {
			part := way(kind)
			for layer := range all.Shape()[1] {
				for head := range all.Shape()[2] {
					var want float32
					if head < part.Shape()[1] {
						want = part.At(layer, head)
					}
					golden.Close(t, fmt.Sprint(name, site, layer, head), []float32{all.At(site, layer, head)}, []float32{want}, golden.Tolerance{})
				}
			}
		}
	}
}
