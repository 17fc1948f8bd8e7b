package patching

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
)

// Mean is a [Source] that replaces activations by their mean over reference prompts, as mean
// ablation does. ARENA's, where each template of prompts has its own mean, is
//
//	patching.Mean{Of: reference, Over: "batch", Groups: templates}
//
// Pads are left out, where [PaddingSide] tells them.
type Mean struct {
	// Of are the reference prompts, [prompt][pos].
	Of hooked.Tokens

	// Over are the axes along which the mean is taken, separated by blanks: "batch" keeps a mean
	// for each position, for which the reference prompts must be as long as the base's; "batch pos"
	// has one for all.
	Over string

	// Groups, if there are any, is the group of each reference prompt, such as the number of its
	// template. A prompt of the base then gets the mean of its own group.
	Groups []int

	// BaseGroups is the group of each prompt of the base; nil if they are those of Groups.
	BaseGroups []int
}

func (f Mean) activations(m *hooked.Model, base *hooked.Cache, sites []hooked.Site, s *settings) (lookup, error) {
	if err := f.check(m, s); err != nil {
		return nil, err
	}
	cache, err := m.Cache(f.Of, s.runOptions(sites)...)
	if err != nil {
		return nil, fmt.Errorf("the run of Mean.Of: %w", err)
	}
	return func(site hooked.Site) (t *hooked.Tensor, err error) {
		like, err := base.Lookup(site)
		if err != nil {
			return nil, err
		}
		x, err := cache.Lookup(site)
		if err != nil {
			return nil, err
		}
		average, err := f.average(m, reference{x, cache.Mask()}, reference{like, base.Mask()})
		if err != nil {
			return nil, fmt.Errorf("the mean of %s: %w", site, err)
		}
		zero, err := zerosLike(m, like)
		if err != nil {
			return nil, err
		}
		err = hooked.Try(func() { t = zero.Add(average) })
		return t, err
	}, nil
}

// check refuses a mean of nothing, and reference prompts of which nothing tells the pads.
func (f Mean) check(m *hooked.Model, s *settings) error {
	switch axes := strings.Fields(f.Over); {
	case len(f.Of) == 0:
		return fmt.Errorf("Mean has no Of: give the reference prompts' tokens")
	case len(axes) == 0:
		return fmt.Errorf("Mean has no Over: want \"batch\", or \"batch pos\"")
	case f.Groups == nil && f.BaseGroups != nil:
		return fmt.Errorf("Mean has BaseGroups and no Groups: give the group of each reference prompt too")
	case f.Groups != nil && len(f.Groups) != len(f.Of):
		return fmt.Errorf("Mean.Groups has %d entries for %d reference prompts: want one for each", len(f.Groups), len(f.Of))
	case f.Groups != nil && !slices.Contains(axes, "batch"):
		return brief.Errorf("Mean.Over is %q, without \"batch\", so there is nothing to group", f.Over)
	case s.masked:
		return fmt.Errorf("AttentionMask is of the base's tokens, and Mean has others: pad both on the left and say PaddingSide(hooked.Left)")
	case len(s.padding) > 0:
		return nil
	}
	for i, end := range m.EndsOf(f.Of) {
		if n := len(f.Of[i]) - 1 - end[0]; n > 0 {
			return fmt.Errorf("the last %d tokens of reference prompt %d are the pad token, and would count in the mean: pad on the left, "+
				"and say PaddingSide(hooked.Left)", n, i)
		}
	}
	return nil
}

// reference is an activation of a run, and which of its tokens are real: nil for all.
type reference struct {
	x    *hooked.Tensor
	mask [][]int
}

// average is the mean for the base's prompts: with an axis "batch" where they have groups.
func (f Mean) average(m *hooked.Model, of, base reference) (average *hooked.Tensor, err error) {
	axes, err := f.axesOf(of.x, base.x)
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() {
		if f.Groups == nil {
			average = hooked.Must(of.mean(m, axes, base.mask))
		} else {
			average = hooked.Must(f.ofGroups(m, axes, of, base))
		}
	})
	return average, err
}

// axesOf are the names that the axes of the mean have at a site. Those that are kept must be as
// long in the base run.
func (f Mean) axesOf(x, base *hooked.Tensor) ([]string, error) {
	names := x.AxisNames()
	var axes []string
	for _, name := range strings.Fields(f.Over) {
		i := axis.Find(names, name)
		if i < 0 {
			return nil, brief.Errorf("there is no axis %q: want some of %v", name, names)
		}
		axes = append(axes, names[i])
	}
	for i, name := range names {
		if n, want := x.Shape()[i], base.Shape()[i]; n != want && !slices.Contains(axes, name) {
			return nil, fmt.Errorf("axis %s has %d entries in the reference run and %d in the base run: want as many, or a mean over it", name, n, want)
		}
	}
	return axes, nil
}

// ofGroups is the mean for each prompt of the base, that of its group: [batch, ...].
func (f Mean) ofGroups(m *hooked.Model, axes []string, of, base reference) (*hooked.Tensor, error) {
	wanted := f.BaseGroups
	if wanted == nil {
		wanted = f.Groups
	}
	if n := base.x.Shape()[0]; len(wanted) != n {
		return nil, fmt.Errorf("there are groups of %d prompts and the base has %d: give Mean.BaseGroups one for each", len(wanted), n)
	}
	var groups []int
	var means []*hooked.Tensor
	place := make([]int, len(wanted)) // of each prompt's group among groups
	for i, group := range wanted {
		if place[i] = slices.Index(groups, group); place[i] >= 0 {
			continue
		}
		rows := indicesOf(f.Groups, group)
		if len(rows) == 0 {
			return nil, fmt.Errorf("prompt %d of the base is of group %d, of which there is no reference prompt", i, group)
		}
		mean, err := of.rows(rows).mean(m, axes, base.rows(indicesOf(wanted, group)).mask)
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", group, err)
		}
		place[i] = len(groups)
		groups, means = append(groups, group), append(means, mean)
	}
	return hooked.StackTensors("batch", means...).At(place), nil
}

// indicesOf are where a group stands in a list of groups.
func indicesOf(groups []int, group int) (rows []int) {
	for i, g := range groups {
		if g == group {
			rows = append(rows, i)
		}
	}
	return rows
}

// rows is the part of some prompts.
func (r reference) rows(rows []int) reference {
	part := reference{x: r.x.At(rows)}
	if r.mask != nil {
		for _, i := range rows {
			part.mask = append(part.mask, r.mask[i])
		}
	}
	return part
}

// mean is the mean along the axes, of real tokens alone. Base is the mask of the prompts that the
// mean is for.
func (r reference) mean(m *hooked.Model, axes []string, base [][]int) (*hooked.Tensor, error) {
	x, mask := r.x, r.mask
	at := positionAxis(x)
	if mask == nil || at == "" {
		return x.Mean(axes...), nil
	}
	places := []string{"batch", at}
	real, counts := hooked.NewArray(len(mask), len(mask[0])), hooked.NewArray(len(mask), len(mask[0]))
	averaged := tokensAveraged(mask, slices.Contains(axes, places[0]), slices.Contains(axes, places[1]))
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
	for _, axis := range axes {
		if slices.Contains(places, axis) {
			x = x.Sum(axis)
		} else {
			x = x.Mean(axis)
		}
	}
	return x, nil
}

// positionAxis is the axis of an activation along which its tokens lie; empty for a tap without
// one.
func positionAxis(x *hooked.Tensor) string {
	for _, name := range []string{"pos", "query", "key"} {
		if slices.Contains(x.AxisNames(), name) {
			return name
		}
	}
	return ""
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
