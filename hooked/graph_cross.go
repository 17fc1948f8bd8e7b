package hooked

import (
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Graph inputs of an encoder-decoder.
const (
	inputSource     = "input.source"      // [batch, source] int32
	inputSourceMask = "input.source_mask" // [batch, source] int32, 1 for a token, 0 for a pad
	inputEncoded    = "input.encoded"     // [batch, source, d_model]
)

// encoderPart is the configuration of an encoder-decoder's encoder, a stack of layers like others.
func (c Config) encoderPart() Config {
	c.NLayers, c.NEncoderLayers, c.AttentionDir = c.NEncoderLayers, 0, Bidirectional
	return c
}

// layersOf is how many layers there are of those that a weight's name speaks of.
func (c Config) layersOf(weight string) int {
	if strings.HasPrefix(weight, "encoder.") {
		return c.NEncoderLayers
	}
	return c.NLayers
}

// crossPart is the configuration of a decoder's attention to the encoder, which knows no positions.
func (c Config) crossPart() Config {
	c.AttentionDir, c.PositionalEmbedding = Bidirectional, noPositions
	return c
}

// encodeSource is what the encoder makes of its text, [batch, source, d_model], after its last
// norm: computed, or by an earlier run.
func (b *builder) encodeSource() *Node {
	if b.plan.fromEncoded {
		return b.input(inputEncoded, dtypes.Float32, b.batch, b.plan.source, b.cfg.DModel)
	}
	s := newStack(b.cfg.encoderPart(), encoderStack, b.plan.source)
	s.masked = b.plan.sourceMasked
	return b.inside(s, func() *Node {
		b.setPositions()
		resid := b.start()
		for l := range b.cfg.NLayers {
			resid = b.block(l, resid)
		}
		return b.norm(b.cfg.finalNorm(), b.names.lastNorm, lnFinalSites, resid)
	})
}

// crossAttention is layer l's attention to the encoder: it reads the residual stream [batch, pos,
// d_model] and returns it with what it has added.
func (b *builder) crossAttention(l int, resid *Node) *Node {
	reads := resid
	if b.wants(CrossAttnIn.At(l)) {
		reads = b.tap(CrossAttnIn.At(l), branch(reads))
	}
	q := b.norm(b.cfg.preNorm(), b.layerName(l, "ln2"), ln2Sites.at(l), reads)
	s := newStack(b.cfg.crossPart(), crossStack, b.pos)
	s.past, s.masked, s.ofOthers = b.past, b.plan.sourceMasked, b.plan.source
	out := b.inside(s, func() *Node {
		b.setPadding()
		return b.attend(l, attnInputs{q, b.encoded, b.encoded})
	})
	out = b.tap(CrossAttnOut.At(l), out)
	return b.tap(ResidMidCross.At(l), Add(resid, out))
}
