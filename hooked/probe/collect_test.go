package probe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"
)

var ctx = context.Background()

func tiny(t testing.TB, be compute.Backend, family string) *hooked.Model {
	t.Helper()
	return must(hooked.FromPretrained("../testdata/arch/"+family, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))(t)
}

// texts are of several lengths.
var texts = []string{"The cat sat", "A dog", "When John and Mary went to the shops, John gave the bag to", "Gophers dig", "one two three four five six", "x"}

// TestCollect holds that each row is what the model gives for its text alone, at all kinds of
// positions, whatever the batches.
func TestCollect(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, family := range []string{"gpt2", "llama"} {
			if golden.LeftOut(be, family, "gpt2") {
				continue
			}
			m, plain := tiny(t, be, family), tiny(t, golden.PureGo(t), family)
			alone := func(text string, site string) [][]float32 {
				x := must(plain.Cache(text, hooked.Names(site)))(t).Get(site)
				n := x.Shape()[1]
				return slices.Collect(slices.Chunk(x.Float32s(), len(x.Float32s())/n))
			}
			for name, at := range map[string]struct {
				at   probe.Positions
				want func(i int, all [][]float32) [][]float32 // the rows of text i, by column
			}{
				"last":   {probe.Last(), func(_ int, all [][]float32) [][]float32 { return all[len(all)-1:] }},
				"chosen": {probe.At(1, -2), func(_ int, all [][]float32) [][]float32 { return [][]float32{all[1], all[len(all)-2]} }},
				"each": {probe.AtEach([]int{0, -1, 3, 1, 2, -2}), func(i int, all [][]float32) [][]float32 {
					return [][]float32{all[[]int{0, len(all) - 1, 3, 1, 2, len(all) - 2}[i]]}
				}},
				"mean": {probe.Mean().From(1), func(_ int, all [][]float32) [][]float32 { return [][]float32{meanOf(all[1:])} }},
			} {
				for _, batch := range []int{0, 4} {
					if golden.LeftOut(be, fmt.Sprint(name, batch), "chosen4", "mean0") {
						continue
					}
					a := must(probe.Collect(ctx, m, probe.Collection{Texts: texts, Sites: []hooked.Selector{hooked.ResidPost, hooked.AttnZ.At(1)}, At: at.at, Batch: batch}))(t)
					if n := len(a.Sites()); n != m.Config().NLayers+1 {
						t.Fatalf("%d sites", n)
					}
					for _, s := range a.Sites() {
						for i, text := range texts {
							for column, want := range at.want(i, alone(text, s)) {
								rows := must(a.Rows(s, column))(t)
								if rows.Len() != len(texts) {
									t.Fatalf("%d rows", rows.Len())
								}
								d := rows.Shape()[1]
								golden.Close(t, fmt.Sprintf("%s %s, batches of %d, text %d, %s", family, name, batch, i, s), rows.Float32s()[i*d:(i+1)*d], want, golden.Tolerance{Abs: 2e-5, Rel: 1e-4})
							}
						}
					}
				}
			}
		}
	})
}

func meanOf(rows [][]float32) []float32 {
	sum := make([]float64, len(rows[0]))
	for _, row := range rows {
		for i, v := range row {
			sum[i] += float64(v) / float64(len(rows))
		}
	}
	return float32s(sum)
}

// TestCollectAll has a row for each token, with the text and the position that it is of.
func TestCollectAll(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	a := must(probe.Collect(ctx, m, probe.Collection{Texts: texts, Sites: "blocks.2.hook_resid_pre", At: probe.All().From(1), MaxTokens: 5}))(t)
	rows := must(a.Rows(hooked.ResidPre.At(-1)))(t)
	at, examples, positions := 0, rows.Examples(), rows.Positions()
	for i, text := range texts {
		tokens := must(m.ToTokens([]string{text}))(t)[0]
		tokens = tokens[:min(len(tokens), 5)]
		x := must(m.Cache(tokens, hooked.Names(hooked.ResidPre.At(2))))(t).Get("resid_pre", 2)
		for p := 1; p < len(tokens); p++ {
			if examples[at] != i || positions[at] != p {
				t.Fatalf("row %d is of text %d at %d, want %d at %d", at, examples[at], positions[at], i, p)
			}
			golden.Close(t, fmt.Sprint("row ", at), rows.Float32s()[at*24:(at+1)*24], x.At(0, p).Float32s(), golden.Tolerance{Abs: 1e-5, Rel: 1e-4})
			at++
		}
	}
	if at != rows.Len() {
		t.Errorf("%d rows, want %d", rows.Len(), at)
	}
	// the rows of a text are on one side, and may share its label or have their own
	f := must(probe.Fit(rows, []int{0, 1, 0, 1, 0, 1}, probe.Logistic{}, probe.Split{Test: 0.4, Seed: 3}))(t)
	side := make(map[int]bool)
	for _, row := range f.TrainRows {
		side[examples[row]] = true
	}
	for _, row := range f.TestRows {
		if side[examples[row]] {
			t.Errorf("text %d is on both sides", examples[row])
		}
	}
	own := make([]int, rows.Len())
	for i := range own {
		own[i] = positions[i] % 2
	}
	if f := must(probe.Fit(rows, own, probe.Logistic{}, probe.Split{Seed: 1}))(t); f.Train.Accuracy < 0.9 {
		t.Errorf("a probe of odd positions has accuracy %v", f.Train.Accuracy)
	}
}

