package hooked

import (
	"maps"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// An Array is a tensor in this process's memory: float32 values in row-major order.
type Array struct {
	Shape []int
	Data  []float32
}

// NewArray is an array of zeros. Like a tensor's methods it panics if the shape makes no sense.
func NewArray(shape ...int) *Array {
	for _, d := range shape {
		if d < 0 {
			fail("NewArray of shape %v: a size is negative", shape)
		}
	}
	return &Array{Shape: slices.Clone(shape), Data: make([]float32, sizeOf(shape))}
}

// mostValues is far above any tensor's size, and no product of sizes below it overflows.
const mostValues = 1 << 40

// check reports an array whose data are not as many as its shape says.
func (a *Array) check() error {
	if a == nil {
		return brief.Errorf("the array is nil")
	}
	n := 1
	for _, d := range a.Shape {
		if d <= 0 || n > mostValues/d {
			return brief.Errorf("an array of shape %v: every size must be positive, and all together below 2^40", a.Shape)
		}
		n *= d
	}
	if n != len(a.Data) {
		return brief.Errorf("an array of shape %v has %d values, want %d", a.Shape, len(a.Data), n)
	}
	return nil
}

// finite reports a value that is not a number or infinite: such a weight makes every logit one, and
// in silence.
func (a *Array) finite() error {
	var sums [4]float32 // side by side, as each addition waits for the one before
	data := a.Data
	for ; len(data) >= len(sums); data = data[len(sums):] {
		for i := range sums {
			sums[i] += data[i] - data[i] // 0 for a finite value, NaN for any other
		}
	}
	for _, v := range data {
		sums[0] += v - v
	}
	if sums[0]+sums[1]+sums[2]+sums[3] == 0 {
		return nil
	}
	at := slices.IndexFunc(a.Data, func(v float32) bool { return v-v != 0 })
	return brief.Errorf("entry %d of %d is %v: weights must be finite", at, len(a.Data), a.Data[at])
}

// scale multiplies all values by v.
func (a *Array) scale(v float64) {
	for i, x := range a.Data {
		a.Data[i] = float32(float64(x) * v)
	}
}

func sizeOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// A StateDict holds a model's weights under TransformerLens' names and in its shapes, such as
// "blocks.0.attn.W_Q" [head, d_model, d_head]. In a model with grouped queries W_K, W_V, b_K and
// b_V have one entry a key-value head, and TransformerLens' names for these, "_W_K" and so on, are
// understood too.
type StateDict map[string]*Array

// weightSpec is a weight that a model of some configuration has.
type weightSpec struct {
	shape    []int
	optional bool // a bias, which counts as zero where a family has none
	folded   bool // of a norm that [FoldLN] does away with
}

// weightSpecs lists the weights of a model: the one place that says which there are and how large.
func (c Config) weightSpecs() map[string]weightSpec {
	specs := make(map[string]weightSpec)
	need := func(name string, shape ...int) { specs[name] = weightSpec{shape: shape} }
	may := func(name string, shape ...int) { specs[name] = weightSpec{shape: shape, optional: true} }
	if c.PostNorm {
		c.encoderSpecs(need, may)
		return specs
	}
	need("embed.W_E", c.DVocab, c.DModel)
	if c.NEncoderLayers > 0 {
		c.twoStackSpecs(need, may)
		return specs
	}
	if c.PositionalEmbedding.Learned() {
		need("pos_embed.W_pos", c.NCtx, c.DModel)
	}
	if c.PostEmbeddingLN {
		need("embed.ln.w", c.DModel)
		need("embed.ln.b", c.DModel)
	}
	fold := func(name string, shape ...int) { specs[name] = weightSpec{shape: shape, folded: true} }
	for l := range c.NLayers {
		c.blockSpecs(blockPrefix(l), l, need, may, fold)
	}
	c.normSpecs("ln_final", c.finalNorm(), c.DModel, fold)
	need("unembed.W_U", c.DModel, c.DVocabOut)
	may("unembed.b_U", c.DVocabOut)
	return specs
}

type specFunc func(name string, shape ...int)

// blockSpecs lists the weights of layer l, whose names begin with p.
func (c Config) blockSpecs(p string, l int, need, may, fold specFunc) {
	c.attnSpecs(p, need, may)
	c.normSpecs(p+"ln1", c.preNorm(), c.DModel, fold)
	if c.AttnOnly {
		return
	}
	c.normSpecs(p+"ln2", c.preNorm(), c.DModel, fold)
	if c.sparse(l) {
		c.expertSpecs(p+"mlp.", need, may)
		return
	}
	need(p+"mlp.W_in", c.DModel, c.DMLP)
	need(p+"mlp.W_out", c.DMLP, c.DModel)
	may(p+"mlp.b_in", c.DMLP)
	may(p+"mlp.b_out", c.DModel)
	if c.GatedMLP {
		need(p+"mlp.W_gate", c.DModel, c.DMLP)
		may(p+"mlp.b_gate", c.DMLP)
	}
	if c.ActFn.hasLN() && c.Normalization.HasWeights() {
		c.normSpecs(p+"mlp.ln", LN, c.DMLP, fold)
	}
}

func (c Config) expertSpecs(p string, need, may specFunc) {
	need(p+"W_router", c.DModel, c.NExperts)
	may(p+"b_router", c.NExperts)
	for _, which := range []string{"gate", "in"} {
		need(p+"experts.W_"+which, c.NExperts, c.DModel, c.DExpert)
		may(p+"experts.b_"+which, c.NExperts, c.DExpert)
	}
	need(p+"experts.W_out", c.NExperts, c.DExpert, c.DModel)
	may(p+"experts.b_out", c.NExperts, c.DModel)
	if s := c.DSharedExpert; s > 0 {
		need(p+"shared.W_gate", c.DModel, s)
		need(p+"shared.W_in", c.DModel, s)
		need(p+"shared.W_out", s, c.DModel)
		need(p+"W_shared_gate", c.DModel, 1)
	}
}

func (c Config) attnSpecs(p string, need, may specFunc) {
	heads := map[string]int{"Q": c.NHeads, "K": c.NKeyValueHeads, "V": c.NKeyValueHeads}
	for which, n := range heads {
		need(p+"attn.W_"+which, n, c.DModel, c.DHead)
		may(p+"attn.b_"+which, n, c.DHead)
	}
	need(p+"attn.W_O", c.NHeads, c.DHead, c.DModel)
	may(p+"attn.b_O", c.DModel)
	if c.UseQKNorm {
		need(p+"attn.q_norm.w", c.qkNormShape(c.NHeads)...)
		need(p+"attn.k_norm.w", c.qkNormShape(c.NKeyValueHeads)...)
	}
	if c.AttnSinks {
		need(p+"attn.sinks", c.NHeads)
	}
	if c.NormalizesOutputs() {
		c.normSpecs(p+"ln1_post", c.postNorm(), c.DModel, need)
		c.normSpecs(p+"ln2_post", c.postNorm(), c.DModel, need)
	}
}

// qkNormShape is the shape of the weights of the norm of q or k with so many heads.
func (c Config) qkNormShape(heads int) []int {
	if c.QKNorm == EachHead {
		return []int{c.DHead}
	}
	return []int{heads, c.DHead}
}

func (c Config) normSpecs(name string, kind Normalization, width int, need specFunc) {
	if kind.HasWeights() {
		need(name+".w", width)
	}
	if kind == LN && !c.LNWithoutBias {
		need(name+".b", width)
	}
}

// check compares a state dict with what a configuration asks for: every name known, every shape
// right, nothing missing.
func (sd StateDict) check(specs map[string]weightSpec) error {
	if err := sd.checkGiven(specs); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		if sd[name] == nil && !specs[name].optional {
			return brief.Errorf("weight %q is missing", name)
		}
	}
	return nil
}

