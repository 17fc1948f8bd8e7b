package hooked_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// The tests of taps splice a dictionary into a small random model: x becomes x + relu(x E) D, with
// 5 features called "acts".

const features = 5

var tapTokens = hooked.Tokens{{1, 4, 2, 8, 5}, {7, 1, 4, 3, 9}}

func tapModel(t *testing.T, be compute.Backend) *hooked.Model {
	t.Helper()
	return hooked.Must(hooked.New(hooked.Config{NLayers: 3, DModel: 8, NCtx: 16, DHead: 4, NHeads: 2, DMLP: 16, DVocab: 11, ActFn: hooked.GELU,
		Normalization: hooked.LN, Seed: 3}, hooked.LoadOptions{Backend: be}))
}

// dictionary is a matrix of numbers that look random.
func dictionary(rows, columns int) [][]float32 {
	m := make([][]float32, rows)
	for i := range m {
		m[i] = make([]float32, columns)
		for j := range m[i] {
			m[i][j] = float32(math.Sin(float64(3*i + 7*j + rows)))
		}
	}
	return m
}

var encoder, decoder = dictionary(8, features), dictionary(features, 8)

func splice(x *Node, s hooked.Site) *Node {
	acts := MaxScalar(Einsum("bpd,df->bpf", x, Const(x.Graph(), encoder)), 0)
	acts = hooked.Tap("acts", acts, "batch pos feature")
	return Add(x, Einsum("bpf,fd->bpd", acts, Const(x.Graph(), decoder)))
}

// times is each row of x times a matrix.
func times(x []float32, m [][]float32) []float32 {
	var out []float32
	for row := range slices.Chunk(x, len(m)) {
		for j := range m[0] {
			sum := 0.0
			for i, v := range row {
				sum += float64(v) * float64(m[i][j])
			}
			out = append(out, float32(sum))
		}
	}
	return out
}

func relu(x []float32) []float32 {
	out := slices.Clone(x)
	for i := range out {
		out[i] = max(0, out[i])
	}
	return out
}

func transposed(m [][]float32) [][]float32 {
	out := make([][]float32, len(m[0]))
	for j := range out {
		for i := range m {
			out[j] = append(out[j], m[i][j])
		}
	}
	return out
}

func within(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] && !(math.Abs(float64(got[i]-want[i])) <= tolerance) {
			t.Fatalf("%s: entry %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// A tap holds what the edit computed, and what an edit of it gives is what the model goes on with.
func TestTapIsASite(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		plainLogits, plain := hooked.Must2(m.RunWithCache(tapTokens))
		at := hooked.ResidPre.At(1)
		tap := at.Tap("acts")
		if tap.Name() != "blocks.1.hook_resid_pre.acts" || hooked.ResidPre.Tap("acts").At(1) != tap {
			t.Errorf("the tap is called %s", tap)
		}
		want := relu(times(plain.Get(at).Float32s(), encoder))
		edit := hooked.Edit(at, splice)

		logits, cache := hooked.Must2(m.RunWithCache(tapTokens, edit))
		within(t, "tap", cache.Get("blocks.1.hook_resid_pre.acts").Float32s(), want, 1e-5)
		if axes := cache.Get(tap).AxisNames(); fmt.Sprint(axes) != "[batch pos feature]" {
			t.Errorf("the tap's axes are %v", axes)
		}
		names := cache.Names()
		if i := slices.Index(names, tap.Name()); i < 1 || names[i-1] != at.Name() {
			t.Errorf("the tap does not follow its site in %v", names)
		}

		// without its features the dictionary adds nothing
		without := hooked.Must(m.Run(tapTokens, edit, hooked.Edit(tap, hooked.Zero())))
		within(t, "logits without features", without.Float32s(), plainLogits.Float32s(), 1e-5)
		// and an edit given before the one that makes the tap does the same
		before := hooked.Must(m.Run(tapTokens, hooked.Edit("blocks.1.hook_resid_pre.acts", hooked.Zero()), edit))
		within(t, "logits without features, edited before", before.Float32s(), plainLogits.Float32s(), 1e-5)

		// patched with its own value from another run, prompt 0 becomes that run's prompt
		swapped := hooked.Must(m.Run(hooked.Tokens{tapTokens[0]}, edit, hooked.Edit(tap, hooked.Replace(cache.Get(tap).At(hooked.Range{From: 1, To: 2})))))
		own := hooked.Must(m.Run(hooked.Tokens{tapTokens[0]}, edit))
		if !(largest(swapped.Float32s(), own.Float32s()) > 1e-3) {
			t.Error("patching the tap changed nothing")
		}
		same := hooked.Must(m.Run(tapTokens, edit, hooked.Edit(tap, hooked.Replace(cache.Get(tap), hooked.Pos(2)))))
		within(t, "patched with itself", same.Float32s(), logits.Float32s(), 1e-6)
	})
}

