package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// mlp is layer l's MLP: it reads the residual stream x [batch, pos, d_model] and returns what it
// writes back.
func (b *builder) mlp(l int, x *Node) *Node {
	if b.wants(MLPIn.At(l)) {
		x = b.tap(MLPIn.At(l), branch(x))
	}
	name, sites := "ln2", ln2Sites
	if b.cfg.NEncoderLayers > 0 { // the second norm is that of what looks at the encoder
		name, sites = "ln3", ln3Sites
	}
	x = b.norm(b.cfg.preNorm(), b.layerName(l, name), sites.at(l), x)
	if b.wants(MLPHookIn.At(l)) {
		x = b.tap(MLPHookIn.At(l), branch(x))
	}
	return b.mlpOut(l, x)
}

// mlpOut is what the MLP makes of an input that is normalized already.
func (b *builder) mlpOut(l int, x *Node) *Node {
	if b.cfg.sparse(l) {
		return b.experts(l, x)
	}
	post := b.tap(MLPPost.At(l), b.neurons(l, x))
	return dense(post, b.lw(l, "mlp.W_out"), b.bias(b.layerName(l, "mlp.b_out")))
}

// neurons are the hidden activations [batch, pos, d_mlp]. In a gated MLP hook_pre is the gate and
// b_in is added after the product, as in TransformerLens.
func (b *builder) neurons(l int, x *Node) *Node {
	act := activations[b.cfg.ActFn]
	in, bias := b.lw(l, "mlp.W_in"), b.bias(b.layerName(l, "mlp.b_in"))
	if b.cfg.GatedMLP {
		gate := b.tap(MLPPre.At(l), dense(x, b.lw(l, "mlp.W_gate"), b.bias(b.layerName(l, "mlp.b_gate"))))
		linear := b.tap(MLPPreLinear.At(l), dense(x, in, nil))
		return addBias(Mul(act(gate), linear), bias)
	}
	hidden := act(b.tap(MLPPre.At(l), dense(x, in, bias)))
	if b.cfg.ActFn.hasLN() {
		hidden = b.tap(MLPMid.At(l), hidden)
		hidden = b.norm(b.mlpNorm(), b.layerName(l, "mlp.ln"), mlpLNSites.at(l), hidden)
	}
	return hidden
}

// mlpNorm is the norm inside a solu_ln MLP: always a layer norm, without weights once they are
// folded.
func (b *builder) mlpNorm() Normalization {
	if b.cfg.Normalization.HasWeights() {
		return LN
	}
	return LNPre
}

// branch is x as a node of its own, so that its gradient is that of what reads this one alone.
// GoMLX's plain Identity has no gradient.
func branch(x *Node) *Node {
	return IdentityWithCustomGradient(x, func(_, v *Node) *Node { return v })
}
