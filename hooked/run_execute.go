package hooked

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// execute calls the programs of the steps one after the other, each on the residual stream that the
// one before has left.
func (r *run) execute(steps []step) (*results, error) {
	out := r.newResults()
	x := r.from
	for i, s := range steps {
		if err := r.ended(i, len(steps)); err != nil {
			return nil, err
		}
		values, err := r.in.call(s.program, s.layer, x)
		if err != nil {
			return nil, err
		}
		next := r.file(s, x, values, out)
		out.deferTo(r, s, x)
		if err := out.free(x, next); err != nil {
			return nil, err
		}
		x = next
	}
	if r.plan.residual {
		var err error
		if out.residual, err = r.spreadPrefixes(x); err != nil {
			return nil, err
		}
	}
	out.cache.inOrder(r.withTaps(r.plan.record, r.plan.taps.met))
	out.grads.inOrder(r.withTaps(r.plan.grads, r.plan.taps.met))
	if err := r.observe(out); err != nil {
		return nil, err
	}
	if err := r.trim(out.grads); err != nil {
		return nil, err
	}
	if err := r.trim(out.cache); err != nil {
		return nil, err
	}
	r.grow(out.kv) // last, so that a run that fails leaves its cache as it was
	return out, nil
}

// results are a run's results as tensors; those that it did not ask for are nil.
type results struct {
	logits, loss, residual, scalar *Tensor
	encoded                        *Tensor // [batch, pos, d_model] what an encoder-decoder's encoder gives
	greedy                         *Tensor // [batch] token with the largest logit
	cache, grads                   *Cache
	kv                             []*tensors.Tensor // keys and values of each layer in turn
	sourceKV                       []*Tensor         // the same of an encoder-decoder's source
	// what the caches hold, or will compute from
	held map[*tensors.Tensor]bool
}

// result is what a run gives in the end: logits, or the residual stream at which it stopped.
func (out *results) result() *Tensor {
	if out.residual != nil {
		return out.residual
	}
	return out.logits
}

// newResults are those of a run that has computed nothing yet. The residual stream that it begins
// with is the caller's.
func (r *run) newResults() *results {
	out := &results{cache: newCache(r.m, r.tokens), grads: newCache(r.m, r.tokens), held: make(map[*tensors.Tensor]bool)}
	out.cache.mask = r.mask
	if r.req.kv != nil {
		out.cache.past = r.req.kv.length
	}
	if r.from != nil {
		out.held[r.from.value] = true
	}
	return out
}

// free frees the residual stream x that a step has read, at once, unless it is held or is also the
// one that it has left.
func (out *results) free(x, next *Tensor) error {
	if x == nil || out.held[x.value] || next != nil && next.value == x.value {
		return nil
	}
	return finalize([]*tensors.Tensor{x.value})
}

// length is how long the texts are that the run reads, with what a key-value cache holds of them.
func (r *run) length() int {
	switch {
	case r.req.textLength > 0:
		return r.req.textLength
	case r.req.kv == nil:
		return r.plan.pos
	}
	return r.req.kv.length + r.plan.pos
}

// add puts an activation in a cache. That of prefixes is spread over all prompts when it is read.
func (r *run) add(c *Cache, s Site, t *Tensor, byPrefix bool) {
	if !byPrefix {
		c.add(s, t)
		return
	}
	c.addLater(s, func(s Site) (map[Site]*Tensor, error) {
		all, err := r.spreadPrefixes(t)
		return map[Site]*Tensor{s: all}, err
	})
}

// file puts what a step's program has computed among the results; x is the residual stream that it
// has read. It returns the one that it has left.
func (r *run) file(s step, x *Tensor, values []*tensors.Tensor, out *results) (next *Tensor) {
	for _, one := range s.program.results {
		t := &Tensor{one.value(values, x), one.axes, r.m.eng}
		switch one.kind {
		case siteResult:
			out.held[t.value] = true
			r.add(out.cache, s.siteOf(one.site, s.program.layer), t, one.byPrefix)
		case gradResult:
			out.grads.add(s.siteOf(one.site, s.program.layer), t)
		case logitsResult:
			out.logits = t
		case lossResult:
			out.loss = t
		case residualResult:
			next = t
		case scalarResult:
			out.scalar = t
		case encodedResult:
			out.encoded = t
		case sourceKVResult:
			out.sourceKV = append(out.sourceKV, t)
		case greedyResult:
			out.greedy = t
		case kvResult:
			out.kv = append(out.kv, t.value)
		case weightGradResult:
			out.grads.addWeight(one.name, t)
		}
	}
	return next
}

// observe calls the observers; what only they asked for leaves the cache again.
func (r *run) observe(out *results) error {
	for _, o := range r.req.observers {
		taps := filterSites(r.plan.taps.met, func(s Site) bool {
			return slices.ContainsFunc(o.taps, func(sel *tapSelector) bool { return sel.matches(s) })
		})
		for _, s := range r.withTaps(r.within(o.sites), taps) {
			t, err := out.cache.tensor(s)
			if err != nil {
				return err
			}
			if err := Try(func() { named(fmt.Sprintf("the observer of %s", s), o.line, func() { o.f(t, s) }) }); err != nil {
				return err
			}
		}
	}
	if len(r.req.observers) > 0 && !r.req.recordAll && len(r.req.record) == 0 {
		out.cache = newCache(r.m, r.tokens)
	}
	return nil
}