func largest(a, b []float32) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// Features are picked like the entries of any other axis.
func TestTapEntries(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	at := hooked.MLPOut.At(0)
	tap := at.Tap("acts")
	cache := hooked.Must(m.Cache(tapTokens, hooked.Names(tap), hooked.Edit(at, splice),
		hooked.Edit(tap, hooked.Replace(2.5, hooked.Along("feature", 3), hooked.Pos(-1), hooked.Prompt(0)))))
	if cache.Len() != 1 {
		t.Errorf("the cache holds %v", cache.Names())
	}
	got := cache.Get(tap)
	plain := hooked.Must(m.Cache(tapTokens, hooked.Names(tap), hooked.Edit(at, splice))).Get(tap)
	want := plain.Float32s()
	want[4*features+3] = 2.5
	within(t, "tap", got.Float32s(), want, 0)
}

// The gradient at a tap is that at the site that it feeds, times the decoder.
func TestTapGradients(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		at := hooked.ResidPre.At(1)
		metric := hooked.LogitDiff(hooked.Tokens{{3, 4}, {5, 6}})
		_, cache, grads, err := m.RunWithGradients(tapTokens, metric, hooked.Edit(at, splice))
		if err != nil {
			t.Fatal(err)
		}
		want := times(grads.Get(at).Float32s(), transposed(decoder))
		within(t, "gradient", grads.Get(at.Tap("acts")).Float32s(), want, 1e-6)
		if cache.Get(at.Tap("acts")) == nil {
			t.Error("the tap is not recorded")
		}
		// by name alone, of a loss; and changed on its way
		_, _, alone, err := m.LossWithGradients(tapTokens, hooked.Edit(at, splice), hooked.Names(at), hooked.Gradients(at.Tap("acts")),
			hooked.EditGrad(at.Tap("acts"), hooked.ScaleBy(3)))
		if err != nil || alone.Len() != 1 {
			t.Fatalf("gradients %v, %v", alone, err)
		}
		_, _, plain, err := m.LossWithGradients(tapTokens, hooked.Edit(at, splice), hooked.Gradients(at, at.Tap("acts")))
		if err != nil {
			t.Fatal(err)
		}
		within(t, "gradient of the loss", plain.Get(at.Tap("acts")).Float32s(), times(plain.Get(at).Float32s(), transposed(decoder)), 1e-6)
		// without the way through the features the gradient before the edit is that after it
		before := hooked.ResidPost.At(0)
		_, _, cut, err := m.LossWithGradients(tapTokens, hooked.Edit(at, splice), hooked.Gradients(before, at), hooked.EditGrad(at.Tap("acts"), hooked.Zero()))
		if err != nil {
			t.Fatal(err)
		}
		within(t, "gradient past the features", cut.Get(before).Float32s(), cut.Get(at).Float32s(), 1e-7)
		_, _, full, err := m.LossWithGradients(tapTokens, hooked.Edit(at, splice), hooked.Gradients(before))
		if err != nil || !(largest(full.Get(before).Float32s(), cut.Get(before).Float32s()) > 1e-5) {
			t.Errorf("the edit of the tap's gradient changed nothing: %v", err)
		}
	})
}

