package hooked

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// A mixture of experts (Shazeer et al. 2017, arXiv:1701.06538) is an MLP of which each token uses
// some parts: a router scores the experts, the best few compute, and their outputs are added,
// each times its gate. The chosen ones stand along an axis "slot", best first.

// experts is what layer l's mixture of experts makes of an input x [..., d_model] that is
// normalized already.
func (b *builder) experts(l int, x *Node) *Node {
	logits := b.tap(RouterLogits.At(l), dense(x, b.lw(l, "mlp.W_router"), b.bias(b.layerName(l, "mlp.b_router"))))
	chosen, gates := b.route(l, logits)
	gates = b.tap(ExpertGates.At(l), gates)
	out := b.expertsOut(l, x, chosen)
	if b.wants(ExpertOut.At(l)) {
		out = b.tap(ExpertOut.At(l), out)
	}
	routed := b.tap(RoutedOut.At(l), reduceSum(Mul(out, InsertAxes(gates, -1)), -2))
	if b.cfg.DSharedExpert == 0 {
		return routed
	}
	return Add(routed, b.sharedExpert(l, x))
}

// route chooses experts by their logits [..., expert]: which, [..., slot] int32, and the gate of
// each.
func (b *builder) route(l int, logits *Node) (chosen, gates *Node) {
	if b.cfg.Router == SparseMixer {
		chosen = b.tapChosen(l, best(logits, b.cfg.ExpertsPerToken))
		return chosen, b.sparseMixerGates(logits, chosen)
	}
	weights := b.tap(ExpertWeights.At(l), softmaxAlong(logits, -1))
	chosen = b.tapChosen(l, best(weights, b.cfg.ExpertsPerToken))
	gates = pickExperts(weights, chosen)
	if b.cfg.Router == NormalizedRouter {
		gates = Div(gates, ReduceAndKeep(gates, reduceSum, -1))
	}
	return chosen, gates
}

// tapChosen passes the choice through its site as float32, so that it can be replaced like any
// other activation; what is no expert counts as the nearest one.
func (b *builder) tapChosen(l int, chosen *Node) *Node {
	if !b.wants(ExpertIndices.At(l)) {
		return chosen
	}
	tapped := StopGradient(b.tap(ExpertIndices.At(l), ConvertDType(chosen, dtypes.Float32)))
	last := float64(b.cfg.NExperts - 1)
	return ConvertDType(Round(MinScalar(MaxScalar(tapped, 0.0), last)), dtypes.Int32)
}

// best are the places of the k largest entries of each row of x [..., n], the largest first: [...,
// k] int32. Of equal ones the first counts. k is small: each is a maximum of what is left.
func best(x *Node, k int) *Node {
	x = StopGradient(x)
	var places []*Node
	for range k {
		place := ArgMax(x, -1, dtypes.Int32)
		places = append(places, place)
		x = Where(isExpert(x, place), Infinity(x.Graph(), x.DType(), -1), x)
	}
	return Stack(places, -1)
}

// isExpert tells of each entry of x [..., expert] whether it is that of expert [...].
func isExpert(x, expert *Node) *Node {
	places := Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), -1)
	return Equal(places, BroadcastToDims(InsertAxes(expert, -1), x.Shape().Dimensions...))
}

// pickExperts is x [..., expert] at chosen [..., slot].
func pickExperts(x, chosen *Node) *Node {
	var picked []*Node
	for slot := range chosen.Shape().Dim(-1) {
		own := isExpert(x, slotOf(chosen, slot))
		picked = append(picked, reduceSum(Where(own, x, ZerosLike(x)), -1))
	}
	return Stack(picked, -1)
}

// slotOf is one slot of x [..., slot].
func slotOf(x *Node, slot int) *Node { return Squeeze(SliceAxis(x, -1, AxisElem(slot)), -1) }

