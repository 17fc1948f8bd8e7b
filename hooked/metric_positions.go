package hooked

import (
	"fmt"
	"slices"
)

// EndsOf is the position of the last token of each prompt that is no pad, [batch][1], for
// [Metric.At]. Pads are the pad tokens at the end of a row; a row of nothing else ends with its
// first token, as an empty text does after its BOS. Where a prompt may end in the pad token itself,
// make a mask and use [EndsOfMask]. A model that knows no pad token has none.
func (m *Model) EndsOf(tokens Tokens) [][]int {
	ends := make([][]int, len(tokens))
	for i, row := range tokens {
		ends[i] = []int{max(0, len(row)-1-m.padsAfter(row))}
	}
	return ends
}

// EndsOfMask is the position of the last token of each prompt that an attention mask [batch][pos]
// calls one, for [Metric.At].
func EndsOfMask(mask [][]int) ([][]int, error) {
	ends := make([][]int, len(mask))
	for i, row := range mask {
		if ends[i] = []int{lastOne(row)}; ends[i][0] < 0 {
			return nil, fmt.Errorf("the attention mask's row %d has no token", i)
		}
	}
	return ends, nil
}

// EndsOf is where the prompts of the cache's run end, [batch][1]: [EndsOfMask] of a masked run,
// else [Model.EndsOf] its tokens; nil if it read none.
func (c *Cache) EndsOf() ([][]int, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.mask != nil {
		return EndsOfMask(c.mask)
	}
	return c.m.EndsOf(c.tokens), nil
}

func lastOne(row []int) int {
	last := -1
	for k, v := range row {
		if v == 1 {
			last = k
		}
	}
	return last
}

// padsAfter is how many pad tokens a row of several ends in, its first token left out: that may be
// a BOS, which in many models is the pad token too.
func (m *Model) padsAfter(row []int) int {
	pad, ok := m.padToken()
	n := 0
	for ok && n < len(row)-1 && row[len(row)-1-n] == pad {
		n++
	}
	return n
}

// positionsOf is where a metric looks in each of some prompts, see [sweeps.Door].
func (m *Model) positionsOf(metric Metric, tokens [][]int, options ...Option) (places [][]int, err error) {
	defer guard(&err)
	r, err := m.begin(options, verbPositions)
	if err != nil {
		return nil, err
	}
	if err := r.read(Tokens(tokens)); err != nil {
		return nil, err
	}
	if err := r.setMask(); err != nil {
		return nil, err
	}
	places, err = metric.places(r)
	if places == nil && err == nil {
		all := make([]int, r.plan.pos)
		for p := range all {
			all[p] = p
		}
		places = slices.Repeat([][]int{all}, r.plan.batch)
	}
	return places, err
}

// places are the positions of each prompt that the metric looks at; nil for all of all.
func (m *Metric) places(r *run) ([][]int, error) {
	switch {
	case m.each != nil:
		return m.each, r.checkEach(m.each)
	case len(m.positions) == 0:
		return nil, r.checkWhole()
	}
	out := make([][]int, r.plan.batch)
	for i := range out {
		for _, p := range m.positions {
			at, err := r.place(i, p)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], at)
		}
	}
	return out, nil
}

func (r *run) checkEach(each [][]int) error {
	if len(each) != r.plan.batch {
		return fmt.Errorf("the metric has positions of %d prompts, the run has %d", len(each), r.plan.batch)
	}
	for i, row := range each {
		if len(row) != len(each[0]) || len(row) == 0 {
			return fmt.Errorf("the metric has %d positions of prompt %d and %d of prompt 0: want as many, and at least one", len(row), i, len(each[0]))
		}
		for _, p := range row {
			if p < 0 || p >= r.plan.pos {
				return fmt.Errorf("the metric looks at position %d of prompt %d, whose row has positions 0 to %d", p, i, r.plan.pos-1)
			}
			if mask := r.rowMask(i); mask != nil && mask[p] == 0 {
				return fmt.Errorf("the metric looks at position %d of prompt %d, which the attention mask calls a pad", p, i)
			}
		}
	}
	return nil
}

// checkWhole refuses a metric of all positions where some are pads.
func (r *run) checkWhole() error {
	for i := range r.plan.batch {
		if slices.Contains(r.rowMask(i), 0) {
			return fmt.Errorf("the metric looks at all positions, and some of prompt %d are pads: name positions (NewMetric, Metric.At)", i)
		}
		if n := r.tail(i); n > 0 {
			return r.inDoubt(i, n)
		}
	}
	return nil
}

// place is a position of prompt i, of which a negative one counts from its last token.
func (r *run) place(i, p int) (int, error) {
	mask, tail := r.rowMask(i), r.tail(i)
	first, end := 0, r.plan.pos
	switch {
	case mask != nil && lastOne(mask) < 0:
		return 0, fmt.Errorf("the metric looks at position %d, and the attention mask leaves prompt %d no token", p, i)
	case mask != nil:
		first, end = max(0, slices.Index(mask, 1)), lastOne(mask)+1
	case tail > 0 && r.ends != nil:
		end -= tail
	case tail > 0 && (p < 0 || p >= end-tail):
		return 0, r.inDoubt(i, tail)
	}
	at := p
	if p < 0 {
		at += end
	}
	switch {
	case at < 0 || at >= r.plan.pos:
		return 0, fmt.Errorf("the metric looks at position %d, the prompts have %d", p, r.plan.pos)
	case at < first || at >= end || mask != nil && mask[at] == 0:
		return 0, fmt.Errorf("the metric looks at position %d, which in prompt %d is a pad: its tokens are at %d to %d of %d", p, i, first, end-1, r.plan.pos)
	}
	return at, nil
}

// rowMask is what tells the pads of prompt i among the run's own positions; nil if nothing does.
func (r *run) rowMask(i int) []int {
	switch {
	case r.mask != nil:
		return r.mask[i][len(r.mask[i])-r.plan.pos:]
	case r.req.mask != nil: // of ones
		return r.req.mask[i]
	}
	return nil
}

// tail is how many pads, or what looks like them, prompt i ends in, where no mask tells.
func (r *run) tail(i int) int {
	switch {
	case r.tokens == nil || r.rowMask(i) != nil || r.req.padding == Left:
		return 0
	case r.ends != nil:
		return r.plan.pos - r.ends[i]
	}
	return r.m.padsAfter(r.tokens[i])
}

func (r *run) inDoubt(i, n int) error {
	if r.ends != nil {
		return fmt.Errorf("the metric looks at all positions, and the last %d of prompt %d are pads: name positions (NewMetric, Metric.At)", n, i)
	}
	return fmt.Errorf("the metric looks at the end of prompt %d, where %d of its %d tokens are the pad token: say where prompts end, "+
		"with Metric.At(model.EndsOf(tokens)) or AttentionMask; a mask of ones says that they are tokens", i, n, r.plan.pos)
}

// findEnds counts the tokens of each text, for a run that looks at their ends.
func (r *run) findEnds(input any) error {
	var texts []string
	switch v := input.(type) {
	case string:
		texts = []string{v}
	case []string:
		texts = v
	}
	if len(texts) == 0 || r.plan.metric == nil && len(r.req.logitsAt) == 0 || r.req.padding == Left {
		return nil
	}
	r.ends = make([]int, len(texts))
	for i, text := range texts {
		alone, err := r.m.toTokens([]string{text}, r.req)
		if err != nil {
			return err
		}
		r.ends[i] = len(alone[0])
	}
	return nil
}
