package hooked

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
)

// Run computes the logits [batch, pos, d_vocab] of an input: a text (string), texts ([]string), token ids ([Tokens],
// [][]int, []int), or with [StartAtLayer] a residual stream (*[Tensor]). With [StopAtLayer] it returns the residual
// stream there in place of logits.
func (m *Model) Run(input any, options ...Option) (*Tensor, error) {
	out, err := m.forward(input, options, verbRun)
	if err != nil {
		return nil, err
	}
	return out.result(), nil
}

// RunWithCache is [Model.Run] with every activation along the way, or those that [Names] selects.
func (m *Model) RunWithCache(input any, options ...Option) (*Tensor, *Cache, error) {
	out, err := m.forward(input, options, verbRunWithCache)
	if err != nil {
		return nil, nil, err
	}
	return out.result(), out.cache, nil
}

// Cache runs the model for its activations alone: nothing past the last recorded one is computed.
func (m *Model) Cache(input any, options ...Option) (*Cache, error) {
	out, err := m.forward(input, options, verbCache)
	if err != nil {
		return nil, err
	}
	return out.cache, nil
}

// Loss is the mean cross-entropy in nats of each token given those before it; with [LossPerToken] each one's own,
// [batch, pos-1].
func (m *Model) Loss(input any, options ...Option) (*Tensor, error) {
	out, err := m.forward(input, options, verbLoss)
	if err != nil {
		return nil, err
	}
	return out.loss, nil
}

// LogitsAndLoss is [Model.Run] and [Model.Loss] in one run.
func (m *Model) LogitsAndLoss(input any, options ...Option) (logits, loss *Tensor, err error) {
	out, err := m.forward(input, options, verbLogitsAndLoss)
	if err != nil {
		return nil, nil, err
	}
	return out.logits, out.loss, nil
}

// recordAll records every site that is not optional where the run does not say what to record.
func recordAll(r *request) error {
	r.recordAll = true
	return nil
}

// results are a run's results as tensors; those that it did not ask for are nil.
type results struct {
	logits, loss, residual, scalar *Tensor
	greedy                         *Tensor // [batch] token with the largest logit
	cache, grads                   *Cache
	kv                             []*tensors.Tensor        // keys and values of each layer in turn
	held                           map[*tensors.Tensor]bool // what the caches hold, or will compute from
}

func (r *results) result() *Tensor {
	if r.residual != nil {
		return r.residual
	}
	return r.logits
}

// run is a run in the making: what it was asked for, what it computes, and what its programs read.
type run struct {
	m      *Model
	req    request
	plan   *plan
	in     *inputs
	tokens Tokens
	from   *Tensor // the residual stream that it begins with; nil if it reads tokens
	mask   [][]int // of the padding, over the cache's positions too; nil if nothing is padded
	ends   []int   // how many tokens each text has, where shorter ones were padded on the right

	logitsAt [][]int // positions of each prompt that the run's metric looks at; nil for all, or where it has none
}

// forward does a run from end to end: it plans, finds the programs of its steps, and calls them.
func (m *Model) forward(input any, options []Option, v verb) (*results, error) {
	r, err := m.begin(options, v)
	if err != nil {
		return nil, err
	}
	release, err := r.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	if err := r.prepare(input); err != nil {
		return nil, err
	}
	steps, err := r.steps()
	if err != nil {
		return nil, err
	}
	return r.execute(steps)
}

// begin is a run that knows its options and has not looked at its input.
func (m *Model) begin(options []Option, v verb) (*run, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	r := &run{m: m, plan: &v.plan, in: m.newInputs()}
	return r, v.begin(&r.req, options)
}

// prepare does everything of a run but compile and execute it.
func (r *run) prepare(input any) error {
	for _, step := range []func() error{
		func() error { return r.read(input) },
		r.setLayers, r.setSites, r.setWeightGrads, r.setEdits, r.checkKV, r.setMask, r.checkLoss, r.setMetric, r.setLogits, r.setKV, r.setTokenTypes, r.setPrefixes,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	r.plan.seal()
	r.plan.shorten()
	return nil
}

// read takes the input in any of its forms.
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

// within drops the sites that lie outside the layers that this run computes.
func (r *run) within(sites []Site) []Site {
	return filterSites(sites, func(s Site) bool {
		if l, ok := s.Layer(); ok {
			return r.plan.start <= l && l < r.plan.stop
		}
		if s.has(afterAll) {
			return r.plan.stop == r.m.cfg.NLayers && !r.plan.residual
		}
		return !r.plan.fromResidual
	})
}

func (r *run) setSites() error {
	c := r.m.cfg
	var err error
	switch {
	case len(r.req.record) > 0:
		r.plan.record, err = c.selectSites(r.req.record...)
	case r.req.recordAll:
		r.plan.record = c.defaultSites()
	}
	if err != nil {
		return err
	}
	observed, err := r.observed()
	if err != nil {
		return err
	}
	if r.plan.grads, err = c.selectSites(r.req.grads...); err != nil {
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
	both := append(slices.Clone(r.plan.record), observed...)
	r.plan.record = r.within(filterSites(c.Sites(), func(s Site) bool { return slices.Contains(both, s) }))
	r.plan.grads = r.within(r.plan.grads)
	if r.req.gradAll && len(r.req.grads) == 0 {
		r.plan.grads = r.plan.record
	}
	r.plan.ungroup = r.req.ungroup
	r.plan.lossPerToken = r.req.lossPerToken
	return nil
}

// meets refuses an option that selects only sites which the run does not come to.
func (r *run) meets(option string, sites []Site) error {
	if len(sites) == 0 || len(r.within(sites)) > 0 {
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

func (r *run) observed() ([]Site, error) {
	var all []Site
	for _, o := range r.req.observers {
		sites, err := r.m.cfg.selectSites(o.at)
		if err != nil {
			return nil, fmt.Errorf("Observe: %w", err)
		}
		all = append(all, sites...)
	}
	return all, nil
}

func (r *run) setEdits() error {
	for i, requested := range r.req.edits {
		sites, err := r.m.cfg.selectSites(requested.at)
		if err != nil {
			return fmt.Errorf("edit %d: %w", i, err)
		}
		if sites = r.within(sites); len(sites) == 0 {
			return fmt.Errorf("edit %d: none of its sites lies in the layers that this run computes", i)
		}
		e := &edit{at: make(map[Site]bool), backward: requested.backward, Intervention: requested.edit}
		for _, s := range sites {
			e.at[s] = true
		}
		prefix := fmt.Sprintf("edit.%d", i)
		if e.operands, err = requested.edit.uploaded(r.in, prefix); err != nil {
			return fmt.Errorf("edit of %s: %w", sites[0], err)
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

// observe calls the observers; what only they asked for leaves the cache again.
func (r *run) observe(out *results) error {
	for _, o := range r.req.observers {
		sites, err := r.m.cfg.selectSites(o.at)
		if err != nil {
			return err
		}
		for _, s := range r.within(sites) {
			t, err := out.cache.tensor(s)
			if err != nil {
				return err
			}
			if err := Try(func() { named(fmt.Sprintf("the observer of %s", s), func() { o.f(t, s) }) }); err != nil {
				return err
			}
		}
	}
	if len(r.req.observers) > 0 && !r.req.recordAll && len(r.req.record) == 0 {
		out.cache = newCache(r.m, r.tokens)
	}
	return nil
}
