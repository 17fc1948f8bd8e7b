package hooked

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"
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

// job is one run in the making: what it reads, what it computes, and the values of its graph's inputs.
type job struct {
	m      *Model
	req    request
	plan   *plan
	tokens Tokens
	batch  int
	pos    int
	from   *Tensor                   // the residual stream that the run begins with; nil if it reads tokens
	values map[string]compute.Buffer // other inputs that are not weights
	mask   [][]int                   // of the padding, over the cache's positions too; nil if nothing is padded
	ends   []int                     // how many tokens each text has, where shorter ones were padded on the right

	logitsAt [][]int // positions of each prompt that the run's metric looks at; nil for all, or where it has none
}

func (m *Model) forward(input any, options []Option, v verb) (*results, error) {
	j, err := m.begin(options, v)
	if err != nil {
		return nil, err
	}
	release, err := j.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	if err := j.prepare(input); err != nil {
		return nil, err
	}
	return j.run()
}

// begin is a job that knows its options and has not looked at its input.
func (m *Model) begin(options []Option, v verb) (*job, error) {
	j := &job{m: m, plan: &v.plan, values: make(map[string]compute.Buffer)}
	return j, v.begin(&j.req, options)
}

// prepare does everything of a run but compile and execute it.
func (j *job) prepare(input any) error {
	for _, step := range []func() error{
		func() error { return j.read(input) },
		j.setLayers, j.setSites, j.setWeightGrads, j.setEdits, j.checkKV, j.setMask, j.checkLoss, j.setMetric, j.setLogits, j.setKV, j.setTokenTypes, j.setPrefixes,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	j.plan.seal()
	j.plan.shorten()
	return nil
}

// read takes the input in any of its forms.
func (j *job) read(input any) error {
	if err := j.req.checkInput(input); err != nil {
		return err
	}
	if t, ok := input.(*Tensor); ok {
		return j.readResidual(t)
	}
	tokens, err := j.m.tokensOf(input, j.req)
	if err != nil {
		return err
	}
	if err := tokens.check(j.m.cfg); err != nil {
		return err
	}
	if err := j.findEnds(input); err != nil {
		return err
	}
	j.tokens = tokens
	j.batch, j.pos = len(tokens), len(tokens[0])
	if _, err := resolved("PosSlice", j.req.posSlice, j.pos); err != nil {
		return err
	}
	return j.set(inputTokens, flatten32(tokens), dtypes.Int32, j.batch, j.pos)
}

func (j *job) readResidual(t *Tensor) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("the residual stream to run from: %w", err)
	}
	shape := t.Shape()
	if len(shape) != 3 || shape[2] != j.m.cfg.DModel {
		return fmt.Errorf("a residual stream has shape [batch, pos, %d], this tensor has %v", j.m.cfg.DModel, shape)
	}
	if j.req.start == nil {
		return fmt.Errorf("to run from a residual stream say where it enters: StartAtLayer(l)")
	}
	j.batch, j.pos = shape[0], shape[1]
	if _, err := resolved("PosSlice", j.req.posSlice, j.pos); err != nil {
		return err
	}
	j.plan.fromResidual = true
	if j.plan.loss {
		if err := j.scoreOn(j.req.lossTokens); err != nil {
			return err
		}
	}
	j.from = t
	return nil
}

// scoreOn gives the tokens of the loss to a run that does not read them.
func (j *job) scoreOn(tokens Tokens) error {
	if err := tokens.check(j.m.cfg); err != nil {
		return fmt.Errorf("the loss of a run from a residual stream needs LossTokens: %w", err)
	}
	if len(tokens) != j.batch || len(tokens[0]) != j.pos {
		return fmt.Errorf("LossTokens has shape %v, the residual stream [%d, %d]", tokens.Shape(), j.batch, j.pos)
	}
	return j.set(inputTokens, flatten32(tokens), dtypes.Int32, j.batch, j.pos)
}

