package hooked

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

func (m *Model) newBuilder(p *plan, g *Graph) *builder {
	here := newStack(m.cfg, m.cfg.stackNames(), p.pos)
	here.masked = p.masked
	return &builder{stack: here, plan: p, g: g, specs: m.weights.specs, shapes: m.weights.shapes, batch: p.batch,
		byName: make(map[string]*Node), taps: make(map[Site]*tapped)}
}

// nameResults makes what was built the results of a program. A node that stands at several sites,
// as a layer's output and the next one's input do, is one result of the graph.
func (b *builder) nameResults(p *program) {
	if b.plan.anyLayer {
		p.layer = b.plan.start
	}
	slots := map[*Node]int{b.byName[inputResidual]: inputSlot}
	add := func(r result, n *Node) {
		slot, ok := slots[n]
		if !ok {
			slot = len(p.nodes)
			slots[n] = slot
			p.nodes = append(p.nodes, n)
		}
		r.slot = slot
		p.results = append(p.results, r)
	}
	for _, s := range slices.Concat(b.plan.record, b.recordedTaps()) {
		tap := b.tapAt(s)
		add(result{site: s, kind: siteResult, axes: tap.axes, byPrefix: b.byPrefix(tap.node)}, tap.node)
	}
	if b.plan.greedy { // so that no row as long as the vocabulary leaves the device
		add(result{kind: greedyResult, axes: []string{"batch"}}, likeliestOf(Reshape(b.logits, b.batch, -1)))
		b.logits = nil
	}
	single := []struct {
		kind resultKind
		node *Node
		axes []string
	}{
		{residualResult, b.residual, []string{"batch", "pos", "d_model"}},
		{logitsResult, b.logits, []string{"batch", "pos", b.cfg.logitAxis()}},
		{lossResult, b.loss, []string{"batch", "pos"}},
	}
	for _, r := range single {
		forMetric := r.kind == logitsResult && b.plan.metric != nil
		if r.node != nil && !forMetric {
			add(result{kind: r.kind, axes: r.axes[:r.node.Rank()]}, r.node)
		}
	}
	if b.plan.encoded {
		add(result{kind: encodedResult, axes: []string{"batch", "pos", "d_model"}}, b.encoded)
	}
	for _, n := range b.sourceKV {
		add(result{kind: sourceKVResult, axes: []string{"batch", "source", "kv_head", "d_head"}}, n)
	}
	for _, n := range b.newKV {
		add(result{kind: kvResult, axes: []string{"batch", "key", "kv_head", "d_head"}}, n)
	}
	b.nameGradients(add)
	p.inputs = b.inputs
}

// likeliestOf is where the largest of each row of logits [batch, d_vocab] stands, -1 in rows that
// make no distribution: see [checkLogits].
func likeliestOf(logits *Node) *Node {
	infinite := BroadcastToDims(Infinity(logits.Graph(), logits.DType(), 1), logits.Shape().Dimensions...)
	top := ReduceMax(Where(Equal(logits, logits), logits, infinite), -1)
	at := ArgMax(logits, -1)
	return Where(IsFinite(top), at, Neg(OnesLike(at)))
}

// tapAt is the activation at a site that the run asked for.
func (b *builder) tapAt(s Site) *tapped {
	tap, ok := b.taps[s]
	if !ok {
		exceptions.Panicf("the run never came to %s", s)
	}
	return tap
}
