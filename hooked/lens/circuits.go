package lens

import (
	"fmt"
	"math"

	"gopherlens/hooked"
)

// fromTokensToTokens are the weights on the way of a token through a head to the logits: all OV circuits, W_E and W_U.
func fromTokensToTokens(m *hooked.Model) (ov *hooked.FactoredMatrix, wE, wU *hooked.Tensor, err error) {
	if ov, err = m.OV(); err != nil {
		return nil, nil, nil, err
	}
	if wE, err = m.WE(); err != nil {
		return nil, nil, nil, err
	}
	wU, err = m.WU()
	return ov, wE, wU, err
}

// FullOV is what a head writes to the logits when it attends to a token, W_E W_V W_O W_U: [d_vocab, d_vocab], source tokens in
// rows. It stays factored.
func FullOV(m *hooked.Model, layer, head int) (full *hooked.FactoredMatrix, err error) {
	ov, wE, wU, err := fromTokensToTokens(m)
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() { full = ov.At(layer, head).LeftMatMul(wE).MatMul(wU) })
	return full, err
}

// FullQK is how much a head's query at one token (rows) wants each token as key (columns), W_E W_Q W_K^T W_E^T: [d_vocab,
// d_vocab], before positions and scaling. It stays factored.
func FullQK(m *hooked.Model, layer, head int) (full *hooked.FactoredMatrix, err error) {
	wE, err := m.WE()
	if err != nil {
		return nil, err
	}
	return between(m, wE, layer, head)
}

// PositionQK is how much a head's query at one position (rows) wants each position as key (columns), W_pos W_Q W_K^T W_pos^T:
// [pos, pos]. The model must have learned positions.
func PositionQK(m *hooked.Model, layer, head int) (full *hooked.FactoredMatrix, err error) {
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

// PreviousTokenScores is the share of attention that each head gives to the position just before, if it saw positions alone:
// the mean over the first n positions of the softmax of [PositionQK] / sqrt(d_head), causally masked, one below the diagonal.
// [layer, head]. The model must have learned positions.
func PreviousTokenScores(m *hooked.Model, n int) (scores *hooked.Tensor, err error) {
	c := m.Config()
	if n < 2 || n > c.NCtx {
		return nil, fmt.Errorf("previous-token scores of %d positions: want 2 to %d", n, c.NCtx)
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
			out.Data[l*c.NHeads+h] = meanPrevious(corner, n, math.Sqrt(float64(c.DHead)))
		}
	}
	return m.NewTensor(out, "layer head")
}

// meanPrevious averages the softmax over the keys up to each query, at the key before it.
func meanPrevious(scores []float32, n int, scale float64) float32 {
	sum := 0.0
	for q := 1; q < n; q++ {
		total, at := 0.0, float64(scores[q*n+q-1])
		for k := 0; k <= q; k++ {
			total += math.Exp((float64(scores[q*n+k]) - at) / scale)
		}
		sum += 1 / total
	}
	return float32(sum / float64(n-1))
}

// CopyingScores say whether heads raise the logits of the tokens that they attend to: the sum of the eigenvalues of each full
// OV circuit over the sum of their moduli, from -1 to 1 (Elhage et al. 2021). [layer, head]. The eigenvalues are those of the
// small matrix W_O (W_U W_E) W_V, so that no circuit is built.
func CopyingScores(m *hooked.Model) (scores *hooked.Tensor, err error) {
	ov, wE, wU, err := fromTokensToTokens(m)
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() {
		there := wU.Einsum("a v, v b -> a b", wE) // from the residual stream to the vocabulary and back
		re, im := ov.MatMul(there).Eigenvalues()
		modulus := re.Mul(re).Add(im.Mul(im)).Sqrt()
		scores = re.Sum("rank").Div(modulus.Sum("rank"))
	})
	return scores, err
}
