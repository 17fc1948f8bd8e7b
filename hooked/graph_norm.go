package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// normSites are the two hooks inside a norm.
type normSites struct{ scale, normalized Site }

var (
	ln1Sites     = normSites{LN1Scale, LN1Normalized}
	ln2Sites     = normSites{LN2Scale, LN2Normalized}
	ln3Sites     = normSites{LN3Scale, LN3Normalized}
	ln1PostSites = normSites{LN1PostScale, LN1PostNormalized}
	ln2PostSites = normSites{LN2PostScale, LN2PostNormalized}
	qNormSites   = normSites{QNormScale, QNormNormalized}
	kNormSites   = normSites{KNormScale, KNormNormalized}
	mlpLNSites   = normSites{MLPLNScale, MLPLNNormalized}
	embedLNSites = normSites{EmbedLNScale, EmbedLNNormalized}
	lnFinalSites = normSites{LNFinalScale, LNFinalNormalized}
	mlmLNSites   = normSites{MLMLNScale, MLMLNNormalized}
)

func (n normSites) at(l int) normSites { return normSites{n.scale.At(l), n.normalized.At(l)} }

// norm normalizes x over its last axis. TransformerLens' order of things, which differs between the
// kinds: the scale sqrt(var + eps) is the divisor; hook_normalized stands after the weights in LN
// and before them in RMS. Weights are called name.w and name.b. Axes are those of x where a run
// splits it by head, else none.
func (b *builder) norm(kind Normalization, name string, sites normSites, x *Node, axes ...string) *Node {
	if kind == NoNorm {
		return x
	}
	if kind.Centred() {
		x = Sub(x, ReduceAndKeep(x, reduceMean, -1))
	}
	scale := b.root(ReduceAndKeep(Mul(x, x), reduceMean, -1))
	scale = b.tap(sites.scale, scale, lastAxisOne(axes)...)
	x = Div(x, scale)
	switch kind {
	case LN:
		return b.tap(sites.normalized, addBias(Mul(x, b.rowWeight(name+".w", x)), b.bias(name+".b")), axes...)
	case RMS:
		return Mul(b.tap(sites.normalized, x, axes...), b.rowWeight(name+".w", x))
	}
	return b.tap(sites.normalized, x, axes...)
}

// qkNorm is the norm of q or k [batch, pos, head, d_head] over each head or over all together.
func (b *builder) qkNorm(name string, sites normSites, x *Node, axes ...string) *Node {
	switch b.cfg.QKNorm {
	case EachHead:
		return b.norm(RMS, name, sites, x, axes...)
	case AllHeads:
		mean := ReduceAndKeep(ReduceAndKeep(Mul(x, x), reduceMean, -1), reduceMean, -2)
		x = Div(x, b.tap(sites.scale, b.root(mean), lastAxisOne(axes)...)) // one entry for all heads
	case OwnLN:
		x = Sub(x, ReduceAndKeep(x, reduceMean, -1))
		scale := b.root(ReduceAndKeep(Mul(x, x), reduceMean, -1))
		x = Div(x, b.tap(sites.scale, scale, lastAxisOne(axes)...))
	}
	x = b.tap(sites.normalized, x, axes...)
	return Mul(x, b.qkNormWeight(name, x))
}

// qkNormWeight is the weight of the norm of q or k [batch, pos, head, d_head]; keys may be
// ungrouped.
func (b *builder) qkNormWeight(name string, x *Node) *Node {
	w := b.w(name + ".w")
	if w.Rank() == 2 && w.Shape().Dim(0) != x.Shape().Dim(2) {
		w = b.repeat(w, 0)
	}
	return ExpandLeftToRank(w, x.Rank())
}

// root is the scale of a norm, of the mean of squares.
func (b *builder) root(mean *Node) *Node { return Sqrt(AddScalar(mean, b.cfg.Eps)) }

// rowWeight is a weight of the last axis, with leading axes of size one to fit x.
func (b *builder) rowWeight(name string, x *Node) *Node { return ExpandLeftToRank(b.w(name), x.Rank()) }

func lastAxisOne(axes []string) []string {
	if len(axes) == 0 {
		return nil
	}
	return append(append([]string(nil), axes[:len(axes)-1]...), "1")
}