// TestPads gives tokens with pads on either side and a mask: rows are those without.
func TestPads(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "llama")
	want := must(probe.Collect(ctx, m, probe.Collection{Tokens: [][]int{{1, 5, 6}, {1, 7, 8, 9}}, Sites: hooked.ResidPost}))(t)
	for what, c := range map[string]probe.Collection{
		"right": {Tokens: [][]int{{1, 5, 6, 2}, {1, 7, 8, 9}}, Mask: [][]int{{1, 1, 1, 0}, {1, 1, 1, 1}}},
		"left":  {Tokens: [][]int{{2, 1, 5, 6}, {1, 7, 8, 9}}, Mask: [][]int{{0, 1, 1, 1}, {1, 1, 1, 1}}},
	} {
		c.Sites = hooked.ResidPost
		got := must(probe.Collect(ctx, m, c))(t)
		for _, s := range got.Sites() {
			golden.Close(t, what, must(got.Rows(s))(t).Float32s(), must(want.Rows(s))(t).Float32s(), golden.Tolerance{})
		}
	}
}

// TestCollectEdits collects what an edit has made of activations, and a tap that it names.
func TestCollectEdits(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	double := func(x *graph.Node, s hooked.Site) *graph.Node {
		return hooked.Tap("double", graph.MulScalar(x, 2), "batch pos d_model")
	}
	c := probe.Collection{Texts: texts, Sites: "blocks.1.hook_resid_post"}
	plain := must(probe.Collect(ctx, m, c))(t)
	c.Edits, c.Sites = []hooked.Option{hooked.Edit(hooked.ResidPost.At(1), double)}, "blocks.1.hook_resid_post.double"
	edited := must(probe.Collect(ctx, m, c))(t)
	want := must(must(plain.Rows(plain.Sites()[0]))(t).Tensor())(t).Scale(2).Float32s()
	golden.Close(t, "the tap", must(edited.Rows(edited.Sites()[0]))(t).Float32s(), want, golden.Tolerance{Abs: 1e-6, Rel: 1e-6})
}

// TestCollectEnds ends a collection by its context, and reports how far one is.
func TestCollectEnds(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	ended, end := context.WithCancel(ctx)
	var seen []int
	c := probe.Collection{Texts: texts, Sites: hooked.ResidPost, Batch: 4, Progress: func(done, all int) {
		if seen = append(seen, done); all != len(texts) {
			t.Errorf("%d of %d", done, all)
		}
	}}
	must(probe.Collect(ctx, m, c))(t)
	if fmt.Sprint(seen) != "[4 6]" {
		t.Errorf("progress %v", seen)
	}
	c.Progress = func(int, int) { end() }
	if _, err := probe.Collect(ended, m, c); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("an ended context: %v", err)
	}
}

// TestByLayer fits probes for every layer and position in one call.
func TestByLayer(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	var tokens [][]int
	var labels []int
	for i := range 60 {
		tokens = append(tokens, []int{1, 2 + i%7, 3 + i%5, 9})
		labels = append(labels, map[bool]int{true: 1}[i%7 >= 4])
	}
	table := must(probe.ByLayer(ctx, m, probe.Collection{Tokens: tokens, Sites: hooked.ResidPost, At: probe.Every()}, labels, probe.Logistic{C: 100}, probe.Split{Seed: 2}))(t)
	acc := table.Accuracy()
	if fmt.Sprint(acc.Shape(), acc.AxisNames(), acc.AxisLabels(0), acc.AxisLabels(1)) != "[3 4] [layer pos] [0 1 2] [0 1 2 3]" {
		t.Errorf("%v %v %v %v", acc.Shape(), acc.AxisNames(), acc.AxisLabels(0), acc.AxisLabels(1))
	}
	for layer := range 3 {
		// position 0 is the same in all texts, position 1 tells the label
		if f := must(table.At(layer, 0))(t); f.Test.Accuracy != f.Test.Majority || f.Test.AUROC != 0.5 {
			t.Errorf("layer %d, position 0: %+v", layer, f.Test)
		}
		if v := acc.Float32s()[layer*4+1]; v != 1 {
			t.Errorf("layer %d, position 1: accuracy %v", layer, v)
		}
	}
	best, site, column, err := table.Best()
	if err != nil || best.Test.Accuracy != 1 || site != 0 || column != 1 || best.Site() != hooked.ResidPost.At(0).Name() {
		t.Errorf("the best is %v at %d, %d: %v", best, site, column, err)
	}
}
