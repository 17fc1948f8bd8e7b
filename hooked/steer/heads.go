package steer

import (
	"cmp"
	"context"
	"math"
	"reflect"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/hooked/probe"
	"gopherlens/internal/brief"
)

// InContext is a task that examples in the prompt tell, to find the heads that carry it. All fields
// are needed.
type InContext struct {
	// Prompts have examples with the right answers, and end where the answer comes. The collection
	// has no Sites and no At.
	Prompts probe.Collection
	// Shuffled are the like, with the answers of the examples exchanged among them, so that they do
	// not tell the task: Texts, or Tokens of any lengths without pads, and NoBOS where texts get none.
	Shuffled probe.Collection
	// Answers is the first token of the right answer to each of Shuffled.
	Answers []int
}

// HeadEffects are the heads' average causal indirect effects, [layer, head] (Todd et al. 2024,
// arXiv:2310.15213, section 2.3): by how much the probability of the right answer rises on average in
// prompts with shuffled answers, when at the last token the head writes what it writes there on
// average in prompts with the right ones.
//
//	effects, err := steer.HeadEffects(ctx, model, antonyms)
//	heads, err := steer.TopHeads(effects, 10)
//	v, err := steer.FunctionVector(ctx, model, antonyms.Prompts, heads, 9)
func HeadEffects(ctx context.Context, m *hooked.Model, task InContext, options ...patching.Option) (*patching.Grid, error) {
	grid, err := task.effects(ctx, m, options)
	if err != nil {
		return nil, brief.Errorf("HeadEffects: %w", err)
	}
	return grid, nil
}

func (task InContext) effects(ctx context.Context, m *hooked.Model, options []patching.Option) (*patching.Grid, error) {
	if err := task.check(m); err != nil {
		return nil, err
	}
	means, err := meanHeads(ctx, m, task.Prompts)
	if err != nil {
		return nil, err
	}
	tokens, mask, err := padded(m, task.Shuffled)
	if err != nil {
		return nil, err
	}
	if len(tokens) != len(task.Answers) {
		return nil, brief.Errorf("there are %d shuffled prompts and %d answers: want one for each", len(tokens), len(task.Answers))
	}
	last := make([][]int, len(tokens))
	for i, row := range tokens {
		last[i] = []int{len(row) - 1}
	}
	metric := hooked.AnswerProb(task.Answers)
	base, err := m.Measure(tokens, metric, hooked.WithContext(ctx), hooked.AttentionMask(mask))
	if err != nil {
		return nil, err
	}
	number := float64(base.Item())
	sweep := patching.Sweep{Kind: patching.Kind{Site: hooked.AttnZ, Over: "layer head"}, Base: tokens,
		Source: patching.Given{Of: means, At: last}, Metric: metric.Between(number, number+1)}
	return sweep.Run(m, append([]patching.Option{patching.WithContext(ctx), patching.AttentionMask(mask)}, options...)...)
}

func (task InContext) check(m *hooked.Model) error {
	if m == nil {
		return brief.Errorf("the model is nil: look at the error of what should have loaded it")
	}
	prompts, shuffled := task.Prompts, task.Shuffled
	if prompts.Sites != nil || !reflect.DeepEqual(prompts.At, probe.Positions{}) {
		return brief.Errorf("Prompts has Sites or At: what is read are all heads at the last token")
	}
	shuffled.Texts, shuffled.Tokens, shuffled.NoBOS = nil, nil, false
	if !reflect.DeepEqual(shuffled, probe.Collection{}) {
		return brief.Errorf("Shuffled takes Texts or Tokens, and NoBOS: leave the other fields alone")
	}
	if (len(task.Shuffled.Texts) > 0) == (len(task.Shuffled.Tokens) > 0) {
		return brief.Errorf("Shuffled has %d Texts and %d Tokens: want one of the two", len(task.Shuffled.Texts), len(task.Shuffled.Tokens))
	}
	return nil
}

// padded are prompts as token rows of one length, with pads on the left, and the mask that tells them.
func padded(m *hooked.Model, c probe.Collection) (rows hooked.Tokens, mask [][]int, err error) {
	longest := 0
	for i := range max(len(c.Texts), len(c.Tokens)) {
		row := hooked.Tokens{nil}
		if c.Tokens != nil {
			row[0] = c.Tokens[i]
		} else if row, err = m.ToTokens(c.Texts[i:i+1], hooked.PrependBOS(!c.NoBOS)); err != nil {
			return nil, nil, brief.Errorf("shuffled prompt %d: %w", i, err)
		}
		if len(row[0]) == 0 {
			return nil, nil, brief.Errorf("shuffled prompt %d has no tokens", i)
		}
		rows, longest = append(rows, row[0]), max(longest, len(row[0]))
	}
	for i, row := range rows {
		pads := longest - len(row)
		rows[i] = append(make([]int, pads), row...)
		mask = append(mask, slices.Repeat([]int{1}, longest))
		clear(mask[i][:pads])
	}
	return rows, mask, nil
}

// meanHeads are the means of hook_z at the last tokens of prompts, by layer: [head, d_head].
func meanHeads(ctx context.Context, m *hooked.Model, prompts probe.Collection) (map[hooked.Site]*hooked.Tensor, error) {
	prompts.Sites = hooked.AttnZ
	found, err := probe.Collect(ctx, m, prompts)
	if err != nil {
		return nil, brief.Errorf("the prompts: %w", err)
	}
	c := m.Config()
	means := make(map[hooked.Site]*hooked.Tensor)
	for l := range c.NLayers {
		rows, err := found.Rows(hooked.AttnZ.At(l))
		if err != nil {
			return nil, err
		}
		z := hooked.NewArray(c.NHeads, c.DHead)
		for i, x := range mean(rowsOf(rows)) {
			z.Data[i] = float32(x)
		}
		if means[hooked.AttnZ.At(l)], err = m.NewTensor(z, "head d_head"); err != nil {
			return nil, err
		}
	}
	return means, nil
}

// TopHeads are the n heads with the largest effects of a grid [layer, head], the largest first.
func TopHeads(effects *patching.Grid, n int) ([]Head, error) {
	var shape []int
	var values []float32
	err := hooked.Try(func() { shape, values = effects.Shape(), effects.Float32s() })
	if err != nil {
		return nil, brief.Errorf("TopHeads: %w", err)
	}
	if len(shape) != 2 || n < 1 || n > len(values) {
		return nil, brief.Errorf("TopHeads(%d) of a grid of shape %v: want [layer, head], and 1 to all heads", n, shape)
	}
	if slices.ContainsFunc(values, func(v float32) bool { return math.IsNaN(float64(v)) }) {
		return nil, brief.Errorf("TopHeads: an effect is no number")
	}
	heads := make([]Head, len(values))
	for i := range heads {
		heads[i] = Head{i / shape[1], i % shape[1]}
	}
	at := func(h Head) float32 { return values[h.Layer*shape[1]+h.Head] }
	slices.SortStableFunc(heads, func(a, b Head) int { return cmp.Compare(at(b), at(a)) })
	return heads[:n], nil
}
