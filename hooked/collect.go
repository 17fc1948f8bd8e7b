package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

func newBuilder(cfg Config, p *plan, g *Graph, weightShapes map[string][]int, batch, pos int) *builder {
	return &builder{cfg: cfg, plan: p, g: g, shapes: weightShapes, batch: batch, pos: pos,
		byName: make(map[string]*Node), taps: make(map[Site]*tapped), masks: make(map[bool]*Node), turns: make(map[angleKey][2]*Node)}
}

// collect lists the run's results. A node that stands at several sites, as a layer's output and the next one's input
// do, is one output of the graph.
func (b *builder) collect(t *tracedGraph, out outcome) {
	if b.plan.anyLayer {
		t.layer = b.plan.start
	}
	slots := map[*Node]int{b.byName[inputResidual]: inputSlot}
	add := func(o output, n *Node) {
		slot, ok := slots[n]
		if !ok {
			slot = len(t.nodes)
			slots[n] = slot
			t.nodes = append(t.nodes, n)
		}
		o.slot = slot
		t.outputs = append(t.outputs, o)
	}
	for _, s := range b.plan.record {
		tap := b.tapAt(s)
		add(output{site: s, kind: siteOutput, axes: tap.axes, byPrefix: b.byPrefix(tap.node)}, tap.node)
	}
	if b.plan.greedy { // so that no row as long as the vocabulary leaves the device
		add(output{kind: greedyOutput, axes: []string{"batch"}}, likeliestOf(Reshape(out.logits, b.batch, -1)))
		out.logits = nil
	}
	single := []struct {
		kind outputKind
		node *Node
		axes []string
	}{
		{residualOutput, out.residual, []string{"batch", "pos", "d_model"}},
		{logitsOutput, out.logits, []string{"batch", "pos", "d_vocab"}},
		{lossOutput, out.loss, []string{"batch", "pos"}},
	}
	for _, r := range single {
		if r.node != nil {
			add(output{kind: r.kind, axes: r.axes[:r.node.Rank()]}, r.node)
		}
	}
	for _, n := range b.newKV {
		add(output{kind: kvOutput, axes: []string{"batch", "key", "kv_head", "d_head"}}, n)
	}
	b.collectGradients(add, out)
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