func (j *job) setLayers() error {
	c := j.m.cfg
	j.plan.stop = c.NLayers
	if s := j.req.stop; s != nil {
		if *s < -c.NLayers || *s > c.NLayers {
			return fmt.Errorf("StopAtLayer(%d): the model has %d layers", *s, c.NLayers)
		}
		j.plan.stop = *s
		if *s < 0 {
			j.plan.stop += c.NLayers
		}
		j.plan.residual, j.plan.logits, j.plan.loss = true, false, false
	}
	if s := j.req.start; s != nil {
		l, err := c.layer(*s)
		if err != nil {
			return fmt.Errorf("StartAtLayer: %w", err)
		}
		if !j.plan.fromResidual {
			return fmt.Errorf("StartAtLayer(%d) needs a residual stream as input, not tokens", *s)
		}
		j.plan.start = l
	}
	return nil
}

// within drops the sites that lie outside the layers that this run computes.
func (j *job) within(sites []Site) []Site {
	return filterSites(sites, func(s Site) bool {
		if l, ok := s.Layer(); ok {
			return j.plan.start <= l && l < j.plan.stop
		}
		if s.afterLayers() {
			return j.plan.stop == j.m.cfg.NLayers && !j.plan.residual
		}
		return !j.plan.fromResidual
	})
}

func (j *job) setSites() error {
	c := j.m.cfg
	var err error
	switch {
	case len(j.req.record) > 0:
		j.plan.record, err = c.selectSites(j.req.record...)
	case j.req.recordAll:
		j.plan.record = c.defaultSites()
	}
	if err != nil {
		return err
	}
	observed, err := j.observed()
	if err != nil {
		return err
	}
	if j.plan.grads, err = c.selectSites(j.req.grads...); err != nil {
		return err
	}
	for _, asked := range []struct {
		option string
		sites  []Site
	}{{"Names", j.plan.record}, {"Observe", observed}, {"Gradients", j.plan.grads}} {
		if err := j.meets(asked.option, asked.sites); err != nil {
			return err
		}
	}
	both := append(slices.Clone(j.plan.record), observed...)
	j.plan.record = j.within(filterSites(c.Sites(), func(s Site) bool { return slices.Contains(both, s) }))
	j.plan.grads = j.within(j.plan.grads)
	if j.req.gradAll && len(j.req.grads) == 0 {
		j.plan.grads = j.plan.record
	}
	j.plan.ungroup = j.req.ungroup
	j.plan.lossPerToken = j.req.lossPerToken
	return nil
}

// meets refuses an option that selects only sites which the run does not come to.
func (j *job) meets(option string, sites []Site) error {
	if len(sites) == 0 || len(j.within(sites)) > 0 {
		return nil
	}
	var cut []string
	for _, name := range []string{"StartAtLayer", "StopAtLayer"} {
		if j.req.has(name) {
			cut = append(cut, name)
		}
	}
	return fmt.Errorf("%s selects %s, which %s leaves out of this run", option, sites[0], strings.Join(cut, " and "))
}

func (j *job) observed() ([]Site, error) {
	var all []Site
	for _, o := range j.req.observers {
		sites, err := j.m.cfg.selectSites(o.at)
		if err != nil {
			return nil, fmt.Errorf("Observe: %w", err)
		}
		all = append(all, sites...)
	}
	return all, nil
}

func (j *job) setEdits() error {
	for i, requested := range j.req.edits {
		sites, err := j.m.cfg.selectSites(requested.at)
		if err != nil {
			return fmt.Errorf("edit %d: %w", i, err)
		}
		if sites = j.within(sites); len(sites) == 0 {
			return fmt.Errorf("edit %d: none of its sites lies in the layers that this run computes", i)
		}
		e := &edit{at: make(map[Site]bool), backward: requested.backward, Intervention: requested.edit}
		for _, s := range sites {
			e.at[s] = true
		}
		prefix := fmt.Sprintf("edit.%d", i)
		if e.names, e.kinds, err = j.setValues(prefix, requested.edit.values); err != nil {
			return fmt.Errorf("edit of %s: %w", sites[0], err)
		}
		j.plan.edits = append(j.plan.edits, e)
	}
	return nil
}

// checkLoss refuses a loss that nothing is predicted for.
func (j *job) checkLoss() error {
	if !j.plan.loss {
		return nil
	}
	if j.pos < 2 {
		return fmt.Errorf("the loss is of each token given those before it: an input of one token has none")
	}
	for _, row := range j.mask {
		for k := 1; k < len(row); k++ {
			if row[k-1] == 1 && row[k] == 1 {
				return nil
			}
		}
	}
	if j.mask != nil {
		return fmt.Errorf("the loss is of each token given those before it: under this attention mask no two tokens follow each other")
	}
	return nil
}

