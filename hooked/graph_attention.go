package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// attnInputs are what the three projections read: one residual stream for all, or one per head
// where a run asks for hook_attn_in or the hook_q_input family.
type attnInputs struct {
	q, k, v *Node // [batch, pos, d_model], or [batch, pos, head, d_model]
}

// attention is layer l's attention: it reads the residual stream [batch, pos, d_model] and returns
// what the heads write back to it, of the same shape. Every product is a line of Elhage et al.
// 2021, "A Mathematical Framework for Transformer Circuits": the QK circuit fixes the pattern, the
// OV circuit what is moved along it.
func (b *builder) attention(l int, resid *Node) *Node { return b.attend(l, b.attnInputs(l, resid)) }

// attend is attention to inputs that are normalized already.
func (b *builder) attend(l int, in attnInputs) *Node {
	q := b.tap(AttnQ.At(l), b.clippedUnlessNormed(b.project(l, "Q", in.q)))
	k := b.tap(AttnK.At(l), b.ungroup(b.clippedUnlessNormed(b.lookedAt(l, "K", in.k))), b.kvAxes("d_head")...)
	v := b.tap(AttnV.At(l), b.ungroup(b.clipped(b.lookedAt(l, "V", in.v))), b.kvAxes("d_head")...)
	if b.cfg.UseQKNorm {
		q = b.clipped(b.qkNorm(b.layerName(l, "attn.q_norm"), qNormSites.at(l), q, "batch", "pos", "head", "d_head"))
		k = b.clipped(b.qkNorm(b.layerName(l, "attn.k_norm"), kNormSites.at(l), k, b.kvAxes("d_head")...))
	}
	k, v = b.remember(l, k, v)
	if b.cfg.PositionalEmbedding == RotaryPositions { // in layers without rotation these are q and k
		q = b.tap(AttnRotQ.At(l), b.rotate(l, q, b.posIDs))
		k = b.tap(AttnRotK.At(l), b.rotate(l, k, b.keyIDs()), "batch", "key", b.kvAxes("")[2], "d_head")
	}
	z := b.tap(AttnZ.At(l), b.weightedValues(l, b.spreadPrefixes(q), b.spreadPrefixes(k), b.spreadPrefixes(v)))
	return b.headsOut(l, b.cut(l, b.oncePerPrefix(z)))
}

// clipped is x cut off at plus and minus [Config.ClipQKV].
func (b *builder) clipped(x *Node) *Node {
	if c := b.cfg.ClipQKV; c > 0 {
		return MinScalar(MaxScalar(x, -c), c)
	}
	return x
}

// clippedUnlessNormed leaves the clipping of q or k to what follows their norm, if they have one.
func (b *builder) clippedUnlessNormed(x *Node) *Node {
	if b.cfg.UseQKNorm {
		return x
	}
	return b.clipped(x)
}

// weightedValues is what each query gets of the values, [batch, query, head, d_head]. q is [batch,
// query, head, d_head], k and v are [batch, key, kv_head, d_head].
func (b *builder) weightedValues(l int, q, k, v *Node) *Node {
	wantsPattern := b.wants(AttnPattern.At(l)) && (q.Shape().Dim(1) < wholePattern || b.changes(AttnPattern.At(l)))
	if b.wants(AttnScores.At(l)) || wantsPattern {
		return b.mix(b.pattern(l, q, k), v)
	}
	return b.weightedValuesBySpans(l, q, k, v)
}

// attnInputs normalizes the residual stream for the three projections. With a hook on a head's own
// input each head gets a copy, which is hooked before the norm, as in TransformerLens.
func (b *builder) attnInputs(l int, resid *Node) attnInputs {
	name, sites := b.layerName(l, "ln1"), ln1Sites.at(l)
	if b.wants(AttnIn.At(l)) {
		x := b.tap(AttnIn.At(l), perHead(resid, b.cfg.NHeads))
		x = b.norm(b.cfg.preNorm(), name, sites, x, "batch", "pos", "head", "d_model")
		return b.shortformer(attnInputs{x, x, x})
	}
	split := func(s Site, axis string, heads int) *Node {
		if !b.wants(s) {
			return nil
		}
		axes := []string{"batch", "pos", axis, "d_model"}
		return b.tap(s, perHead(resid, heads), axes...)
	}
	kvAxis := b.kvAxes("")[2]
	in := attnInputs{
		q: split(QInput.At(l), "head", b.cfg.NHeads),
		k: split(KInput.At(l), kvAxis, b.kvHeads()),
		v: split(VInput.At(l), kvAxis, b.kvHeads()),
	}
	var whole *Node
	normed := func(x *Node, axis string) *Node {
		if x != nil {
			return b.norm(b.cfg.preNorm(), name, sites, x, "batch", "pos", axis, "d_model")
		}
		if whole == nil {
			whole = b.norm(b.cfg.preNorm(), name, sites, resid)
		}
		return whole
	}
	return b.shortformer(attnInputs{normed(in.q, "head"), normed(in.k, kvAxis), normed(in.v, kvAxis)})
}

