package hooked

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// Scores that nobody looks at, and patterns that nobody changes, are computed for some queries at
// a time, with the keys that these can see: half the work where attention is causal, and what is
// between two products stays in the processor's cache. For a thousand positions that makes
// attention more than twice as fast on a CPU.
const (
	fewestQueries = 64 // in a span; shorter ones make the products inefficient
	mostSpans     = 8  // of a text that is not long; more take longer to compile

	// Patterns of fewer positions are made whole, in a run with gradients as in one without: to the
	// last digit the same.
	wholePattern = 512
)

// The scores of a long text are too many to be held together: 1.2 GB for 8,192 tokens of a model of
// nine heads. XLA would hold those of all spans, since it may compute them at once; so each span
// waits for the one before the last, and is no wider than keeps two in the processor's cache.
const (
	longQueries    = 256 // in a span
	spansInProcess = 2
)

var longBytes = 256 << 20 // of scores; a variable for tests

// long reports whether the scores of q [batch, query, head, d_head] with as many keys, half of
// which they see, are too many to be held together.
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

// weightedValuesBySpans is [builder.weightedValues] without scores and patterns that a hook could
// change. A pattern that is only recorded is made of the spans', with zeros for the keys that they
// do not see.
func (b *builder) weightedValuesBySpans(l int, q, k, v *Node) *Node {
	n, keysInAll, recorded := q.Shape().Dim(1), k.Shape().Dim(1), b.wants(AttnPattern.At(l))
	isLong, most := long(q), n
	if isLong {
		most = longQueries
	}
	var parts, patterns []*Node
	for _, queries := range querySpans(n, most) {
		keys := b.visible(l, queries, keysInAll)
		asked := q
		if done := len(parts) - spansInProcess; isLong && done >= 0 {
			asked = after(q, parts[done])
		}
		weights, sums := b.softmaxParts(l, b.scores(l, asked, k, queries, keys))
		parts = append(parts, b.mixParts(weights, sums, keys.of(v, 1)))
		if recorded {
			patterns = append(patterns, keys.back(divided(weights, sums), 3, keysInAll))
		}
	}
	if recorded {
		b.tap(AttnPattern.At(l), concatenated(patterns, 2))
	}
	return concatenated(parts, 1)
}

// softmaxParts are weights [batch, head, query, key] and sums [batch, head, query, 1] whose
// quotient is the softmax of scores; without sums the weights are it.
func (b *builder) softmaxParts(l int, scores *Node) (weights, sums *Node) {
	switch {
	case b.cfg.AttnSinks:
		return b.sinkWeights(l, scores)
	case b.padding != nil: // a row may be masked altogether
		return b.softmax(l, scores), nil
	}
	weights = Exp(Sub(scores, StopGradient(ReduceAndKeep(scores, ReduceMax, -1))))
	return weights, ReduceAndKeep(weights, reduceSum, -1)
}

// mixParts is the mix of the softmax. Its division comes last: z is smaller than the pattern.
func (b *builder) mixParts(weights, sums, v *Node) *Node {
	z := b.mix(weights, v)
	if sums == nil {
		return z
	}
	return Div(z, TransposeAllAxes(sums, 0, 2, 1, 3))
}

func divided(weights, sums *Node) *Node {
	if sums == nil {
		return weights
	}
	return Div(weights, sums)
}

// back puts what was cut by the span into its place on an axis of n, among zeros.
func (s span) back(x *Node, axis, n int) *Node {
	if s.from == 0 && s.to == n {
		return x
	}
	places := make([]compute.PadAxis, x.Rank())
	places[axis] = compute.PadAxis{Start: s.from, End: n - s.to}
	return Pad(x, ScalarZero(x.Graph(), x.DType()), places...)
}

func concatenated(parts []*Node, axis int) *Node {
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, axis)
}

// after is x, computed once y is there. What it asks of y is never so, which a compiler does not
// know.
func after(x, y *Node) *Node {
	all := Reshape(y, -1)
	one, other := Slice(all, AxisElem(0)), Slice(all, AxisElem(-1))
	never := Reshape(GreaterThan(Min(one, other), Max(one, other)))
	return Where(BroadcastToDims(never, x.Shape().Dimensions...), ZerosLike(x), x)
}
