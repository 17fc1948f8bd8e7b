package edges

import (
	"github.com/gomlx/gomlx/core/graph"
)

// This file holds graph functions: what nodes write, and what of it targets read.

// asNode gives what is embedded, [batch, pos, d_model], the axis of nodes.
func asNode(x *graph.Node) *graph.Node { return graph.InsertAxes(x, 1) }

// layerWrites is what the nodes of a layer write, [batch, node, pos, d_model], of the activations
// at [shape.layerSites] and the weight of the norm after attention, if there is one.
func (g shape) layerWrites(in []*graph.Node) *graph.Node {
	result := in[0]
	if g.postNorm {
		result = normed(result, in[len(in)-2], in[len(in)-1])
	}
	out := graph.TransposeAllAxes(result, 0, 2, 1, 3)
	if g.mlp {
		out = graph.Concatenate([]*graph.Node{out, asNode(in[1])}, 1)
	}
	return out
}

// normed is what heads write through an RMS norm: their results [batch, pos, head, d_model] divided
// by the scale [batch, pos, 1] of their sum, times the weight. So the shares of all heads add up to
// what the norm gives.
func normed(result, scale, weight *graph.Node) *graph.Node {
	return graph.Mul(graph.Div(result, graph.InsertAxes(scale, 2)), graph.ExpandLeftToRank(weight, 4))
}

// A reading is what the targets of one block read beside what the run's own nodes write: for each
// edge that is cut, the difference between source and run. Its parts are edits of the block, which
// are traced in the order of the forward pass.
type reading struct {
	g     shape
	added *graph.Node // [row, target, pos, d_model]: by the nodes below the layer
	heads *graph.Node // [row, pos, head, d_model]: what its own heads write
	scale *graph.Node // of the norm after them
}

// addTo sums up what the targets of the layer get of nodes below. values are which edges are cut,
// [row, target, source], 1 for those and 0 for others, and the differences of all nodes by layer,
// [row, node, pos, d_model] each.
func (r *reading) addTo(values []*graph.Node) {
	cut, diff := values[0], graph.Concatenate(values[1:], 1)
	d := diff.Shape().Dimensions
	added := graph.Einsum("rts,rsk->rtk", cut, graph.Reshape(diff, d[0], d[1], d[2]*d[3]))
	r.added = graph.Reshape(added, d[0], cut.Shape().Dim(1), d[2], d[3])
}

// q, k and v change the inputs of the heads, [row, pos, head, d_model].
func (r *reading) q(x *graph.Node, values []*graph.Node) *graph.Node {
	r.addTo(values)
	return r.plus(x, 0)
}

func (r *reading) k(x *graph.Node, _ []*graph.Node) *graph.Node { return r.plus(x, r.g.heads) }

func (r *reading) v(x *graph.Node, _ []*graph.Node) *graph.Node {
	return r.plus(x, r.g.heads+r.g.groups)
}

// plus is x with what the targets from first on get.
func (r *reading) plus(x *graph.Node, first int) *graph.Node {
	n := x.Shape().Dim(2)
	part := graph.SliceAxis(r.added, 1, graph.AxisRange(first, first+n))
	return graph.Add(x, graph.TransposeAllAxes(part, 0, 2, 1, 3))
}

// result and postScale look at what the layer's own heads write.
func (r *reading) result(x *graph.Node, _ []*graph.Node) *graph.Node {
	r.heads = x
	return x
}

func (r *reading) postScale(x *graph.Node, _ []*graph.Node) *graph.Node {
	r.scale = x
	return x
}

// mlp changes the MLP's input, [row, pos, d_model]. Values are which edges from the layer's own
// heads are cut, [row, head], what these write in the source, [row, node, pos, d_model], and the
// weight of the norm after them; none where attention and MLP read the same.
func (r *reading) mlp(x *graph.Node, values []*graph.Node) *graph.Node {
	at := r.g.headTargets()
	added := graph.Squeeze(graph.SliceAxis(r.added, 1, graph.AxisRange(at, at+1)), 1)
	x = graph.Add(x, added)
	if len(values) == 0 {
		return x
	}
	own := r.heads
	if r.g.postNorm {
		own = normed(own, r.scale, values[2])
	}
	source := graph.TransposeAllAxes(graph.SliceAxis(values[1], 1, graph.AxisRange(0, r.g.heads)), 0, 2, 1, 3)
	return graph.Add(x, graph.Einsum("rh,rphd->rpd", values[0], graph.Sub(source, own)))
}

// lastRead is the last residual stream [row, pos, d_model] with the differences of the nodes whose
// edges to the logits are cut, [row, 1, source]: the first of the values, before those differences.
func lastRead(x *graph.Node, values []*graph.Node) *graph.Node {
	r := new(reading)
	r.addTo(values)
	return graph.Add(x, graph.Squeeze(r.added, 1))
}