// shortformer adds the position vectors to what q and k read, and not to v (Press et al. 2020,
// arXiv:2012.15832).
func (b *builder) shortformer(in attnInputs) attnInputs {
	if b.cfg.PositionalEmbedding != ShortformerPositions {
		return in
	}
	in.q, in.k = b.addPositions(in.q), b.addPositions(in.k)
	return in
}

// addPositions adds the position vectors [1 or batch, pos, d_model] to x, over a head axis too.
func (b *builder) addPositions(x *Node) *Node {
	pos := b.posEmbed
	if x.Rank() == 4 {
		pos = InsertAxes(pos, 2)
	}
	return Add(x, pos)
}

// project is x W + b for one of Q, K, V: [batch, pos, head, d_head].
func (b *builder) project(l int, which string, x *Node) *Node {
	w, bias := b.lw(l, "attn.W_"+which), b.bias(b.layerName(l, "attn.b_"+which))
	if x.Rank() == 3 {
		return dense(x, w, bias)
	}
	if x.Shape().Dim(2) != w.Shape().Dim(1) { // one copy a query head, weights a key-value head
		w, bias = b.repeat(w, 1), b.repeat(bias, 0)
	}
	return addBias(Einsum("bphd,dhe->bphe", x, w), bias)
}

// layerName is the canonical name of something in layer l.
func (b *builder) layerName(l int, name string) string { return b.names.layer(l) + name }

// kvHeads is how many key and value heads this run shows: all query heads have their own where it
// ungroups them.
func (b *builder) kvHeads() int {
	if b.plan.ungroup {
		return b.cfg.NHeads
	}
	return b.cfg.NKeyValueHeads
}

// kvAxes are the axes of a key or value; last is the name of the last one.
func (b *builder) kvAxes(last string) []string {
	positions := "pos"
	if b.names.looksAt != "" {
		positions = b.names.looksAt
	}
	if b.plan.ungroup || b.cfg.groupSize() == 1 {
		return []string{"batch", positions, "head", last}
	}
	return []string{"batch", positions, "kv_head", last}
}

// ungroup gives each query head its own copy of its key or value [batch, pos, kv_head, d_head], if
// the run asks so.
func (b *builder) ungroup(x *Node) *Node {
	if !b.plan.ungroup || x.Shape().Dim(2) == b.cfg.NHeads {
		return x
	}
	return b.repeat(x, 2)
}

// repeat repeats each entry of an axis of key-value heads once per query head that reads it: 0 0 0
// 1 1 1.
func (b *builder) repeat(x *Node, axis int) *Node {
	if x == nil || b.cfg.groupSize() == 1 {
		return x
	}
	dims := x.Shape().Clone().Dimensions
	wide := InsertAxes(x, axis+1)
	wideDims := wide.Shape().Clone().Dimensions
	wideDims[axis+1] = b.cfg.groupSize()
	dims[axis] *= b.cfg.groupSize()
	return Reshape(BroadcastToDims(wide, wideDims...), dims...)
}

// perHead copies x [batch, pos, d_model] for each head: [batch, pos, head, d_model].
func perHead(x *Node, heads int) *Node {
	d := x.Shape().Dimensions
	return BroadcastToDims(InsertAxes(x, 2), d[0], d[1], heads, d[2])
}

// pattern is how much each query looks at each key, [batch, head, query, key]; rows sum to one, or
// to less where a sink takes the rest.
func (b *builder) pattern(l int, q, k *Node) *Node {
	scores := b.tap(AttnScores.At(l), b.scores(l, q, k, span{0, q.Shape().Dim(1)}, span{0, k.Shape().Dim(1)}))
	return b.tap(AttnPattern.At(l), b.softmax(l, scores))
}

// A span is a range of queries or keys: from, and up to but not including to.
type span struct{ from, to int }

// of cuts the span from an axis of x. One entry stands for all.
func (s span) of(x *Node, axis int) *Node {
	if n := x.Shape().Dim(axis); n == 1 || s.from == 0 && s.to == n {
		return x
	}
	return SliceAxis(x, axis, AxisRange(s.from, s.to))
}

