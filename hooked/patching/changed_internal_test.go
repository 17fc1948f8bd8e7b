package patching

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// tinyModel is a model whose tensors the tests use, and its sites.
func tinyModel(t *testing.T) *hooked.Model {
	return hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
}

// TestFirstChange compares where a patch begins to matter with a look at every entry that it
// replaces.
func TestFirstChange(t *testing.T) {
	m := tinyModel(t)
	for _, c := range []struct {
		site hooked.Site
		over string
		axes string
		dims []int // the first is the number of prompts
	}{
		{hooked.AttnZ, "layer pos head", "batch pos head d_head", []int{2, 5, 3, 2}},
		{hooked.AttnZ, "head layer", "batch pos head d_head", []int{2, 5, 3, 2}},
		{hooked.AttnZ, "layer d_head", "batch pos head d_head", []int{2, 5, 3, 2}},
		{hooked.ResidPre, "layer", "batch pos d_model", []int{3, 4, 6}},
		{hooked.AttnPattern, "layer head dest", "batch head query key", []int{2, 3, 4, 4}},
		{hooked.AttnPattern, "src layer", "batch head query key", []int{2, 3, 4, 4}},
	} {
		random := rand.New(rand.NewPCG(1, 1))
		base, source := make(map[int]*hooked.Array), make(map[int]*hooked.Array)
		layers := []int{0, 1, 2}
		for _, l := range layers {
			base[l], source[l] = sparsely(random, c.dims)
		}
		find := func(at map[int]*hooked.Array) lookup {
			return func(s hooked.Site) (*hooked.Tensor, error) {
				l, _ := s.Layer()
				return m.NewTensor(at[l], c.axes)
			}
		}
		sp, err := newSpace(c.site, c.over, layers, hooked.Must(find(base)(c.site.At(0))))
		if err != nil {
			t.Fatal(err)
		}
		diff, err := findDifferences(sp, find(base), find(source))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sp.patches() {
			for prompt := range c.dims[0] {
				want := firstByHand(sp, p, prompt, base[p.layer], source[p.layer])
				from, changes := diff.first(p, prompt)
				if changes != (want >= 0) || changes && from != want {
					t.Errorf("%s over %q, %+v of prompt %d: position %d (%t), want %d", c.site, c.over, p, prompt, from, changes, want)
				}
			}
		}
	}
}

// sparsely are two activations that differ in a few entries.
func sparsely(random *rand.Rand, dims []int) (base, source *hooked.Array) {
	base, source = hooked.NewArray(dims...), hooked.NewArray(dims...)
	for i := range base.Data {
		base.Data[i] = random.Float32()
		if source.Data[i] = base.Data[i]; random.IntN(12) == 0 {
			source.Data[i]++
		}
	}
	return base, source
}

// firstByHand is the first position of the entries that a patch changes, or -1.
func firstByHand(sp *space, p patch, prompt int, base, source *hooked.Array) int {
	first := -1
	pos := sp.posAxis()
	for flat, index := range indexer(base.Shape) {
		replaced := index[0] == prompt
		for axis, at := range p.at {
			replaced = replaced && (at == every || at == index[1+axis])
		}
		if replaced && base.Data[flat] != source.Data[flat] && (first < 0 || index[1+pos] < first) {
			first = index[1+pos]
		}
	}
	return first
}

// TestInfiniteDifference checks that a difference that is no number counts as a change.
func TestInfiniteDifference(t *testing.T) {
	m := tinyModel(t)
	activation := hooked.NewArray(1, 2, 1)
	activation.Data[1] = float32(inf)
	find := func(hooked.Site) (*hooked.Tensor, error) { return m.NewTensor(activation, "batch pos d_model") }
	sp, err := newSpace(hooked.ResidPre, "layer", []int{0}, hooked.Must(find(hooked.ResidPre)))
	if err != nil {
		t.Fatal(err)
	}
	diff, err := findDifferences(sp, find, find)
	if err != nil {
		t.Fatal(err)
	}
	if from, changes := diff.first(sp.patches()[0], 0); from != 1 || !changes {
		t.Errorf("infinity less infinity at position 1: first change %d (%t)", from, changes)
	}
}

// TestPatches checks that a sweep's cells are all entries of its axes once, in row-major order.
func TestPatches(t *testing.T) {
	m := tinyModel(t)
	example := hooked.Must(m.NewTensor(hooked.NewArray(2, 3, 4, 5), "batch pos head d_head"))
	layers := []int{1, 2}
	sp, err := newSpace(hooked.AttnZ, "head layer pos", layers, example)
	if err != nil {
		t.Fatal(err)
	}
	patches := sp.patches()
	n := 0
	for head := range 4 {
		for _, layer := range layers {
			for pos := range 3 {
				if p := patches[n]; p.layer != layer || !slices.Equal(p.at, []int{pos, head, every}) {
					t.Errorf("cell %d is %+v, want layer %d, position %d, head %d", n, p, layer, pos, head)
				}
				n++
			}
		}
	}
	if len(patches) != n {
		t.Errorf("%d cells, want %d", len(patches), n)
	}
	labels := sp.labels(m, hooked.Tokens{{11, 12, 13}})
	if !slices.Equal(labels[0], []string{"0", "1", "2", "3"}) || !slices.Equal(labels[1], []string{"1", "2"}) || len(labels[2]) != 3 {
		t.Errorf("labels %q", labels)
	}
}

// TestFill checks that a layer's values lie at their place, wherever the layers are among the axes.
func TestFill(t *testing.T) {
	m := tinyModel(t)
	example := hooked.Must(m.NewTensor(hooked.NewArray(1, 2, 3, 1), "batch pos head d_head"))
	for _, over := range []string{"layer pos head", "pos layer head", "head pos layer", "layer", "pos layer"} {
		sp, err := newSpace(hooked.AttnZ, over, []int{0, 1}, example)
		if err != nil {
			t.Fatal(err)
		}
		g := newGrid(sp.names, sp.labels(m, hooked.Tokens{{1, 2}}))
		each := product(g.Shape()) / 2
		for layer := range 2 {
			values := make([]float32, each)
			for i := range values {
				values[i] = float32(100*layer + i)
			}
			sp.fill(g, layer, values)
		}
		next := []int{0, 0}
		at := slices.Index(sp.over, layerAxis)
		for flat, index := range indexer(g.Shape()) {
			layer := index[at]
			if want := float32(100*layer + next[layer]); g.data[flat] != want {
				t.Errorf("over %q, %v is %v, want %v", over, index, g.data[flat], want)
			}
			next[layer]++
		}
	}
}
