package tour

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/lens"
	"gopherlens/hooked/patching"
	"gopherlens/plots"
)

// This file is what the tour shows and what it does: the lines between "// shown {" and "// }" are
// printed as they stand here, and they are what is run.

// The prompts of the tour differ in who gives.
const (
	prompt = "When John and Mary went to the shops, John gave the bag to"
	other  = "When John and Mary went to the shops, Mary gave the bag to"
)

// tour is what its steps hand on.
type tour struct {
	ctx    context.Context
	name   string // of the model
	folder string // where the picture goes
	steps  int    // of the dictionary's training

	model  *hooked.Model
	cache  *hooked.Cache
	metric hooked.Metric
	grid   *patching.Grid
}

func (t *tour) loadAndRun(w io.Writer) {
	name := t.name
	// shown {
	model := hooked.Must(hooked.FromPretrained(name, hooked.DefaultProcessing))
	logits, cache := hooked.Must2(model.RunWithCache(prompt))
	_, likeliest := logits.At(0, -1).TopK(3, "d_vocab")
	words := hooked.Must(model.StrTokens(likeliest.Ints()))
	// }
	t.model, t.cache = model, cache
	c := model.Config()
	fmt.Fprintf(w, "%s: %d layers, %d heads in each, a residual stream of %d numbers\n", c.ModelName, c.NLayers, c.NHeads, c.DModel)
	fmt.Fprintf(w, "%s ... %q, or %q, or %q\n", prompt, words[0], words[1], words[2])
	fmt.Fprintf(w, "the run left %d activations in the cache; the last pattern of attention is %s\n", cache.Len(), cache.Get("pattern", -1).Describe())
}

func (t *tour) editWithAHook(w io.Writer) {
	model, cache := t.model, t.cache
	// shown {
	answers := hooked.Must(model.ToSingleTokens([][]string{{" Mary", " John"}}))
	metric := hooked.LogitDiff(answers) // of the right name and the wrong one
	direction := hooked.Must(lens.LogitDiffDirections(model, answers))
	writes := hooked.Must(lens.HeadAttribution(model, cache, direction)) // [layer, head]
	layer, head := largest(writes)
	plain := hooked.Must(model.Measure(prompt, metric)).Item()
	silent := hooked.Edit(hooked.AttnZ.At(layer), hooked.ZeroHead(head))
	without := hooked.Must(model.Measure(prompt, metric, silent)).Item()
	// }
	t.metric = metric
	fmt.Fprintf(w, "head %d of layer %d writes most of it; logit difference %.3f, with that head silent %.3f\n", head, layer, plain, without)
	fmt.Fprintln(w, "the hook was an argument of one run: the model is as it was")
}

// largest is where the largest entry of x [layer, head] stands.
func largest(x *hooked.Tensor) (layer, head int) {
	values, heads := x.Float32s(), x.Shape()[1]
	at := 0
	for i, v := range values {
		if v > values[at] {
			at = i
		}
	}
	return at / heads, at % heads
}

func (t *tour) patch(w io.Writer) {
	model, metric := t.model, t.metric
	// shown {
	clean := hooked.Must(model.ToTokens([]string{prompt}))
	corrupted := hooked.Must(model.ToTokens([]string{other}))
	sweep := patching.Sweep{Kind: patching.ResidPre, Base: corrupted, Source: patching.FromTokens(clean), Metric: metric}
	grid := hooked.Must(sweep.Run(model)) // each layer, each position
	// }
	one, zero := hooked.Must(model.Measure(clean, metric)).Item(), hooked.Must(model.Measure(corrupted, metric)).Item()
	t.grid = grid.Normalized(zero, one)
	fmt.Fprintf(w, "%d patched runs; how much of the answer the stream of the clean run restores:\n", t.grid.Shape()[0]*t.grid.Shape()[1])
	where := differing(clean[0], corrupted[0])
	last := len(clean[0]) - 1
	for _, layer := range []int{0, t.grid.Shape()[0] / 2, t.grid.Shape()[0] - 1} {
		fmt.Fprintf(w, "  before layer %2d: %4.0f %% at the name (position %d), %4.0f %% at the last word\n",
			layer, 100*t.grid.At(layer, where), where, 100*t.grid.At(layer, last))
	}
}

// differing is the first position at which two prompts differ.
func differing(a, b []int) int {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return 0
}

func (t *tour) fitADictionary(w io.Writer) {
	ctx, model, steps := t.ctx, t.model, t.steps
	layer := model.Config().NLayers / 2
	texts := hooked.Must(corpus.FromStrings(strings.Split(strings.TrimSpace(reading), "\n\n")...))
	// shown {
	contexts := hooked.Must(corpus.ForModel(texts, model, corpus.Options{Length: 16}))
	source := fit.FromModel(model, contexts, hooked.ResidPost.At(layer))
	out := hooked.Must(fit.Run(ctx, source, fit.Config{
		Dictionary: dictionary.Config{Kind: dictionary.TopK, Features: 64, K: 4, RescaleByNorm: true, SubtractBias: true},
		Steps:      steps, Batch: 64, LearningRate: 3e-3,
	}))
	features := hooked.Must(out.Dictionary.Features(model, prompt))
	active, values := hooked.Must2(features.At(0, -1)) // at the last word
	strongest := active[slices.Index(values, slices.Max(values))]
	// }
	last := out.Curve[len(out.Curve)-1]
	fmt.Fprintf(w, "64 directions, 4 of them at a time, explain %.1f %% of the stream after layer %d in the texts of this tour\n", 100*last.Explained, layer)
	fmt.Fprintf(w, "the strongest at the last word is feature %d:", strongest)
	for i, v := range features.Feature(int(strongest)) {
		if i > 0 && v != 0 { // what stands first lies far from all others, in every model
			fmt.Fprintf(w, " %q %.1f", hooked.Must(model.ToStrTokens(prompt))[i], v)
		}
	}
	fmt.Fprintln(w, "\n(a real one reads a million tokens: make dictionary)")
}

func (t *tour) draw(w io.Writer) {
	folder, grid := t.folder, t.grid
	path := filepath.Join(folder, "gopherlens-tour.html")
	// shown {
	figure := plots.Imshow(grid, plots.Axes{Title: "Where the answer comes from", XName: "position", YName: "layer", Unit: "restored"})
	err := figure.WriteHTML(path) // in a notebook: figure.Show()
	// }
	hooked.Must(path, err)
	fmt.Fprintf(w, "the picture of the patches is %s: open it in a browser, the pointer tells the numbers\n", path)
}

// reading are texts for a dictionary of a few seconds.
const reading = `
The lighthouse keeper climbed the spiral stairs every evening at dusk. He trimmed the wick, polished the great lens, and wrote a line or
two in his log about the weather.

In 1969 two people walked on the Moon. A third stayed in orbit, alone, and saw its far side fourteen times before they came back.

To make bread you need flour, water, salt and time. Knead the dough for ten minutes, let it rise, and bake it until it sounds hollow.

The parliament met in March 1848 and sat until May 1849. Its members wrote a constitution, offered a crown, and went home.

She asked, "Where are you going?" He said that he did not know, and that it did not matter. "It does to me," she said.

When Tom and James went to the park, Tom gave the ball to James. When Dan and Sid went to the shops, Sid gave an apple to Dan.
`
