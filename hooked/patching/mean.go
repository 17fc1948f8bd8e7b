package patching

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// Mean replaces activations by their mean over a reference set of prompts, as mean ablation does.
// The mean is taken along the named axes, separated by blanks: "batch" keeps a mean for each
// position, for which the reference prompts must be as long as the base's; "batch pos" has one for
// all. Pads are left out, where [PaddingSide] tells them.
func Mean(reference hooked.Tokens, axes string) Source { return mean{reference, strings.Fields(axes)} }

type mean struct {
	tokens hooked.Tokens
	axes   []string
}

func (f mean) activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error) {
	if err := f.check(m, s); err != nil {
		return nil, fmt.Errorf("the reference run: %w", err)
	}
	cache, err := m.Cache(f.tokens, s.runOptions(sites)...)
	if err != nil {
		return nil, fmt.Errorf("the reference run: %w", err)
	}
	return func(site hooked.Site) (t *hooked.Tensor, err error) {
		like, err := base.Lookup(site)
		if err != nil {
			return nil, err
		}
		var average *hooked.Tensor
		err = hooked.Try(func() { average, err = f.of(m, cache.Get(site), cache.Mask(), base.Mask()) })
		if err != nil {
			return nil, fmt.Errorf("the mean of %s: %w", site, err)
		}
		err = hooked.Try(func() { t = like.Scale(0).Add(average) })
		return t, err
	}, nil
}

// check refuses reference prompts of which nothing tells the pads.
func (f mean) check(m *hooked.Model, s *settings) error {
	if len(f.axes) == 0 {
		return fmt.Errorf("Mean names no axes: want \"batch\", or \"batch pos\"")
	}
	if s.masked {
		return fmt.Errorf("AttentionMask is of the base's tokens, and Mean has others: pad both on the left and say PaddingSide(hooked.Left)")
	}
	if len(s.padding) > 0 {
		return nil
	}
	for i, end := range m.EndsOf(f.tokens) {
		if n := len(f.tokens[i]) - 1 - end[0]; n > 0 {
			return fmt.Errorf("the last %d tokens of prompt %d are the pad token, and would count in the mean: pad on the left, "+
				"and say PaddingSide(hooked.Left)", n, i)
		}
	}
	return nil
}

// of is the mean of an activation x along the axes, of the tokens that mask [batch][pos] calls
// real. Base is the mask of the prompts that the mean is for.
func (f mean) of(m *hooked.Model, x *hooked.Tensor, mask, base [][]int) (*hooked.Tensor, error) {
	if mask == nil {
		return x.Mean(f.axes...), nil
	}
	places := []string{"batch", positionAxis(x)}
	real, counts := hooked.NewArray(len(mask), len(mask[0])), hooked.NewArray(len(mask), len(mask[0]))
	averaged := tokensAveraged(mask, slices.Contains(f.axes, places[0]), slices.Contains(f.axes, places[1]))
	for i, row := range mask {
		for p, v := range row {
			n := averaged(i, p)
			if n == 0 && slices.ContainsFunc(base, func(r []int) bool { return p < len(r) && r[p] == 1 }) {
				return nil, fmt.Errorf("at position %d all reference prompts have pads, and some of the base's have tokens", p)
			}
			real.Data[i*len(row)+p], counts.Data[i*len(row)+p] = float32(v), max(1, float32(n))
		}
	}
	weight, err := m.NewTensor(real, strings.Join(places, " "))
	if err != nil {
		return nil, err
	}
	count, err := m.NewTensor(counts, strings.Join(places, " "))
	if err != nil {
		return nil, err
	}
	x = x.Mul(weight).Div(count)
	for _, axis := range f.axes {
		if slices.Contains(places, axis) {
			x = x.Sum(axis)
		} else {
			x = x.Mean(axis)
		}
	}
	return x, nil
}

// positionAxis is the axis of an activation along which its tokens lie.
func positionAxis(x *hooked.Tensor) string {
	for _, name := range []string{"pos", "query"} {
		if slices.Contains(x.AxisNames(), name) {
			return name
		}
	}
	return "key"
}

// tokensAveraged counts the real tokens that a mean over the batch, over positions, or both takes
// together at prompt i and position p.
func tokensAveraged(mask [][]int, batch, pos bool) func(i, p int) int {
	total, ofRow, ofPos := 0, make([]int, len(mask)), make([]int, len(mask[0]))
	for i, row := range mask {
		for p, v := range row {
			total, ofRow[i], ofPos[p] = total+v, ofRow[i]+v, ofPos[p]+v
		}
	}
	return func(i, p int) int {
		switch {
		case batch && pos:
			return total
		case batch:
			return ofPos[p]
		case pos:
			return ofRow[i]
		}
		return mask[i][p]
	}
}