// checkGiven compares the weights that are there with what a model may have.
func (sd StateDict) checkGiven(specs map[string]weightSpec) error {
	for _, name := range slices.Sorted(maps.Keys(sd)) {
		spec, ok := specs[name]
		if !ok {
			return brief.Errorf("weight %q belongs to no part of this model%s", name, nearest.Hint(name, slices.Collect(maps.Keys(specs))))
		}
		a := sd[name]
		if err := a.check(); err != nil {
			return brief.Errorf("weight %q: %w", name, err)
		}
		if !slices.Equal(a.Shape, spec.shape) {
			return brief.Errorf("weight %q has shape %v, the configuration says %v", name, a.Shape, spec.shape)
		}
		if err := a.finite(); err != nil {
			return brief.Errorf("weight %q: %w", name, err)
		}
	}
	return nil
}

// canonical drops the underscore that TransformerLens puts before grouped weights, and the buffers
// that it keeps among the weights (masks, rotary tables).
func (sd StateDict) canonical() StateDict {
	out := make(StateDict, len(sd))
	for name, a := range sd {
		if isBuffer(name) {
			continue
		}
		out[strings.NewReplacer("attn._W_", "attn.W_", "attn._b_", "attn.b_").Replace(name)] = a
	}
	return out
}

func isBuffer(name string) bool {
	for _, suffix := range []string{".mask", ".IGNORE", ".rotary_sin", ".rotary_cos", ".alibi"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// encoderSpecs lists the weights of an encoder.
func (c Config) encoderSpecs(need, may specFunc) {
	need("embed.embed.W_E", c.DVocab, c.DModel)
	need("embed.pos_embed.W_pos", c.PositionsAfter+c.NCtx, c.DModel)
	if c.NTokenTypes > 0 {
		need("embed.token_type_embed.W_token_type", c.NTokenTypes, c.DModel)
	}
	c.normSpecs("embed.ln", LN, c.DModel, need)
	for l := range c.NLayers {
		c.blockSpecs(blockPrefix(l), l, need, may, need)
	}
	for name, shape := range map[string][]int{"pooler.W": {c.DModel, c.DModel}, "pooler.b": {c.DModel}} {
		may(name, shape...) // a checkpoint for masked words alone has none
	}
	if c.Headless {
		return
	}
	need("mlm_head.W", c.DModel, c.DModel)
	may("mlm_head.b", c.DModel)
	c.normSpecs("mlm_head.ln", LN, c.DModel, need)
	need("unembed.W_U", c.DModel, c.DVocabOut)
	may("unembed.b_U", c.DVocabOut)
	may("nsp_head.W", c.DModel, 2)
	may("nsp_head.b", 2)
}

// twoStackSpecs lists the weights of an encoder-decoder but for the embedding.
func (c Config) twoStackSpecs(need, may specFunc) {
	encoder := c.encoderPart()
	for _, s := range []struct {
		names stackNames
		cfg   Config
	}{{encoderStack, encoder}, {decoderStack, c}} {
		for l := range s.cfg.NLayers {
			s.cfg.blockSpecs(s.names.layer(l), l, need, may, need)
			if c.PositionalEmbedding == RelativePositions && (l == 0 || c.RelativeEachLayer) {
				need(s.names.layer(l)+relativeWeights, c.RelativeBuckets, c.NHeads)
			}
		}
		c.normSpecs(s.names.lastNorm, c.finalNorm(), c.DModel, need)
	}
	for l := range c.NLayers {
		c.attnSpecs(crossStack.layer(l), need, may)
		c.normSpecs(decoderStack.layer(l)+"ln3", c.preNorm(), c.DModel, need)
	}
	need("unembed.W_U", c.DModel, c.DVocabOut)
	may("unembed.b_U", c.DVocabOut)
}