// Layers that are programs of their own, deferred caches, observers and selectors of all kinds.
func TestTapInSteps(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	edits := hooked.Hooks(hooked.Edit(hooked.ResidPre.At(0), splice), hooked.Edit(hooked.MLPOut.At(2), splice))
	first, last := hooked.ResidPre.At(0).Tap("acts"), hooked.MLPOut.At(2).Tap("acts")
	_, whole := hooked.Must2(m.RunWithCache(tapTokens, edits))

	restore := hooked.DeferAbove(0)
	_, deferred := hooked.Must2(m.RunWithCache(tapTokens, edits))
	for _, name := range whole.Names() {
		within(t, "deferred "+name, deferred.Get(name).Float32s(), whole.Get(name).Float32s(), 1e-5)
	}
	if !slices.Equal(deferred.Names(), whole.Names()) {
		t.Errorf("a deferred cache holds %v, want %v", deferred.Names(), whole.Names())
	}
	restore()

	for _, test := range []struct {
		name     string
		selector hooked.Selector
		want     []hooked.Site
	}{
		{"full name", "blocks.2.hook_mlp_out.acts", []hooked.Site{last}},
		{"negative layer", hooked.MLPOut.At(-1).Tap("acts"), []hooked.Site{last}},
		{"every layer", hooked.ResidPre.Tap("acts"), []hooked.Site{first}},
		{"glob", "*.acts", []hooked.Site{first, last}},
		{"function", func(name string) bool { return strings.HasSuffix(name, "acts") }, []hooked.Site{first, last}},
		{"slice", []hooked.Selector{hooked.Embed, []string{"*.acts"}, []hooked.Site{last}}, []hooked.Site{hooked.Embed, first, last}},
		{"glob that leaves taps aside", "blocks.2.hook_mlp_*", []hooked.Site{hooked.MLPOut.At(2)}},
	} {
		cache, err := m.Cache(tapTokens, edits, hooked.Names(test.selector))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if !slices.Equal(cache.Sites(), test.want) {
			t.Errorf("%s: %v, want %v", test.name, cache.Sites(), test.want)
		}
		var seen []hooked.Site
		_, err = m.Run(tapTokens, edits, hooked.Observe(test.selector, func(x *hooked.Tensor, s hooked.Site) {
			seen = append(seen, s)
			within(t, test.name, x.Float32s(), whole.Get(s).Float32s(), 1e-5)
		}))
		if err != nil || !slices.Equal(seen, test.want) {
			t.Errorf("%s: observed %v, want %v (%v)", test.name, seen, test.want, err)
		}
	}
}

// An edit of a layer whose functions keep to it compiles the program of that layer alone.
func TestTapsInSeparatePrograms(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	hooked.Must(m.Run(tapTokens))
	local := hooked.With(func(x *Node, s hooked.Site, _ []*Node) *Node { return splice(x, s) }).Local()
	before := m.Programs()
	_, cache := hooked.Must2(m.RunWithCache(tapTokens, hooked.Edit(hooked.ResidMid, local), hooked.Names("*.acts")))
	if n := m.Programs() - before; n != 1 || cache.Len() != 3 {
		t.Errorf("an edit of every layer compiled %d programs, want one that serves all; the cache holds %v", n, cache.Names())
	}
	_, joined := hooked.Must2(m.RunWithCache(tapTokens, hooked.Edit(hooked.ResidMid, splice), hooked.Names("*.acts")))
	for _, s := range cache.Sites() {
		within(t, s.Name(), cache.Get(s).Float32s(), joined.Get(s).Float32s(), 1e-6)
	}
}

// While it generates, a model shows at a tap what a run of the whole text shows.
func TestTapInGeneration(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		tap := hooked.ResidPre.At(1).Tap("acts")
		edit := hooked.Edit(hooked.ResidPre.At(1), splice)
		prompts := hooked.Tokens{{1, 4, 2}, {7, 1, 4}}
		text := hooked.Tokens{slices.Clone(prompts[0]), slices.Clone(prompts[1])}
		var parts []*hooked.Tensor
		for step, err := range m.GenerateStream(prompts, hooked.Generation{MaxNewTokens: 4, StopTokens: []int{}}, edit, hooked.Names(tap)) {
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range step.Tokens {
				text[i] = append(text[i], id)
			}
			parts = append(parts, step.Cache.Get(tap))
		}
		whole := hooked.Must(m.Cache(text, edit, hooked.Names(tap))).Get(tap)
		from := 0
		for i, part := range parts {
			to := from + part.Shape()[1]
			within(t, fmt.Sprint("step ", i), part.Float32s(), whole.At(hooked.All, hooked.Range{From: from, To: to}).Float32s(), 1e-5)
			from = to
		}
	})
}

