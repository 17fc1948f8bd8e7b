package lens

import (
	"fmt"
	"math"

	"gopherlens/hooked"
)

// circuit is what the weights of a model are put together for. Not every model lets it be told from
// weights alone.
type circuit uint

const (
	readsTokens circuit = 1 << iota // from the embedding
	readsPositions
	givesScores // products of queries and keys
	givesLogits // what a head writes, through the unembedding
)

// obstacles are what stands between the weights of some models, so that their product is no
// circuit.
var obstacles = []struct {
	to  circuit
	in  func(c hooked.Config) bool
	why string
}{
	{readsTokens | readsPositions | givesScores | givesLogits, func(c hooked.Config) bool { return c.Normalization.HasWeights() },
		"norms have weights of their own, which stand between: load it with hooked.FoldLN"},
	{readsTokens, func(c hooked.Config) bool { return c.PostEmbeddingLN },
		"a norm follows the embedding (PostEmbeddingLN), so that W_E is not what heads read"},
	{readsPositions, func(c hooked.Config) bool { return !c.PositionalEmbedding.Learned() },
		"positions are not learned vectors (Config.PositionalEmbedding)"},
	{givesScores, func(c hooked.Config) bool { return c.UseQKNorm },
		"heads normalize their queries and keys (UseQKNorm), so that no product of weights gives scores"},
	{givesScores | givesLogits, func(c hooked.Config) bool { return c.ClipQKV > 0 },
		"queries, keys and values are cut off (ClipQKV), so that heads are not linear in what they read"},
	{givesLogits, hooked.Config.PostNorms,
		"what heads write is normalized before it is added (Config.PostNorms)"},
}

// check refuses a model that the circuit cannot be told of.
func (k circuit) check(name string, m *hooked.Model) error {
	c := m.Config()
	for _, o := range obstacles {
		if k&o.to != 0 && o.in(c) {
			return fmt.Errorf("%s: in this model (%s) %s", name, c.Architecture, o.why)
		}
	}
	return nil
}

// fromTokensToTokens are the weights on the way of a token through a head to the logits: all OV
// circuits, W_E and W_U.
func fromTokensToTokens(name string, m *hooked.Model) (ov *hooked.FactoredMatrix, wE, wU *hooked.Tensor, err error) {
	if err = (readsTokens | givesLogits).check(name, m); err != nil {
		return nil, nil, nil, err
	}
	if ov, err = m.OV(); err != nil {
		return nil, nil, nil, err
	}
	if wE, err = m.WE(); err != nil {
		return nil, nil, nil, err
	}
	wU, err = m.WU()
	return ov, wE, wU, err
}

// FullOV is what a head writes to the logits when it attends to a token, W_E W_V W_O W_U: [d_vocab,
// d_vocab], source tokens in rows, before a final soft cap. It stays factored.
func FullOV(m *hooked.Model, layer, head int) (full *hooked.FactoredMatrix, err error) {
	ov, wE, wU, err := fromTokensToTokens("FullOV", m)
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() { full = ov.At(layer, head).LeftMatMul(wE).MatMul(wU) })
	return full, err
}

// FullQK is how much a head's query at one token (rows) wants each token as key (columns), W_E W_Q
// W_K^T W_E^T: [d_vocab, d_vocab], without biases, and before positions, scaling
// ([hooked.Config.AttnScaleAt]) and soft cap. With rotary positions it is what holds where both
// stand at one position. It stays factored.
func FullQK(m *hooked.Model, layer, head int) (full *hooked.FactoredMatrix, err error) {
	if err := (readsTokens | givesScores).check("FullQK", m); err != nil {
		return nil, err
	}
	wE, err := m.WE()
	if err != nil {
		return nil, err
	}
	return between(m, wE, layer, head)
}

// PositionQK is how much a head's query at one position (rows) wants each position as key
// (columns), W_pos W_Q W_K^T W_pos^T: [pos, pos], without biases, and before scaling
// ([hooked.Config.AttnScaleAt]) and soft cap. The model must have learned positions.
func PositionQK(m *hooked.Model, layer, head int) (full *hooked.FactoredMatrix, err error) {
	if err := (readsPositions | givesScores).check("PositionQK", m); err != nil {
		return nil, err
	}
	wPos, err := m.WPos()
	if err != nil {
		return nil, err
	}
	return between(m, wPos, layer, head)
}

