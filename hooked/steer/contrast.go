package steer

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/floats"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/brief"
)

// A Method makes a direction of the activations of contrasting texts.
type Method int

const (
	// MeanDifference is the mean of the positive texts less that of the negative ones.
	MeanDifference Method = iota
	// PairDifferences is repeng's pca_diff: the first principal component of the differences
	// positive less negative inside the pairs, of length 1, the way that most pairs point.
	// Components have the mean taken out, so it is how the differences differ most; what all pairs
	// share is [MeanDifference].
	PairDifferences
	// PairCentred is repeng's pca_center: the first principal component of all texts, each less the
	// mean of its pair, of length 1, the way that most pairs point.
	PairCentred
)

var methodNames = []string{"MeanDifference", "PairDifferences", "PairCentred"}

// String names the method.
func (m Method) String() string {
	if m < 0 || int(m) >= len(methodNames) {
		return brief.Sprintf("Method(%d)", int(m))
	}
	return methodNames[m]
}

// Prompts are contrasting texts. Texts or tokens are needed, on both sides; methods of pairs take
// as many of one as of the other, whose texts at the same place belong together.
type Prompts struct {
	Positive, Negative             []string
	PositiveTokens, NegativeTokens [][]int

	Method Method

	// Collection says where to look: its Sites, hooked.ResidPost if they are left out; At, which
	// gives one row of each text; and MaxTokens, NoBOS, Batch, Edits and Progress. Texts, Tokens
	// and Mask are made of the prompts, and refused.
	Collection probe.Collection
}

// Contrast is the vector from the negative texts to the positive ones, with a direction for every
// layer of the sites that are collected. They are of one kind, such as hooked.ResidPost or
// hooked.ResidPost.At(8).
func Contrast(ctx context.Context, m *hooked.Model, p Prompts) (*Vector, error) {
	c, positive, err := p.collection()
	if err != nil {
		return nil, brief.Errorf("Contrast: %w", err)
	}
	found, err := probe.Collect(ctx, m, c)
	if err != nil {
		return nil, brief.Errorf("Contrast: %w", err)
	}
	v := &Vector{Directions: map[int][]float32{}}
	for _, name := range found.Sites() {
		if err := v.contrasted(found, name, positive, p.Method); err != nil {
			return nil, brief.Errorf("Contrast at %s: %w", name, err)
		}
	}
	return checked("Contrast", v)
}

// collection are the texts of both sides, the positive ones first, and how many these are.
func (p Prompts) collection() (c probe.Collection, positive int, err error) {
	c = p.Collection
	if c.Texts != nil || c.Tokens != nil || c.Mask != nil {
		return c, 0, brief.Errorf("Prompts.Collection has Texts, Tokens or a Mask: these are made of the prompts")
	}
	if c.Sites == nil {
		c.Sites = hooked.ResidPost
	}
	positive = len(p.Positive) + len(p.PositiveTokens)
	negative := len(p.Negative) + len(p.NegativeTokens)
	switch {
	case positive == 0 || negative == 0:
		return c, 0, brief.Errorf("there are %d positive and %d negative prompts: want some of both", positive, negative)
	case len(p.Positive)+len(p.Negative) > 0 && len(p.PositiveTokens)+len(p.NegativeTokens) > 0:
		return c, 0, brief.Errorf("there are prompts as texts and as tokens: want one of the two")
	}
	if len(p.Positive) > 0 {
		c.Texts = slices.Concat(p.Positive, p.Negative)
	} else {
		c.Tokens = slices.Concat(p.PositiveTokens, p.NegativeTokens)
	}
	return c, positive, nil
}

// contrasted gives the vector its direction for one site.
func (v *Vector) contrasted(found *probe.Activations, name string, positive int, method Method) error {
	site, layer, err := siteOf(name)
	switch {
	case err != nil:
		return err
	case v.Site != "" && v.Site != site:
		return brief.Errorf("the sites are of several kinds, %s too: make a vector for each", v.Site)
	}
	rows, err := found.Rows(name)
	if err != nil {
		return err
	}
	all := rowsOf(rows)
	if texts := rows.Examples(); len(texts) > 0 && texts[len(texts)-1] != len(all)-1 {
		return brief.Errorf("there are %d rows of %d texts: want one of each, such as probe.Last or probe.Mean", len(all), texts[len(texts)-1]+1)
	}
	v.Site = site
	v.Directions[layer], err = method.direction(all[:positive], all[positive:])
	if err == nil && norm(v.Directions[layer]) == 0 {
		err = brief.Errorf("the positive and the negative prompts have the same mean, so there is no direction from one to the other")
	}
	return err
}

// rowsOf are rows in float64.
func rowsOf(rows *probe.Rows) [][]float64 {
	n, width := rows.Len(), rows.Shape()[1]
	data := rows.Float32s()
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, width)
		for k := range out[i] {
			out[i][k] = float64(data[i*width+k])
		}
	}
	return out
}

// direction is from the negative rows to the positive ones.
func (m Method) direction(positive, negative [][]float64) ([]float32, error) {
	switch {
	case m < 0 || int(m) >= len(methodNames):
		return nil, brief.Errorf("there is no %s: want %s", m, brief.Names(methodNames))
	case m == MeanDifference:
		return narrow(minus(mean(positive), mean(negative))), nil
	case len(positive) != len(negative):
		return nil, brief.Errorf("%s is of pairs, and there are %d positive and %d negative prompts", m, len(positive), len(negative))
	}
	var rows [][]float64
	for i, p := range positive {
		if m == PairDifferences {
			rows = append(rows, minus(p, negative[i]))
			continue
		}
		centre := mean([][]float64{p, negative[i]})
		rows = append(rows, minus(p, centre), minus(negative[i], centre))
	}
	first, err := firstComponent(rows)
	if err != nil {
		return nil, brief.Errorf("%s: %w", m, err)
	}
	if pointsDown(first, positive, negative) {
		floats.Scale(-1, first)
	}
	return narrow(first), nil
}

// pointsDown reports whether the positive rows lie less far along a direction than the negative
// ones in most of the pairs. As in repeng, where these are half the component's own sign stays: its
// largest entry is positive.
func pointsDown(direction []float64, positive, negative [][]float64) bool {
	ahead := 0
	for i := range positive {
		switch by := floats.Dot(direction, positive[i]) - floats.Dot(direction, negative[i]); {
		case by > 0:
			ahead++
		case by < 0:
			ahead--
		}
	}
	return ahead < 0
}

// firstComponent is the first principal component of rows, of length 1.
func firstComponent(rows [][]float64) ([]float64, error) {
	single := make([][]float32, len(rows))
	for i, row := range rows {
		single[i] = narrow(row)
	}
	r, err := probe.NewRows(single)
	if err != nil {
		return nil, err
	}
	components, err := probe.PCA(r, 1)
	if err != nil {
		return nil, err
	}
	first := make([]float64, len(rows[0]))
	for i, x := range components.Vectors.Float32s() {
		first[i] = float64(x)
	}
	return first, nil
}

func mean(rows [][]float64) []float64 {
	sum := make([]float64, len(rows[0]))
	for _, row := range rows {
		floats.Add(sum, row)
	}
	floats.Scale(1/float64(len(rows)), sum)
	return sum
}

func minus(a, b []float64) []float64 { return floats.SubTo(make([]float64, len(a)), a, b) }

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