// sparseMixerGates are Phi's (Liu et al. 2024, arXiv:2409.12136): for each slot a softmax over the
// experts that are left and nearly as good as the best of them.
func (b *builder) sparseMixerGates(logits, chosen *Node) *Node {
	var gates []*Node
	left := logits
	for slot := range chosen.Shape().Dim(-1) {
		top := ReduceAndKeep(left, ReduceMax, -1)
		top = BroadcastToDims(StopGradient(top), logits.Shape().Dimensions...)
		factor := Max(Abs(logits), top)
		far := GreaterThan(Div(Sub(top, logits), factor), Scalar(b.g, logits.DType(), 2*b.cfg.RouterJitter))
		expert := slotOf(chosen, slot)
		near := Where(StopGradient(far), Infinity(b.g, logits.DType(), -1), left)
		gates = append(gates, Squeeze(pickExperts(softmaxAlong(near, -1), InsertAxes(expert, -1)), -1))
		left = Where(isExpert(left, expert), Infinity(b.g, logits.DType(), -1), left)
	}
	return Stack(gates, -1)
}

// sharedExpert is Qwen 2's expert that every token uses, through a gate of its own.
func (b *builder) sharedExpert(l int, x *Node) *Node {
	act := activations[b.cfg.ActFn]
	hidden := Mul(act(dense(x, b.lw(l, "mlp.shared.W_gate"), nil)), dense(x, b.lw(l, "mlp.shared.W_in"), nil))
	out := b.tap(SharedExpertOut.At(l), dense(hidden, b.lw(l, "mlp.shared.W_out"), nil))
	gate := b.tap(SharedExpertGate.At(l), dense(x, b.lw(l, "mlp.W_shared_gate"), nil))
	return Mul(Sigmoid(gate), out)
}

// expertsOut is what each chosen expert makes of each token of x [..., d_model], before its gate:
// [..., slot, d_model]. chosen is [..., slot].
func (b *builder) expertsOut(l int, x, chosen *Node) *Node {
	flat := Reshape(x, -1, b.cfg.DModel)
	g := b.group(Reshape(chosen, -1), chosen.Shape().Dim(-1))
	out := b.expertLinear(l, g, "out", b.expertNeurons(l, g, flat, chosen))
	out = g.toSlots(out)
	return Reshape(out, append(append(leading(x), chosen.Shape().Dim(-1)), b.cfg.DModel)...)
}

// expertNeurons are the hidden activations of each group's rows, [group, row, d_expert]. Biases
// are added before the product of gate and linear part.
func (b *builder) expertNeurons(l int, g *grouping, flat, chosen *Node) *Node {
	rows := g.rowsOf(flat)
	gate := b.tapSlots(ExpertPre.At(l), g, b.expertLinear(l, g, "gate", rows), chosen)
	linear := b.tapSlots(ExpertPreLinear.At(l), g, b.expertLinear(l, g, "in", rows), chosen)
	if limit := b.cfg.SwiGLULimit; limit > 0 {
		gate, linear = MinScalar(gate, limit), OnePlus(MinScalar(MaxScalar(linear, -limit), limit))
	}
	return b.tapSlots(ExpertPost.At(l), g, Mul(activations[b.cfg.ActFn](gate), linear), chosen)
}

// expertLinear is each group's rows [group, row, in] times its expert's part of W_which [expert,
// in, out], plus its bias if there is one.
func (b *builder) expertLinear(l int, g *grouping, which string, rows *Node) *Node {
	of := InsertAxes(g.expertOf, -1)
	w := wide(Gather(b.rawWeight(b.layerName(l, "mlp.experts.W_"+which)), of))
	y := Einsum("gri,gio->gro", rows, w)
	if bias := b.bias(b.layerName(l, "mlp.experts.b_"+which)); bias != nil {
		y = Add(y, InsertAxes(Gather(bias, of), 1))
	}
	return y
}

