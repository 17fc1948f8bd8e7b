package hooked

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// An Encoder is a BERT or one of its relatives, RoBERTa and DistilBERT: it reads a text in both
// directions at once, and predicts tokens that were masked. Hooks, caches and options are those of
// [Model]; sites have the names of TransformerLens' HookedEncoder. Its norms stand after the
// parts, so no weight processing applies to it.
//
// Sources: Devlin et al. 2018 (arXiv:1810.04805); transformers/models/bert/modeling_bert.py.
type Encoder struct{ m *Model }

// EncoderFromPretrained is the encoder called name, found as [FromPretrained] does.
func EncoderFromPretrained(name string, options ...LoadOptions) (*Encoder, error) {
	how, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	m, err := fromName(name, NoProcessing, how)
	if err != nil {
		return nil, err
	}
	if !m.cfg.PostNorm {
		return nil, m.cfg.loadedBy(name, "no encoder")
	}
	return &Encoder{m}, nil
}

// model is the encoder's model; nil if there is no encoder, which each of its methods then reports.
func (e *Encoder) model() *Model {
	if e == nil {
		return nil
	}
	return e.m
}

// Config is the encoder's configuration.
func (e *Encoder) Config() Config { return e.model().Config() }

// Tokenizer is the encoder's tokenizer; an error if it has none.
func (e *Encoder) Tokenizer() (*tokenize.Tokenizer, error) { return e.model().Tokenizer() }

// Weight is a weight by TransformerLens' name for it, such as "embed.pos_embed.W_pos" or
// "mlm_head.W".
func (e *Encoder) Weight(name string) (*Tensor, error) { return e.model().Weight(name) }

// String describes the encoder.
func (e *Encoder) String() string { return e.model().String() }

// ToTokens turns texts into token ids [batch][pos], each with what the tokenizer puts around it
// ("[CLS]", "[SEP]"), and tells real tokens (1) from the pads (0) that shorter texts are filled up
// with.
func (e *Encoder) ToTokens(texts ...string) (tokens Tokens, mask [][]int, err error) {
	return e.model().toMasked(texts, tokenize.Options{}, nil)
}

// masked turns a text or texts into tokens, with a mask of the pads; other inputs are taken as they
// are.
func (e *Encoder) masked(input any, options []Option) (any, []Option, error) {
	var texts []string
	switch v := input.(type) {
	case string:
		texts = []string{v}
	case []string:
		texts = v
	default:
		return input, options, nil
	}
	tokens, mask, err := e.ToTokens(texts...)
	// a mask among the options comes later, and holds
	found := func(r *request) error { r.mask = mask; return nil }
	return tokens, append([]Option{found}, options...), err
}

// Run computes the logits of the masked-language-model head, [batch, pos, d_vocab], or of an
// encoder that has none ([Config.Headless]) what its last layer gives, [batch, pos, d_model], of
// an input in any of the forms of [Model.Run]: text, texts, token ids, or a residual stream. The
// pads among token ids are told by [AttentionMask], the second of two texts by [TokenTypes].
func (e *Encoder) Run(input any, options ...Option) (*Tensor, error) {
	input, options, err := e.masked(input, options)
	if err != nil {
		return nil, err
	}
	out, err := e.model().forward(input, options, verbEncode)
	if err != nil {
		return nil, err
	}
	return out.result(), nil
}

// RunWithCache is [Encoder.Run] with every activation along the way, or those that [Names] selects.
func (e *Encoder) RunWithCache(input any, options ...Option) (*Tensor, *Cache, error) {
	input, options, err := e.masked(input, options)
	if err != nil {
		return nil, nil, err
	}
	out, err := e.model().forward(input, options, verbEncodeWithCache)
	if err != nil {
		return nil, nil, err
	}
	return out.result(), out.cache, nil
}

// NextSentence computes the logits of the head that was trained to tell whether the second text
// follows the first (index 0) or not (index 1), [batch, 2].
func (e *Encoder) NextSentence(input any, options ...Option) (*Tensor, error) {
	input, options, err := e.masked(input, options)
	if err != nil {
		return nil, err
	}
	out, err := e.model().forward(input, options, verbNextSentence)
	if err != nil {
		return nil, err
	}
	return out.cache.Lookup(NSPOut)
}

// TokenTypes says for an [Encoder] which of two texts each token belongs to, 0 or 1, [batch][pos];
// without it all are of the first.
func TokenTypes(types [][]int) Option {
	return option("TokenTypes", func(r *request) error { r.tokenTypes = types; return nil })
}

// inputTokenTypes is the graph input [batch, pos] int32 of an encoder.
const inputTokenTypes = "input.token_types"

