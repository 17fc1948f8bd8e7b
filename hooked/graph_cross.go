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
// norm.
func (b *builder) encodeSource() *Node {
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

// lookedAt are layer l's keys ("K") or values ("V") of x [batch, key, d_model], [batch, key,
// kv_head, d_head]. Those of another text do not change from step to step of a generation, and are
// computed in the first.
func (b *builder) lookedAt(l int, which string, x *Node) *Node {
	if b.ofOthers == 0 {
		return b.project(l, which, x)
	}
	if b.plan.sourceKept {
		return b.input(sourceKVName(l, which), dtypes.Float32, b.batch, b.ofOthers, b.cfg.NKeyValueHeads, b.cfg.DHead)
	}
	x = b.project(l, which, x)
	if b.plan.keepsSource {
		b.sourceKV = append(b.sourceKV, x)
	}
	return x
}

// sourceKVName is the graph input that holds the keys or values of the source that layer l of a
// decoder looks at.
func sourceKVName(l int, which string) string { return crossStack.layer(l) + "kv." + which }
