package hooked

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// forward builds what the plan says: embed, the blocks, unembed.
func (b *builder) forward() {
	if b.cfg.PostNorm {
		b.encode()
		return
	}
	if b.plan.kvRoom > 0 {
		b.past = b.input(inputPast, dtypes.Int32)
	}
	if b.cfg.NEncoderLayers > 0 && !b.plan.sourceKept {
		b.encoded = b.encodeSource()
	}
	b.setPositions()
	resid := b.start()
	stop := b.plan.stop
	for l := b.plan.start; l < stop; l++ {
		resid = b.block(l, resid)
	}
	switch {
	case b.plan.residual:
		b.residual = resid
	case stop == b.cfg.NLayers:
		b.finish(resid)
	}
}

// start is the residual stream before the first layer that the run computes.
func (b *builder) start() *Node {
	if b.plan.fromResidual {
		return b.input(inputResidual, dtypes.Float32, append(b.places(), b.cfg.DModel)...)
	}
	embed := b.embed(b.tokensRead())
	if !b.cfg.PositionalEmbedding.Learned() {
		return embed
	}
	b.posEmbed = b.tap(PosEmbed, b.positionVectors())
	if b.cfg.PositionalEmbedding == ShortformerPositions {
		return embed
	}
	return Add(embed, b.posEmbed)
}

// places are the first two axes of an activation: [batch, pos], or of a run by prefixes [1,
// prefix].
func (b *builder) places() []int {
	if n := b.plan.prefixes; n > 0 {
		return []int{1, n}
	}
	return []int{b.batch, b.pos}
}

func (b *builder) tokens() *Node { return b.input(b.names.tokens, dtypes.Int32, b.batch, b.pos) }

// tokensRead are the tokens to embed.
func (b *builder) tokensRead() *Node {
	if b.plan.prefixes > 0 {
		return b.input(inputPrefixToken, dtypes.Int32, b.places()...)
	}
	return b.tokens()
}

// embed looks tokens [batch, pos] up: [batch, pos, d_model].
func (b *builder) embed(tokens *Node) *Node {
	if b.wants(TokenIDs) {
		tokens = b.tap(TokenIDs, tokens)
	}
	x := wide(Gather(b.rawWeight("embed.W_E"), InsertAxes(tokens, -1)))
	if b.cfg.PostEmbeddingLN {
		x = b.norm(LN, "embed.ln", embedLNSites, x)
	}
	return b.tap(Embed, x)
}

// positionVectors are the learned vectors of the positions, [batch, pos, d_model]; those of pads
// are zero.
func (b *builder) positionVectors() *Node {
	table := b.w("pos_embed.W_pos")
	if !b.masked && b.past == nil && b.plan.prefixes == 0 {
		x := InsertAxes(SliceAxis(table, 0, AxisRange(0, b.pos)), 0)
		return BroadcastToDims(x, b.batch, b.pos, b.cfg.DModel)
	}
	ids := BroadcastToDims(b.posIDs, b.places()...)
	x := Gather(table, InsertAxes(ids, -1))
	if b.padding == nil {
		return x
	}
	real := BroadcastToDims(InsertAxes(b.ofQueries(b.padding), -1), b.batch, b.pos, b.cfg.DModel)
	return Where(real, x, ScalarZero(b.g, dtypes.Float32))
}

// block is transformer block l: it reads and returns the residual stream [batch, pos, d_model].
func (b *builder) block(l int, resid *Node) *Node {
	if b.cfg.NormAfterSum {
		return b.encoderBlock(l, resid)
	}
	resid = b.tap(ResidPre.At(l), resid)
	attnOut := b.tap(AttnOut.At(l), b.postNorm(l, "ln1_post", ln1PostSites, b.attention(l, resid)))
	resid = b.cut(l, resid)
	if b.cfg.AttnOnly {
		return b.tap(ResidPost.At(l), Add(resid, attnOut))
	}
	mlpReads := resid
	if !b.cfg.ParallelAttnMLP {
		resid = b.tap(ResidMid.At(l), Add(resid, attnOut))
		if b.cfg.NEncoderLayers > 0 {
			resid = b.crossAttention(l, resid)
		}
		mlpReads = resid
	}
	mlpOut := b.tap(MLPOut.At(l), b.postNorm(l, "ln2_post", ln2PostSites, b.mlp(l, mlpReads)))
	if b.cfg.ParallelAttnMLP {
		resid = Add(resid, attnOut)
	}
	return b.tap(ResidPost.At(l), Add(resid, mlpOut))
}

// postNorm is Gemma 2's norm of what a part writes, where the family has it.
func (b *builder) postNorm(l int, name string, sites normSites, x *Node) *Node {
	if !b.cfg.NormalizesOutputs() {
		return x
	}
	return b.norm(b.cfg.postNorm(), b.layerName(l, name), sites.at(l), x)
}

