package hooked

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

// This file turns what a run was asked for into its plan and its inputs.

// prepare does everything of a run but compile and execute it. The order matters: layers limit
// which sites there are, sites which edits mean anything, the mask where a metric looks, and
// prefixes are told from all of that.
func (r *run) prepare(input any) error {
	for _, step := range []func() error{
		func() error { return r.read(input) },
		r.readSource, r.setLayers, r.setSites, r.setWeightGrads, r.setEdits, r.checkKV, r.setMask, r.checkLoss, r.setMetric, r.setLogits, r.setKV, r.setTokenTypes, r.setPrefixes,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	r.plan.seal()
	r.plan.shorten()
	return nil
}

// read takes the input in any of its forms: a text, texts, tokens, or the residual stream at which
// a run enters a model half way.
func (r *run) read(input any) error {
	if err := r.req.checkInput(input); err != nil {
		return err
	}
	if t, ok := input.(*Tensor); ok {
		return r.readResidual(t)
	}
	tokens, err := r.m.tokensOf(input, r.req)
	if err != nil {
		return err
	}
	if err := tokens.check(r.m.cfg); err != nil {
		return err
	}
	if err := r.findEnds(input); err != nil {
		return err
	}
	r.tokens = tokens
	r.plan.batch, r.plan.pos = len(tokens), len(tokens[0])
	if _, err := resolved("PosSlice", r.req.posSlice, r.plan.pos); err != nil {
		return err
	}
	return r.in.set(inputTokens, flatten32(tokens), dtypes.Int32, r.plan.batch, r.plan.pos)
}

// readResidual takes a residual stream [batch, pos, d_model] for input. A tensor does not tell in
// which layer it was recorded, so the reader must.
func (r *run) readResidual(t *Tensor) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("the residual stream to run from: %w", err)
	}
	shape := t.Shape()
	if len(shape) != 3 || shape[2] != r.m.cfg.DModel {
		return fmt.Errorf("a residual stream has shape [batch, pos, %d], this tensor has %v", r.m.cfg.DModel, shape)
	}
	if r.req.start == nil {
		return fmt.Errorf("to run from a residual stream say where it enters: StartAtLayer(l)")
	}
	if err := r.m.cfg.checkLength(shape[1], "positions"); err != nil {
		return err
	}
	r.plan.batch, r.plan.pos = shape[0], shape[1]
	if _, err := resolved("PosSlice", r.req.posSlice, r.plan.pos); err != nil {
		return err
	}
	r.plan.fromResidual = true
	if r.plan.loss {
		if err := r.scoreOn(r.req.lossTokens); err != nil {
			return err
		}
	}
	r.from = t
	return nil
}

// scoreOn gives the tokens of the loss to a run that does not read them.
func (r *run) scoreOn(tokens Tokens) error {
	if err := tokens.check(r.m.cfg); err != nil {
		return fmt.Errorf("the loss of a run from a residual stream needs LossTokens: %w", err)
	}
	if len(tokens) != r.plan.batch || len(tokens[0]) != r.plan.pos {
		return fmt.Errorf("LossTokens has shape %v, the residual stream [%d, %d]", tokens.Shape(), r.plan.batch, r.plan.pos)
	}
	return r.in.set(inputTokens, flatten32(tokens), dtypes.Int32, r.plan.batch, r.plan.pos)
}

// setLayers cuts the run to the layers [start, stop). StopAtLayer ends it with the residual stream
// there, and nothing after it is computed.
func (r *run) setLayers() error {
	c := r.m.cfg
	r.plan.stop = c.NLayers
	if s := r.req.stop; s != nil {
		if *s < -c.NLayers || *s > c.NLayers {
			return fmt.Errorf("StopAtLayer(%d): the model has %d layers", *s, c.NLayers)
		}
		r.plan.stop = *s
		if *s < 0 {
			r.plan.stop += c.NLayers
		}
		r.plan.residual, r.plan.logits, r.plan.loss = true, false, false
	}
	if c.Headless && r.plan.logits {
		r.plan.residual, r.plan.logits = true, false
		if len(r.req.logitsAt) > 0 {
			return fmt.Errorf("LogitsAt: the encoder has no head, and so no logits")
		}
	}
	if s := r.req.start; s != nil {
		l, err := c.layer(*s)
		if err != nil {
			return fmt.Errorf("StartAtLayer: %w", err)
		}
		if !r.plan.fromResidual {
			return fmt.Errorf("StartAtLayer(%d) needs a residual stream as input, not tokens", *s)
		}
		r.plan.start = l
	}
	return nil
}