// tapSlots passes rows of groups [group, row, n] through a site [..., slot, n], if a run names it.
func (b *builder) tapSlots(s Site, g *grouping, rows, chosen *Node) *Node {
	if !b.wants(s) {
		return rows
	}
	n := rows.Shape().Dim(-1)
	x := b.tap(s, Reshape(g.toSlots(rows), append(append([]int(nil), chosen.Shape().Dimensions...), n)...))
	return g.fromSlots(Reshape(x, -1, n))
}

// A grouping brings the pairs of a token and an expert that it chose into groups of rows that share
// an expert, so that an expert's weights are read once for a group, and experts compute what they
// were chosen for and no more. Shapes must not depend on the choice: a group has a fixed number
// of rows, of which the last of an expert may be empty, so that there is one group more an expert
// at most. With few pairs each is a group: a step of generation reads the weights of the chosen
// experts alone.
type grouping struct {
	slots    int   // that each token has
	rows     int   // of a group
	expertOf *Node // of each group, [group] int32
	rowOf    *Node // of each pair, in all groups: [pair] int32; nil if each pair is a group
	pairOf   *Node // of each row of all groups; that of an empty row is the first
}

// group groups pairs by their experts [pair] int32.
func (b *builder) group(experts *Node, slots int) *grouping {
	pairs, n := experts.Shape().Dim(0), b.cfg.NExperts
	if pairs <= 2*n {
		return &grouping{slots: slots, rows: 1, expertOf: experts}
	}
	rows := (pairs + n - 1) / n
	groups := (pairs + n*(rows-1)) / rows
	own := ConvertDType(Equal(InsertAxes(experts, -1), InsertAxes(b.arange(0, n), 0)), dtypes.Int32) // [pair, expert]
	before := Sub(CumSum(own, 0), own)                                                               // pairs of the same expert
	sizes := ReduceSum(own, 0)
	filled := Div(AddScalar(sizes, int32(rows-1)), Scalar(b.g, dtypes.Int32, rows)) // groups of each expert
	ends := CumSum(filled, 0)
	first := InsertAxes(Sub(ends, filled), 0)
	rowOf := ReduceSum(Mul(own, Add(MulScalar(first, int32(rows)), before)), 1)
	past := LessOrEqual(InsertAxes(ends, 0), InsertAxes(b.arange(0, groups), -1)) // [group, expert]
	expertOf := MinScalar(ReduceSum(ConvertDType(past, dtypes.Int32), 1), int32(n-1))
	pairOf := Scatter(InsertAxes(rowOf, -1), b.arange(0, pairs), shapes.Make(dtypes.Int32, groups*rows), false, true)
	return &grouping{slots: slots, rows: rows, expertOf: expertOf, rowOf: rowOf, pairOf: pairOf}
}

// rowsOf are the rows of all groups of tokens x [token, n]: [group, row, n].
func (g *grouping) rowsOf(x *Node) *Node {
	n := x.Shape().Dim(-1)
	if g.rowOf == nil {
		pairs := BroadcastToDims(InsertAxes(x, 1), x.Shape().Dim(0), g.slots, n)
		return Reshape(pairs, -1, 1, n)
	}
	token := Div(g.pairOf, Scalar(x.Graph(), dtypes.Int32, g.slots))
	return Reshape(Gather(x, InsertAxes(token, -1)), -1, g.rows, n)
}

// toSlots are rows [group, row, n] in the order of pairs: [pair, n].
func (g *grouping) toSlots(rows *Node) *Node {
	flat := Reshape(rows, -1, rows.Shape().Dim(-1))
	if g.rowOf == nil {
		return flat
	}
	return Gather(flat, InsertAxes(g.rowOf, -1))
}

// fromSlots undoes toSlots.
func (g *grouping) fromSlots(pairs *Node) *Node {
	n := pairs.Shape().Dim(-1)
	if g.rowOf == nil {
		return Reshape(pairs, -1, 1, n)
	}
	return Reshape(Gather(pairs, InsertAxes(g.pairOf, -1)), -1, g.rows, n)
}
