package hooked

import "gopherlens/internal/underway"

// Run computes the logits [batch, pos, d_vocab] of an input, in any form that TransformerLens
// takes: a text (string), texts ([]string), token ids ([Tokens], [][]int, []int), or with
// [StartAtLayer] a residual stream (*[Tensor]). With [StopAtLayer] it returns the residual stream
// there in place of logits.
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

// Loss is the mean cross-entropy in nats of each token given those before it; with [LossPerToken]
// each one's own, [batch, pos-1].
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

	// positions of each prompt that the run's metric looks at; nil for all, or where it has none
	logitsAt [][]int
}

// forward does a run from end to end: it plans, finds the programs of its steps, and calls them.
func (m *Model) forward(input any, options []Option, v verb) (out *results, err error) {
	defer guard(&err)
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
	step := underway.Begin("computing")
	defer step.End()
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
	if err := v.begin(&r.req, options); err != nil {
		return nil, err
	}
	r.in.ctx = r.req.context()
	return r, nil
}
