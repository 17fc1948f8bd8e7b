package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Scores and patterns that nobody looks at are computed for some queries at a time, with the keys
// that these can see: half the work where attention is causal, and what is between two products
// stays in the processor's cache. For a thousand positions that makes attention more than twice as
// fast on a CPU.
const (
	fewestQueries = 64 // in a span; shorter ones make the products inefficient
	mostSpans     = 8  // of a text that is not long; more take longer to compile
)

// The scores of a long text are too many to be held together: 1.2 GB for 8,192 tokens of a model of
// nine heads. XLA would hold those of all spans, since it may compute them at once; so each span
// waits for the one before the last, and is no wider than keeps two in the processor's cache.
const (
	longQueries    = 256 // in a span
	spansInProcess = 2
)

var longBytes = 256 << 20 // of scores; a variable for tests

// long reports whether the scores of q [batch, query, head, d_head] with as many keys, half of which
// they see, are too many to be held together.
func long(q *Node) bool {
	dims := q.Shape().Dimensions
	return 4*dims[0]*dims[2]*dims[1]*dims[1]/2 > longBytes
}

// querySpans cuts queries [0, n) into spans of at most so many.
func querySpans(n, most int) []span {
	width := min(most, max(fewestQueries, (n+mostSpans-1)/mostSpans))
	var spans []span
	for from := 0; from < n; from += width {
		spans = append(spans, span{from, min(from+width, n)})
	}
	return spans
}

// visible are the keys that queries of layer l may see.
func (b *builder) visible(l int, queries span, keys int) span {
	if b.past != nil || b.cfg.AttentionDir != Causal {
		return span{0, keys}
	}
	if !b.cfg.local(l) {
		return span{0, queries.to}
	}
	return span{max(0, queries.from-b.cfg.WindowSize+1), queries.to}
}

// weightedValuesUnseen is [builder.weightedValues] without scores and patterns that a hook could
// see.
func (b *builder) weightedValuesUnseen(l int, q, k, v *Node) *Node {
	n := q.Shape().Dim(1)
	isLong, most := long(q), n
	if isLong {
		most = longQueries
	}
	var parts []*Node
	for _, queries := range querySpans(n, most) {
		keys := b.visible(l, queries, k.Shape().Dim(1))
		if done := len(parts) - spansInProcess; isLong && done >= 0 {
			q = after(q, parts[done])
		}
		parts = append(parts, b.mixUnseen(l, b.scores(l, q, k, queries, keys), keys.of(v, 1)))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 1)
}

// mixUnseen is the mix of the scores' softmax. Its division comes last: z is smaller than the
// pattern.
func (b *builder) mixUnseen(l int, scores, v *Node) *Node {
	if b.cfg.AttnSinks {
		return b.mix(b.softmaxWithSink(l, scores), v)
	}
	if b.padding != nil { // a row may be masked altogether
		return b.mix(b.softmax(l, scores), v)
	}
	weights := Exp(Sub(scores, StopGradient(ReduceAndKeep(scores, ReduceMax, -1))))
	// [batch, query, head, 1]
	sums := TransposeAllAxes(ReduceAndKeep(weights, reduceSum, -1), 0, 2, 1, 3)
	return Div(b.mix(weights, v), sums)
}

// after is x, computed once y is there. What it asks of y is never so, which a compiler does not
// know.
func after(x, y *Node) *Node {
	all := Reshape(y, -1)
	one, other := Slice(all, AxisElem(0)), Slice(all, AxisElem(-1))
	never := Reshape(GreaterThan(Min(one, other), Max(one, other)))
	return Where(BroadcastToDims(never, x.Shape().Dimensions...), ZerosLike(x), x)
}