// set uploads the value of a graph input.
func (j *job) set(name string, flat any, dtype dtypes.DType, dims ...int) error {
	buffer, err := j.m.eng.upload(flat, shapes.Make(dtype, dims...))
	if err != nil {
		return fmt.Errorf("uploading %s: %w", name, err)
	}
	j.values[name] = buffer
	return nil
}

func (j *job) setTensor(name string, t *Tensor) error {
	buffer, err := t.value.Buffer(j.m.eng.backend, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	j.values[name] = buffer
	return nil
}

// run computes the job.
func (j *job) run() (*results, error) {
	stages, err := j.compile()
	if err != nil {
		return nil, err
	}
	return j.execute(stages)
}

// observe calls the observers; what only they asked for leaves the cache again.
func (j *job) observe(out *results) error {
	for _, o := range j.req.observers {
		sites, err := j.m.cfg.selectSites(o.at)
		if err != nil {
			return err
		}
		for _, s := range j.within(sites) {
			t, err := out.cache.tensor(s)
			if err != nil {
				return err
			}
			o.f(t, s)
		}
	}
	if len(j.req.observers) > 0 && !j.req.recordAll && len(j.req.record) == 0 {
		out.cache = newCache(j.m, j.tokens)
	}
	return nil
}

// programFor is the compiled program of a plan. A plan without graph functions of the user's is known by its key alone;
// else the graph is traced, and compiled only if no graph with the same fingerprint was.
func (m *Model) programFor(p *plan, batch, pos int) (*program, error) {
	if !p.traced() {
		prog := m.eng.get(m.id + p.key(batch, pos))
		prog.once.Do(func() {
			traced, err := m.trace(p, batch, pos)
			if err != nil {
				prog.err = err
				return
			}
			prog.adopt(traced)
		})
		return prog, prog.err
	}
	traced, err := m.trace(p, batch, pos)
	if err != nil {
		return nil, err
	}
	prog := m.eng.get(traced.fingerprint)
	prog.once.Do(func() { prog.adopt(traced) })
	return prog, prog.err
}

// adopt compiles a traced graph as this program.
func (p *program) adopt(t *tracedGraph) {
	p.inputs, p.outputs, p.graph, p.layer = t.inputs, t.outputs, t.graph, t.layer
	if p.empty = len(t.nodes) == 0; p.empty { // its results are what it reads
		return
	}
	p.err = exceptions.TryCatch[error](func() {
		if err := t.graph.Compile(t.nodes...); err != nil {
			panic(err)
		}
	})
}

// tracedGraph is a graph that is built and not yet compiled.
type tracedGraph struct {
	graph       *Graph
	nodes       []*Node // graph outputs
	inputs      []string
	outputs     []output
	layer       int // the first that it was built as, if it serves several
	fingerprint string
}

func (m *Model) trace(p *plan, batch, pos int) (*tracedGraph, error) {
	return m.traceWith(func(t *tracedGraph) {
		b := newBuilder(m.cfg, p, t.graph, m.weights.shapes, batch, pos)
		b.collect(t, b.forward())
		t.inputs = b.inputs
	})
}

// traceWith builds a graph without compiling it.
func (m *Model) traceWith(build func(t *tracedGraph)) (t *tracedGraph, err error) {
	constants := sha256.New()
	t = &tracedGraph{graph: NewGraph(watchedBackend{m.eng.backend, constants}, m.cfg.ModelName)}
	err = exceptions.TryCatch[error](func() {
		build(t)
		t.endWithOutput()
	})
	if err != nil {
		return nil, err
	}
	t.fingerprint = t.identify(constants)
	return t, nil
}

// endWithOutput makes an output the last node of the graph. The pure Go backend (compute v0.1.3) has no room for parameters
// that come after all outputs, which a run that records only some activations leaves unused.
func (t *tracedGraph) endWithOutput() {
	if last := len(t.nodes) - 1; last >= 0 {
		t.nodes[last] = Identity(t.nodes[last])
	}
}
