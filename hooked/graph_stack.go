package hooked

import (
	"fmt"
	"maps"

	. "github.com/gomlx/gomlx/core/graph"
)

// A stack is what a builder knows of the layers that it is at. Most models have one stack of them.
// An encoder-decoder has two, and the attention of the one to the other is a third: whatever builds
// a layer asks the builder for names, sizes and masks, and does not know in which it is.
type stack struct {
	cfg   Config
	names stackNames
	pos   int // positions of the tokens or the residual stream that the layers read
	// positions of the other text that the layers' attention looks at; 0 where it is the same
	ofOthers int
	// scalar: positions in the key-value cache before this run; nil without a cache
	past *Node

	masked bool // an attention mask is given
	// [batch, key] true where there is a token; nil when nothing is padded
	padding *Node
	allIDs  *Node // [1 or batch, key] int32 position of each key
	posIDs  *Node // [1 or batch, pos] int32 position of each token of this run
	// [batch, pos, d_model] learned position vectors, if the model has them
	posEmbed    *Node
	masks       map[bool]*Node // by whether the layer is local
	angleTables map[angleKey][2]*Node
	biases      map[biasKey]*Node // of [RelativePositions]
	// for each position of the cache's room: is it new, and which of the new ones is it
	kvPlace [2]*Node
}

func newStack(cfg Config, names stackNames, pos int) stack {
	return stack{cfg: cfg, names: names, pos: pos, masks: make(map[bool]*Node), angleTables: make(map[angleKey][2]*Node),
		biases: make(map[biasKey]*Node)}
}

// inside builds in another stack, and then goes on in the one that it was in.
func (b *builder) inside(s stack, build func() *Node) *Node {
	outer := b.stack
	defer func() { b.stack = outer }()
	b.stack = s
	return build()
}

// stackNames are what the parts of a stack are called.
type stackNames struct {
	layers   string // %d standing for the layer
	lastNorm string
	tokens   string // the graph input that they come from
	mask     string // likewise
	looksAt  string // the axis of keys and values, if they are of another text; else empty
	// what a site is in the stack; nil where all are themselves. What is not in it has no site here
	sites map[*siteInfo]*siteInfo
}

func (n stackNames) layer(l int) string { return fmt.Sprintf(n.layers, l) }

// here is what a site is in the stack that is being built; ok is false if it is none there.
func (b *builder) here(s Site) (here Site, ok bool) {
	if b.names.sites == nil {
		return s, true
	}
	info := b.names.sites[s.info]
	return Site{info: info, layer: s.layer, one: true}, info != nil
}

// The stacks.
var (
	onlyStack    = stackNames{layers: "blocks.%d.", lastNorm: "ln_final", tokens: inputTokens, mask: inputMask}
	encoderStack = stackNames{layers: "encoder.%d.", lastNorm: "encoder_final_ln", tokens: inputSource, mask: inputSourceMask,
		sites: with(inEncoder, map[Site]Site{TokenIDs: TokenIDs, Embed: Embed, LNFinalScale: EncoderLNFinalScale, LNFinalNormalized: EncoderLNFinalNormalized})}
	decoderStack = stackNames{layers: "decoder.%d.", lastNorm: "decoder_final_ln", tokens: inputTokens, mask: inputMask,
		sites: with(inDecoder, map[Site]Site{LNFinalScale: DecoderLNFinalScale, LNFinalNormalized: DecoderLNFinalNormalized})}
	crossStack = stackNames{layers: "decoder.%d.cross_", mask: inputSourceMask, looksAt: "source",
		sites: with(nil, map[Site]Site{AttnQ: CrossAttnQ, AttnK: CrossAttnK, AttnV: CrossAttnV, AttnScores: CrossAttnScores,
			AttnPattern: CrossAttnPattern, AttnZ: CrossAttnZ, AttnResult: CrossAttnResult})}
)

func with(sites map[*siteInfo]*siteInfo, more map[Site]Site) map[*siteInfo]*siteInfo {
	out := maps.Clone(sites)
	if out == nil {
		out = make(map[*siteInfo]*siteInfo)
	}
	for from, to := range more {
		out[from.info] = to.info
	}
	return out
}

// stackNames are those of the model's only stack, or of its decoder's.
func (c Config) stackNames() stackNames {
	if c.NEncoderLayers > 0 {
		return decoderStack
	}
	return onlyStack
}
