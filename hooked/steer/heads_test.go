package steer_test

import (
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/hooked/probe"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
)

// TestHeadEffects holds the effects against a run for each head and each prompt by itself, without
// pads, in which the head's z at the last token is the mean.
func TestHeadEffects(t *testing.T) {
	shuffled := [][]int{{1, 5, 9, 11, 3}, {1, 8, 2}, {1, 4, 4, 7}}
	answers := []int{7, 12, 30}
	for _, family := range []string{"gpt2", "llama"} {
		m := tiny(t, golden.PureGo(t), family)
		c := m.Config()
		task := steer.InContext{Prompts: probe.Collection{Tokens: positive}, Shuffled: probe.Collection{Tokens: shuffled}, Answers: answers}
		grid := must(steer.HeadEffects(ctx, m, task))(t)
		want := make([]float32, c.NLayers*c.NHeads)
		for l := range c.NLayers {
			site := hooked.AttnZ.At(l)
			var mean *hooked.Tensor // [head, d_head]
			for _, text := range positive {
				z := must(m.Cache(text, hooked.Names(site)))(t).Get(site).At(0, -1).Scale(1 / float64(len(positive)))
				if mean == nil {
					mean = z
				} else {
					mean = mean.Add(z)
				}
			}
			for i, row := range shuffled {
				metric := hooked.AnswerProb(answers[i : i+1])
				before := must(m.Measure(hooked.Tokens{row}, metric))(t).Item()
				z := must(m.Cache(row, hooked.Names(site)))(t).Get(site)
				put := z.Scale(0).Add(mean)
				for h := range c.NHeads {
					edit := hooked.Edit(site, hooked.Replace(put, hooked.Head(h), hooked.Pos(-1)))
					after := must(m.Measure(hooked.Tokens{row}, metric, edit))(t).Item()
					want[l*c.NHeads+h] += (after - before) / float32(len(shuffled))
				}
			}
		}
		golden.Close(t, family, grid.Float32s(), want, golden.Tolerance{Abs: 1e-6, Rel: 1e-3})
		heads := must(steer.TopHeads(grid, 3))(t)
		for i, h := range heads[1:] {
			if grid.At(h.Layer, h.Head) > grid.At(heads[i].Layer, heads[i].Head) {
				t.Errorf("%v are not in the order of their effects", heads)
			}
		}
	}
}

// TestHeadEffectsRefused names what a task cannot be.
func TestHeadEffectsRefused(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	right := probe.Collection{Tokens: positive}
	for what, task := range map[string]steer.InContext{
		"no answers":  {Prompts: right, Shuffled: right},
		"sites":       {Prompts: probe.Collection{Tokens: positive, Sites: hooked.AttnZ}, Shuffled: right, Answers: []int{1, 2, 3}},
		"no shuffled": {Prompts: right, Answers: []int{1}},
		"edits":       {Prompts: right, Shuffled: probe.Collection{Tokens: positive, MaxTokens: 2}, Answers: []int{1, 2, 3}},
		"empty":       {Prompts: right, Shuffled: probe.Collection{Tokens: [][]int{{}}}, Answers: []int{1}},
	} {
		if _, err := steer.HeadEffects(ctx, m, task); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := steer.TopHeads(&patching.Grid{}, 1); err == nil {
		t.Error("TopHeads of an empty grid: no error")
	}
}