// finish turns the last residual stream into logits and loss, as far as the run wants them.
func (b *builder) finish(resid *Node) {
	p := b.plan
	if !p.logits && !p.loss && !b.wantsFinalNorm() {
		return
	}
	if p.logitsAt > 0 {
		resid = b.spreadPrefixes(resid)
	}
	early := p.logitsAt > 0 && !p.loss && !b.wantsFinalNorm()
	if early { // before the norm, so that nothing is computed for other positions
		resid = b.atPositions(resid)
	}
	x := b.norm(b.cfg.finalNorm(), b.names.lastNorm, lnFinalSites, resid)
	if !p.logits && !p.loss {
		return
	}
	if p.logitsAt > 0 && !p.loss && !early {
		x = b.atPositions(x)
	}
	if !b.cutEarly {
		x = atStatic(x, b.readAt)
	}
	if b.given != nil && p.loss && !p.logits { // a training: the last position predicts nothing
		x = SliceAxis(x, 1, AxisRange(0, b.pos-1))
	}
	logits := b.spreadPrefixes(b.unembed(x))
	if p.loss {
		b.loss = b.crossEntropy(logits)
	}
	if p.logits {
		b.logits = logits
	}
	if p.logits && p.loss && p.logitsAt > 0 {
		b.logits = b.atPositions(logits)
	}
}

func (b *builder) wantsFinalNorm() bool { return b.wants(LNFinalScale) || b.wants(LNFinalNormalized) }

// atPositions picks the positions whose logits are wanted out of x [batch, pos, ...].
func (b *builder) atPositions(x *Node) *Node {
	n := b.plan.logitsAt
	return gatherPlaces(x, b.input(inputLogitsAt, dtypes.Int32, b.batch*n, 1), b.batch, n)
}

// cut leaves of x [batch, pos, ...], once the heads of the last layer have looked around, the
// positions that are read.
func (b *builder) cut(l int, x *Node) *Node {
	if !b.cutEarly || l < b.cfg.NLayers-1 {
		return x
	}
	return atStatic(x, b.readAt)
}

// atStatic are some positions of x [batch, pos, ...], which the graph is made for; all if none is
// named.
func atStatic(x *Node, at []int) *Node {
	if len(at) == 0 {
		return x
	}
	parts := make([]*Node, len(at))
	for i, p := range at {
		parts[i] = SliceAxis(x, 1, AxisRange(p, p+1))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 1)
}

// unembed is x W_U + b_U: [batch, pos, d_vocab_out].
func (b *builder) unembed(x *Node) *Node {
	if b.cfg.ScaledOutput {
		x = MulScalar(x, 1/math.Sqrt(float64(b.cfg.DModel)))
	}
	logits := dense(x, b.w("unembed.W_U"), b.bias("unembed.b_U"))
	if c := b.cfg.OutputLogitsSoftCap; c > 0 {
		logits = softCap(logits, c)
	}
	return logits
}

// crossEntropy is the mean cross-entropy, in nats, of each token given those before it, or with
// plan.lossPerToken each one's own, [batch, pos-1]. With a mask only pairs of real tokens count.
func (b *builder) crossEntropy(logits *Node) *Node {
	n := b.pos - 1
	// [batch, pos-1, d_vocab]
	if logits.Shape().Dim(1) > n {
		logits = SliceAxis(logits, 1, AxisRange(0, n))
	}
	logProbs := logSoftmaxAlong(logits, -1)
	next := SliceAxis(b.tokens(), 1, AxisRange(1)) // [batch, pos-1]
	picked := pick
	if b.given != nil { // a training: the gradient of pick fills an array of logits one by one
		picked = pickMasked
	}
	losses := Neg(picked(logProbs, next))
	var real *Node
	if b.padding != nil {
		both := And(SliceAxis(b.padding, 1, AxisRange(0, n)), SliceAxis(b.padding, 1, AxisRange(1)))
		real = ConvertDType(both, dtypes.Float32)
		losses = Mul(losses, real)
	}
	switch {
	case b.plan.lossPerToken:
		return losses
	case real != nil:
		return Div(reduceSum(losses), reduceSum(real))
	}
	return reduceMean(losses)
}

// pick is x [batch, pos, n] at index [batch, pos] of its last axis: [batch, pos].
func pick(x, index *Node) *Node {
	g, n := x.Graph(), x.Shape().Dim(-1)
	rows := index.Shape().Size()
	row := Iota(g, shapes.Make(index.DType(), rows), 0)
	flat := Add(MulScalar(row, int32(n)), Reshape(index, rows))
	return Reshape(Gather(Reshape(x, -1), InsertAxes(flat, -1)), index.Shape().Dimensions...)
}

// pickMasked is pick, made of functions of each entry.
func pickMasked(x, index *Node) *Node {
	places := Iota(x.Graph(), shapes.Make(index.DType(), x.Shape().Dimensions...), -1)
	own := Equal(places, BroadcastToDims(InsertAxes(index, -1), x.Shape().Dimensions...))
	return reduceSum(Where(own, x, ZerosLike(x)), -1)
}
