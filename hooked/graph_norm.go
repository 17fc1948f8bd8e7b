package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// normSites are the two hooks inside a norm.
type normSites struct{ scale, normalized Site }

var (
	ln1Sites     = normSites{LN1Scale, LN1Normalized}
	ln2Sites     = normSites{LN2Scale, LN2Normalized}
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
	scale := Sqrt(AddScalar(ReduceAndKeep(Mul(x, x), reduceMean, -1), b.cfg.Eps))
	scale = b.tap(sites.scale, scale, lastAxisOne(axes)...)
	x = Div(x, scale)
	switch kind {
	case LN:
		return b.tap(sites.normalized, addBias(Mul(x, b.rowWeight(name+".w", x)), b.w(name+".b")), axes...)
	case RMS:
		return Mul(b.tap(sites.normalized, x, axes...), b.rowWeight(name+".w", x))
	}
	return b.tap(sites.normalized, x, axes...)
}

// rowWeight is a weight of the last axis, with leading axes of size one to fit x.
func (b *builder) rowWeight(name string, x *Node) *Node { return ExpandLeftToRank(b.w(name), x.Rank()) }

func lastAxisOne(axes []string) []string {
	if len(axes) == 0 {
		return nil
	}
	return append(append([]string(nil), axes[:len(axes)-1]...), "1")
}