// A tap may be edited by a function that makes taps.
func TestTapOfATap(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	double := func(x *Node, s hooked.Site) *Node { return hooked.Tap("doubled", MulScalar(x, 2), "batch pos feature") }
	outer := hooked.Edit(hooked.ResidPre.At(1), splice)
	_, cache := hooked.Must2(m.RunWithCache(tapTokens, outer, hooked.Edit("*.acts", double)))
	_, plain := hooked.Must2(m.RunWithCache(tapTokens, outer))
	name := "blocks.1.hook_resid_pre.acts"
	within(t, "doubled", cache.Get(name+".doubled").Float32s(), plain.Get(name).Scale(2).Float32s(), 0)
	within(t, "acts", cache.Get(name).Float32s(), plain.Get(name).Scale(2).Float32s(), 0)
	// an edit does not meet the taps that it makes itself, whatever selects them
	everywhere := func(name string) bool { return strings.HasPrefix(name, "blocks.1.hook_resid_pre") }
	if _, err := m.Run(tapTokens, hooked.Edit(everywhere, func(x *Node, s hooked.Site) *Node {
		return Identity(hooked.Tap("again", x, strings.Join(s.Axes(), " ")))
	})); err != nil {
		t.Error(err)
	}
}

func TestTapErrors(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	at := hooked.ResidPre.At(1)
	edit := hooked.Edit(at, splice)
	tapping := func(name, axes string) hooked.Option {
		return hooked.Edit(at, func(x *Node, s hooked.Site) *Node { return hooked.Tap(name, x, axes) })
	}
	var kept *Node
	for _, test := range []struct {
		name    string
		options []hooked.Option
		want    []string
	}{
		{"a tap that did not come up", []hooked.Option{edit, hooked.Names("blocks.1.hook_resid_pre.act")},
			[]string{"blocks.1.hook_resid_pre.act", "the taps of this run's edits are blocks.1.hook_resid_pre.acts"}},
		{"an edit of one", []hooked.Option{edit, hooked.Edit(hooked.ResidPre.At(2).Tap("acts"), hooked.Zero())},
			[]string{"blocks.2.hook_resid_pre.acts", "blocks.1.hook_resid_pre.acts"}},
		{"an observer of one", []hooked.Option{edit, hooked.Observe("*.latents", func(*hooked.Tensor, hooked.Site) {})}, []string{"latents", "blocks.1.hook_resid_pre.acts"}},
		{"a run whose edits make none", []hooked.Option{hooked.Edit(at, hooked.Zero()), hooked.Names(at.Tap("acts"))}, []string{"no edit of this run makes a tap"}},
		{"a run without edits", []hooked.Option{hooked.Names(at.Tap("acts"))}, []string{"blocks.1.hook_resid_pre.acts", "hooked.Tap"}},
		{"a layer that is not there", []hooked.Option{edit, hooked.Names(hooked.ResidPre.At(7).Tap("acts"))}, []string{"layer 7"}},
		{"two of one name", []hooked.Option{edit, hooked.Edit(at, splice)}, []string{`"acts"`, "blocks.1.hook_resid_pre", "already"}},
		{"an empty name", []hooked.Option{tapping("", "batch pos d_model")}, []string{"name"}},
		{"a name with a dot", []hooked.Option{tapping("a.b", "batch pos d_model")}, []string{"dots"}},
		{"too few axes", []hooked.Option{tapping("x", "batch pos")}, []string{"2 names of axes (batch, pos)", "[2 5 8]"}},
		{"an axis twice", []hooked.Option{tapping("x", "batch pos pos")}, []string{`two axes are called "pos"`}},
		{"a gradient's", []hooked.Option{hooked.EditGrad(at, splice)}, []string{"gradient"}},
		{"a node of another graph", []hooked.Option{hooked.Edit(at, func(x *Node, s hooked.Site) *Node {
			kept = x
			return x
		})}, nil},
	} {
		run := func() error { _, _, err := m.RunWithCache(tapTokens, test.options...); return err }
		if test.name == "a gradient's" {
			run = func() error { _, _, _, err := m.LossWithGradients(tapTokens, test.options...); return err }
		}
		err := run()
		if test.want == nil {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q says nothing of %q", test.name, err, want)
			}
		}
	}
	if err := hooked.Try(func() { hooked.Tap("late", kept, "batch pos d_model") }); err == nil || !strings.Contains(err.Error(), "inside an edit") {
		t.Errorf("a tap outside of an edit: %v", err)
	}
	_, err := m.Run(tapTokens, edit, hooked.Edit("*.latents", hooked.Zero()))
	if !errors.Is(err, hooked.ErrUnknownHook) {
		t.Errorf("%v is no ErrUnknownHook", err)
	}
	_, cache := hooked.Must2(m.RunWithCache(tapTokens, edit))
	if _, err := cache.Lookup("blocks.1.hook_resid_pre.act"); err == nil || !strings.Contains(err.Error(), "does not hold") {
		t.Errorf("a cache without the tap: %v", err)
	}
}