// scores are those of some queries and keys, [batch, head, query, key].
func (b *builder) scores(l int, q, k *Node, queries, keys span) *Node {
	q, k = queries.of(q, 1), keys.of(k, 1)
	groups := k.Shape().Dim(2)
	grouped := Reshape(TransposeAllAxes(q, 0, 2, 1, 3), q.Shape().Dim(0), groups, -1, b.cfg.DHead)
	scores := queryKey(grouped, k, q.Shape().Dim(1))
	scores = Reshape(scores, q.Shape().Dim(0), b.cfg.NHeads, q.Shape().Dim(1), k.Shape().Dim(1))
	return b.shape(l, DivScalar(scores, b.cfg.AttnScaleAt(l)), queries, keys)
}

// shape applies to the scores what lies between the product and the hook: soft cap, bias of
// position, mask.
func (b *builder) shape(l int, scores *Node, queries, keys span) *Node {
	if c := b.cfg.AttnScoresSoftCap; c > 0 {
		scores = softCap(scores, c)
	}
	switch b.cfg.PositionalEmbedding {
	case ALiBiPositions:
		scores = Add(scores, b.alibi(l, queries, keys))
	case RelativePositions:
		scores = Add(scores, b.relativeBias(l, queries, keys))
	}
	mask := b.maskOf(l)
	if mask == nil {
		return scores
	}
	mask = BroadcastToDims(keys.of(queries.of(mask, 2), 3), scores.Shape().Dimensions...)
	return Where(mask, scores, Infinity(b.g, scores.DType(), -1))
}

// softmax is over keys. A query that may look at nothing, as that of a pad may, gets a row of
// zeros, not NaN.
func (b *builder) softmax(l int, scores *Node) *Node {
	if b.cfg.AttnSinks {
		return b.softmaxWithSink(l, scores)
	}
	if b.padding == nil {
		return softmaxAlong(scores, -1)
	}
	open := ReduceAndKeep(scores, ReduceMax, -1) // -inf where all keys are masked
	open = BroadcastToDims(GreaterThan(open, Infinity(b.g, scores.DType(), -1)), scores.Shape().Dimensions...)
	zero := ScalarZero(b.g, scores.DType())
	return Where(open, softmaxAlong(Where(open, scores, zero), -1), zero)
}

// softmaxWithSink is a softmax over keys and the head's sink, which is left out of what comes back.
func (b *builder) softmaxWithSink(l int, scores *Node) *Node {
	weights, sums := b.sinkWeights(l, scores)
	return Div(weights, sums)
}

// sinkWeights are the exponentials of scores [batch, head, query, key], and their sum with the
// sink's [batch, head, query, 1].
func (b *builder) sinkWeights(l int, scores *Node) (weights, sums *Node) {
	dims := leading(scores)
	sink := BroadcastToDims(Reshape(b.lw(l, "attn.sinks"), 1, b.cfg.NHeads, 1, 1), append(dims, 1)...)
	top := StopGradient(Max(ReduceAndKeep(scores, ReduceMax, -1), sink))
	weights = Exp(Sub(scores, top))
	return weights, Add(ReduceAndKeep(weights, reduceSum, -1), Exp(Sub(sink, top)))
}

// mix moves values along the pattern: [batch, query, head, d_head].
func (b *builder) mix(pattern, v *Node) *Node {
	batch, queries := pattern.Shape().Dim(0), pattern.Shape().Dim(2)
	groups := v.Shape().Dim(2)
	grouped := Reshape(pattern, batch, groups, -1, pattern.Shape().Dim(3))
	z := Reshape(patternValue(grouped, v, queries), batch, b.cfg.NHeads, queries, b.cfg.DHead)
	return TransposeAllAxes(z, 0, 2, 1, 3)
}

// headsOut is what the heads write to the residual stream: z W_O + b_O.
func (b *builder) headsOut(l int, z *Node) *Node {
	w, bias := b.lw(l, "attn.W_O"), b.bias(b.layerName(l, "attn.b_O"))
	if !b.wants(AttnResult.At(l)) {
		batch, pos := z.Shape().Dim(0), z.Shape().Dim(1)
		flat := Reshape(z, batch, pos, -1)
		return dense(flat, Reshape(w, -1, b.cfg.DModel), bias)
	}
	// One vector of d_model per head: d_model/d_head times more memory, so on request only.
	result := b.tap(AttnResult.At(l), Einsum("bphe,hed->bphd", z, w))
	return addBias(reduceSum(result, 2), bias)
}

func softCap(x *Node, c float64) *Node { return MulScalar(Tanh(DivScalar(x, c)), c) }