// within drops the sites that lie outside the layers that this run computes. What lies in no layer
// comes before all of them, such as the embedding, or after.
func (r *run) within(sites []Site) []Site {
	return filterSites(sites, func(s Site) bool {
		if s.has(inSource) {
			return !r.plan.sourceKept
		}
		if l, ok := s.Layer(); ok {
			return r.plan.start <= l && l < r.plan.stop
		}
		if s.has(afterAll) {
			return r.plan.stop == r.m.cfg.NLayers && !r.plan.residual
		}
		return !r.plan.fromResidual
	})
}

// setSites settles which activations and gradients are results. An observer gets its activations as
// results too, after the run: a call in the middle would cut the program in two.
func (r *run) setSites() error {
	c := r.m.cfg
	var err error
	r.plan.taps = new(tapBook)
	switch {
	case len(r.req.record) > 0:
		r.plan.record, _, err = r.chosen("Names", recordTap, r.req.record...)
	case r.req.recordAll:
		r.plan.record, r.plan.taps.all = c.defaultSites(), true
	}
	if err != nil {
		return err
	}
	observed, err := r.observed()
	if err != nil {
		return err
	}
	if r.plan.grads, _, err = r.chosen("Gradients", gradTap, r.req.grads...); err != nil {
		return err
	}
	for _, asked := range []struct {
		option string
		sites  []Site
	}{{"Names", r.plan.record}, {"Observe", observed}, {"Gradients", r.plan.grads}} {
		if err := r.meets(asked.option, asked.sites); err != nil {
			return err
		}
	}
	// in the order of the forward pass, each once, so that equal runs have equal keys
	both := append(slices.Clone(r.plan.record), observed...)
	r.plan.record = r.within(filterSites(c.Sites(), func(s Site) bool { return slices.Contains(both, s) }))
	r.plan.grads = r.within(r.plan.grads)
	if r.req.gradAll && len(r.req.grads) == 0 {
		r.plan.grads, r.plan.taps.allGrads = r.plan.record, len(r.req.edits) > 0
	}
	r.plan.ungroup = r.req.ungroup
	r.plan.lossPerToken = r.req.lossPerToken
	return nil
}

// meets refuses an option that selects only sites which the run does not come to.
func (r *run) meets(option string, sites []Site) error {
	if len(sites) == 0 || len(r.within(sites)) > 0 || r.plan.sourceKept {
		return nil
	}
	var cut []string
	for _, name := range []string{"StartAtLayer", "StopAtLayer"} {
		if r.req.has(name) {
			cut = append(cut, name)
		}
	}
	return fmt.Errorf("%s selects %s, which %s leaves out of this run", option, sites[0], strings.Join(cut, " and "))
}

// observed are the sites that observers look at. Each notes its own, since one run may have
// several.
func (r *run) observed() ([]Site, error) {
	var all []Site
	for i := range r.req.observers {
		o := &r.req.observers[i]
		var err error
		if o.sites, o.taps, err = r.chosen("Observe", recordTap, o.at); err != nil {
			return nil, fmt.Errorf("Observe: %w", err)
		}
		all = append(all, o.sites...)
	}
	return all, nil
}

// setEdits puts the edits into the plan, in the order given. Their run-time values become inputs:
// the same edit with other values runs the same program.
func (r *run) setEdits() error {
	for i, requested := range r.req.edits {
		sites, taps, err := r.chosen(fmt.Sprintf("edit %d", i), editTap, requested.at)
		if err != nil {
			return fmt.Errorf("%s: %w", placed(fmt.Sprintf("edit %d", i), requested.line), err)
		}
		anywhere := len(sites) > 0
		if sites = r.within(sites); len(sites) == 0 && len(taps) == 0 {
			if anywhere && r.plan.sourceKept { // the first step has done it
				continue
			}
			return fmt.Errorf("%s: none of its sites lies in the layers that this run computes", placed(fmt.Sprintf("edit %d", i), requested.line))
		}
		e := &edit{at: make(map[Site]bool), taps: taps, backward: requested.backward, line: requested.line, Intervention: requested.edit}
		for _, s := range sites {
			e.at[s] = true
		}
		if acts, err := r.acts(e); err != nil {
			return fmt.Errorf("%s: %w", placed(fmt.Sprintf("edit %d, of %v", i, requested.at), requested.line), err)
		} else if !acts {
			for _, sel := range taps {
				sel.unless = nil // it is not asked whether they come up
			}
			continue
		}
		prefix := fmt.Sprintf("edit.%d", i)
		if e.operands, err = requested.edit.uploaded(r.in, prefix); err != nil {
			return fmt.Errorf("%s: %w", placed(fmt.Sprintf("edit %d, of %v", i, requested.at), requested.line), err)
		}
		r.plan.edits = append(r.plan.edits, e)
	}
	return nil
}