// setTokenTypes uploads the token types of an encoder's run.
func (r *run) setTokenTypes() error {
	types := r.req.tokenTypes
	if r.m.cfg.NTokenTypes == 0 || r.plan.fromResidual {
		if types != nil {
			return brief.Errorf("TokenTypes is for encoders that read tokens and know types of them")
		}
		return nil
	}
	if types == nil {
		types = make([][]int, r.plan.batch)
		for i := range types {
			types[i] = make([]int, r.plan.pos)
		}
	}
	if len(types) != r.plan.batch {
		return brief.Errorf("TokenTypes has %d rows, the input %d prompts", len(types), r.plan.batch)
	}
	for i, row := range types {
		if len(row) != r.plan.pos {
			return brief.Errorf("TokenTypes' row %d has %d entries, the input %d positions", i, len(row), r.plan.pos)
		}
		for _, v := range row {
			if v < 0 || v >= r.m.cfg.NTokenTypes {
				return brief.Errorf("TokenTypes' row %d has the type %d: the model knows 0 to %d", i, v, r.m.cfg.NTokenTypes-1)
			}
		}
	}
	return r.in.set(inputTokenTypes, flatten32(types), dtypes.Int32, r.plan.batch, r.plan.pos)
}

// encode builds an encoder's run: embed, the blocks, the heads.
func (b *builder) encode() {
	b.setPositions()
	var resid *Node
	if b.plan.fromResidual {
		resid = b.input(inputResidual, dtypes.Float32, b.batch, b.pos, b.cfg.DModel)
	} else {
		resid = b.encoderEmbed()
	}
	for l := b.plan.start; l < b.plan.stop; l++ {
		resid = b.encoderBlock(l, resid)
	}
	if b.plan.stop == b.cfg.NLayers {
		b.encoderHeads(resid)
	}
	if b.plan.residual {
		b.residual = resid
	}
}

// encoderEmbed is the norm of the sum of the embeddings: of the token, of its position and, where
// the model has any, of its type.
func (b *builder) encoderEmbed() *Node {
	token := b.tap(EncoderEmbed, wide(Gather(b.rawWeight("embed.embed.W_E"), InsertAxes(b.tokens(), -1))))
	sum := Add(token, b.tap(EncoderPosEmbed, b.encoderPositions(token.Shape().Dimensions)))
	if b.cfg.NTokenTypes > 0 {
		types := b.input(inputTokenTypes, dtypes.Int32, b.batch, b.pos)
		sum = Add(sum, b.tap(TokenTypeEmbed, Gather(b.w("embed.token_type_embed.W_token_type"), InsertAxes(types, -1))))
	}
	return b.tap(FullEmbed, b.norm(LN, "embed.ln", embedLNSites, sum))
}

// encoderPositions are the vectors of the positions, [batch, pos, d_model]. In BERT these are plain
// indices, whatever is padded; RoBERTa counts the tokens that are no pads, whatever the mask says.
func (b *builder) encoderPositions(dims []int) *Node {
	table, after := b.w("embed.pos_embed.W_pos"), b.cfg.PositionsAfter
	if after == 0 {
		return BroadcastToDims(InsertAxes(SliceAxis(table, 0, AxisRange(0, b.pos)), 0), dims...)
	}
	pad := Scalar(b.g, dtypes.Int32, after-1)
	real := ConvertDType(NotEqual(b.tokens(), pad), dtypes.Int32)
	return Gather(table, InsertAxes(AddScalar(Mul(CumSum(real, 1), real), int32(after-1)), -1))
}

// encoderBlock is block l: each part reads the residual stream as it is, and what it adds is
// normalized with the rest.
func (b *builder) encoderBlock(l int, resid *Node) *Node {
	resid = b.tap(ResidPre.At(l), resid)
	in := attnInputs{resid, resid, resid}
	mid := b.tap(ResidMid.At(l), Add(resid, b.tap(AttnOut.At(l), b.attend(l, in))))
	normed := b.norm(LN, b.layerName(l, "ln1"), ln1Sites.at(l), mid)
	post := b.tap(ResidPost.At(l), Add(normed, b.tap(MLPOut.At(l), b.mlpOut(l, normed))))
	return b.tap(NormalizedResidPost.At(l), b.norm(LN, b.layerName(l, "ln2"), ln2Sites.at(l), post))
}

// encoderHeads are the two heads on top of the last layer [batch, pos, d_model], as far as the run
// wants them.
func (b *builder) encoderHeads(resid *Node) {
	if b.wants(PoolerOut) || b.wants(NSPOut) {
		first := Squeeze(SliceAxis(resid, 1, AxisElem(0)), 1) // the token [CLS]
		pooled := b.tap(PoolerOut, Tanh(dense(first, b.w("pooler.W"), b.bias("pooler.b"))))
		if b.wants(NSPOut) {
			b.tap(NSPOut, dense(pooled, b.w("nsp_head.W"), b.bias("nsp_head.b")))
		}
	}
	if !b.plan.logits && !b.wants(MLMLNScale) && !b.wants(MLMLNNormalized) {
		return
	}
	if b.plan.logitsAt > 0 {
		resid = b.atPositions(resid)
	}
	hidden := activations[b.cfg.ActFn](dense(resid, b.w("mlm_head.W"), b.bias("mlm_head.b")))
	logits := b.unembed(b.norm(LN, "mlm_head.ln", mlmLNSites, hidden))
	if b.plan.logits {
		b.logits = logits
	}
}
