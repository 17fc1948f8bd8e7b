package hooked

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/nativemem"
)

// execute runs the stages one after the other, each on the residual stream that the one before has left.
func (j *job) execute(stages []compiledStage) (*results, error) {
	out := j.newResults()
	x := j.from
	for _, s := range stages {
		values, err := j.call(s.program, s.layer, x)
		if err != nil {
			return nil, err
		}
		next := j.collect(s, x, values, out)
		out.deferTo(j, s, x)
		if err := out.free(x, next); err != nil {
			return nil, err
		}
		x = next
	}
	if j.plan.residual {
		var err error
		if out.residual, err = j.everywhere(x); err != nil {
			return nil, err
		}
	}
	if leavesForLater(stages) { // what is read of it later may be much: make room, unless a worker holds the memory
		nativemem.Trim()
	}
	j.grow(out.kv)
	out.cache.inOrder(j.plan.record)
	if err := j.observe(out); err != nil {
		return nil, err
	}
	if err := j.trim(out.grads); err != nil {
		return nil, err
	}
	return out, j.trim(out.cache)
}

// newResults are those of a run that has computed nothing yet. The residual stream that it begins with is the caller's.
func (j *job) newResults() *results {
	out := &results{cache: newCache(j.m, j.tokens), grads: newCache(j.m, j.tokens), held: make(map[*tensors.Tensor]bool)}
	out.cache.mask = j.mask
	if j.req.kv != nil {
		out.cache.past = j.req.kv.length
	}
	if j.from != nil {
		out.held[j.from.value] = true
	}
	return out
}

// free frees the residual stream x that a stage has read, at once, unless it is held or is also the one that it has left.
func (r *results) free(x, next *Tensor) error {
	if x == nil || r.held[x.value] || next != nil && next.value == x.value {
		return nil
	}
	return finalize([]*tensors.Tensor{x.value})
}

// call runs one program with the weights of the layers from layer on, on the residual stream x.
func (j *job) call(p *program, layer int, x *Tensor) ([]*tensors.Tensor, error) {
	if p.empty {
		return nil, nil
	}
	inputs, err := j.inputs(p, layer, x)
	if err != nil {
		return nil, err
	}
	return j.m.eng.run(p, inputs)
}

// inputs are the buffers that a program reads: layer is the first whose weights, where it serves several, and x is the
// residual stream, where it reads one that is not among the job's values.
func (j *job) inputs(p *program, layer int, x *Tensor) (inputs []compute.Buffer, err error) {
	inputs = make([]compute.Buffer, len(p.inputs))
	for i, name := range p.inputs {
		name = nameAt(layer, name)
		if value, ok := j.values[name]; ok {
			inputs[i] = value
		} else if name == inputResidual {
			inputs[i], err = x.value.Buffer(j.m.eng.backend, 0)
		} else {
			inputs[i], err = j.m.weights.buffer(name, j.length())
		}
		if err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

// length is how long the texts are that the job reads, with what a key-value cache holds of them.
func (j *job) length() int {
	switch {
	case j.req.textLength > 0:
		return j.req.textLength
	case j.req.kv == nil:
		return j.pos
	}
	return j.req.kv.length + j.pos
}

// file puts an activation in a cache. That of prefixes is spread over all prompts when it is read.
func (j *job) file(c *Cache, s Site, t *Tensor, byPrefix bool) {
	if !byPrefix {
		c.add(s, t)
		return
	}
	c.addLater(s, func(s Site) (map[Site]*Tensor, error) {
		all, err := j.everywhere(t)
		return map[Site]*Tensor{s: all}, err
	})
}

// collect files a program's results; x is the residual stream that it has read. It returns the one that it has left.
func (j *job) collect(s compiledStage, x *Tensor, values []*tensors.Tensor, out *results) (next *Tensor) {
	for _, o := range s.program.outputs {
		t := &Tensor{o.value(values, x), o.axes, j.m.eng}
		switch o.kind {
		case siteOutput:
			out.held[t.value] = true
			j.file(out.cache, s.here(o.site, s.program.layer), t, o.byPrefix)
		case gradOutput:
			out.grads.add(s.here(o.site, s.program.layer), t)
		case logitsOutput:
			out.logits = t
		case lossOutput:
			out.loss = t
		case residualOutput:
			next = t
		case scalarOutput:
			out.scalar = t
		case greedyOutput:
			out.greedy = t
		case kvOutput:
			out.kv = append(out.kv, t.value)
		case weightGradOutput:
			out.grads.addWeight(o.name, t)
		}
	}
	return next
}