// checkLoss refuses a loss that nothing is predicted for.
func (r *run) checkLoss() error {
	if !r.plan.loss {
		return nil
	}
	if r.plan.pos < 2 {
		return fmt.Errorf("the loss is of each token given those before it: an input of one token has none")
	}
	for _, row := range r.mask {
		for k := 1; k < len(row); k++ {
			if row[k-1] == 1 && row[k] == 1 {
				return nil
			}
		}
	}
	if r.mask != nil {
		return fmt.Errorf("the loss is of each token given those before it: under this attention mask no two tokens follow each other")
	}
	return nil
}

// setLogits uploads the places [batch][n] whose logits the run or its metric wants. Others are not
// computed: over a large vocabulary they cost more than all layers.
func (r *run) setLogits() error {
	at := r.logitsAt
	if at == nil && len(r.req.logitsAt) > 0 {
		var err error
		if at, err = r.logitPlaces(); err != nil {
			return err
		}
	}
	if at == nil {
		return nil
	}
	places := make([]int32, 0, len(at)*len(at[0]))
	for i, row := range at {
		for _, p := range row {
			places = append(places, int32(i*r.plan.pos+p))
		}
	}
	r.plan.logitsAt = len(at[0])
	return r.in.set(inputLogitsAt, places, dtypes.Int32, len(places), 1)
}

// logitPlaces are the positions of each prompt that LogitsAt means. Negative ones count from its
// last token, where it is known; where some rows of tokens end in pad tokens and others do not, it
// is not.
func (r *run) logitPlaces() ([][]int, error) {
	if _, err := resolved("LogitsAt", r.req.logitsAt, r.plan.pos); err != nil {
		return nil, err
	}
	fromEnd := slices.ContainsFunc(r.req.logitsAt, func(p int) bool { return p < 0 })
	if i := r.doubtful(); i >= 0 && fromEnd {
		return nil, fmt.Errorf("LogitsAt counts from the end, where prompt %d has %d pad tokens and others have none: give the texts, pad on the left, "+
			"or tell the pads by AttentionMask; a mask of ones says that they are tokens", i, r.tail(i))
	}
	at := make([][]int, r.plan.batch)
	for i := range at {
		for _, p := range r.req.logitsAt {
			if p < 0 {
				if p += r.end(i); p < 0 {
					return nil, fmt.Errorf("LogitsAt(%d): prompt %d has only %d positions", p-r.end(i), i, r.end(i))
				}
			}
			at[i] = append(at[i], p)
		}
	}
	return at, nil
}

// end is the position after the last token of prompt i: the row's, unless pads after it are known.
func (r *run) end(i int) int {
	mask := r.rowMask(i)
	switch {
	case mask != nil && lastOne(mask) >= 0:
		return lastOne(mask) + 1
	case mask == nil && r.ends != nil:
		return r.ends[i]
	}
	return r.plan.pos
}

// doubtful is a prompt whose tokens end in what may be pads, where others do not; -1 if there is
// none. In many families the pad token is also the end of a text, which one may well ask about:
// where every prompt ends in it, it is taken as meant.
func (r *run) doubtful() int {
	if r.ends != nil || r.req.kv != nil {
		return -1
	}
	some := -1
	whole := false
	for i := range r.plan.batch {
		if r.tail(i) > 0 {
			some = i
		} else {
			whole = true
		}
	}
	if !whole {
		return -1
	}
	return some
}

// resolved are positions counted from the beginning, where negative ones count from the end of n.
func resolved(option string, positions []int, n int) ([]int, error) {
	out := make([]int, len(positions))
	for i, p := range positions {
		if p < -n || p >= n {
			return nil, fmt.Errorf("%s(%d): the input has %d positions", option, p, n)
		}
		out[i] = (p + n) % n
	}
	return out, nil
}