// between is x QK x^T for the rows of x [n, d_model].
func between(m *hooked.Model, x *hooked.Tensor, layer, head int) (full *hooked.FactoredMatrix, err error) {
	qk, err := m.QK()
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() {
		full = qk.At(layer, head).LeftMatMul(x).MatMul(x.Einsum("n d -> d n"))
	})
	return full, err
}

// PreviousTokenScores is the share of attention that each head gives to the position just before,
// if it saw positions alone: the mean over the first n positions, but for the very first, of the
// softmax of the scores that the layer makes of [PositionQK]: divided by
// [hooked.Config.AttnScaleAt], capped, masked causally and in local layers to their window. [layer,
// head]. The model must have learned positions.
func PreviousTokenScores(m *hooked.Model, n int) (scores *hooked.Tensor, err error) {
	c := m.Config()
	if n < 2 || n > c.NCtx {
		return nil, fmt.Errorf("previous-token scores of %d positions: want 2 to %d", n, c.NCtx)
	}
	if c.AttentionDir != hooked.Causal {
		return nil, fmt.Errorf("PreviousTokenScores: the model's attention is %s, not causal", c.AttentionDir)
	}
	out := hooked.NewArray(c.NLayers, c.NHeads)
	for l := range c.NLayers {
		for h := range c.NHeads {
			qk, err := PositionQK(m, l, h)
			if err != nil {
				return nil, err
			}
			var corner []float32
			if err := hooked.Try(func() { corner = qk.Corner(n).Float32s() }); err != nil {
				return nil, err
			}
			out.Data[l*c.NHeads+h] = meanPrevious(corner, n, scoring(c, l), window(c, l, n))
		}
	}
	return m.NewTensor(out, "layer head")
}

// scoring makes scores of layer l of products of queries and keys.
func scoring(c hooked.Config, l int) func(product float32) float64 {
	scale, limit := c.AttnScaleAt(l), c.AttnScoresSoftCap
	return func(product float32) float64 {
		s := float64(product) / scale
		if limit > 0 {
			s = limit * math.Tanh(s/limit)
		}
		return s
	}
}

// window is how many of n positions, its own included, a query of layer l sees at most.
func window(c hooked.Config, l, n int) int {
	if len(c.AttnTypes) > 0 && c.AttnTypes[l] == hooked.LocalAttention {
		return c.WindowSize
	}
	return n
}

// meanPrevious averages the softmax over the keys that each query sees, at the key before it.
func meanPrevious(products []float32, n int, score func(float32) float64, window int) float32 {
	if window < 2 { // the key before is out of sight
		return 0
	}
	sum := 0.0
	for q := 1; q < n; q++ {
		total, at := 0.0, score(products[q*n+q-1])
		for k := max(0, q-window+1); k <= q; k++ {
			total += math.Exp(score(products[q*n+k]) - at)
		}
		sum += 1 / total
	}
	return float32(sum / float64(n-1))
}

// CopyingScores say whether heads raise the logits of the tokens that they attend to: the sum of
// the eigenvalues of each full OV circuit over the sum of their moduli, from -1 to 1 (Elhage et al.
// 2021). [layer, head]. The eigenvalues are those of the small matrix W_O (W_U W_E) W_V, so that no
// circuit is built.
func CopyingScores(m *hooked.Model) (scores *hooked.Tensor, err error) {
	ov, wE, wU, err := fromTokensToTokens("CopyingScores", m)
	if err != nil {
		return nil, err
	}
	if c := m.Config(); c.DVocab != c.DVocabOut {
		return nil, fmt.Errorf("CopyingScores: the model reads %d tokens and predicts %d others", c.DVocab, c.DVocabOut)
	}
	err = hooked.Try(func() {
		// from the residual stream to the vocabulary and back
		there := wU.Einsum("a v, v b -> a b", wE)
		re, im := ov.MatMul(there).Eigenvalues()
		modulus := re.Mul(re).Add(im.Mul(im)).Sqrt()
		scores = re.Sum("rank").Div(modulus.Sum("rank"))
	})
	return scores, err
}
