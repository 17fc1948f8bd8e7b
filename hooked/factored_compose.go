package hooked

import (
	"fmt"

	"gopherlens/internal/brief"
)

// A CompositionMode says through which input a later head reads an earlier one.
type CompositionMode string

// The modes of composition.
const (
	QComposition CompositionMode = "Q"
	KComposition CompositionMode = "K"
	VComposition CompositionMode = "V"
)

// AllCompositionScores says how much each head reads of what each earlier head writes (Elhage et
// al. 2021): [left layer, left head, right layer, right head], zero where left does not lie in a
// layer below right. The score is |L R| / (|L| |R|) in Frobenius norms, L the left head's OV
// circuit, R the right one's QK circuit (Q), its transpose (K) or OV circuit (V). Norms that keep
// weights of their own, and norms of queries, keys or of what attention writes, stand between: such
// models are refused.
func (m *Model) AllCompositionScores(mode CompositionMode) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("AllCompositionScores: %w", err)
	}
	if err := m.composes(mode); err != nil {
		return nil, fmt.Errorf("AllCompositionScores: %w", err)
	}
	left, err := m.OV()
	if err != nil {
		return nil, err
	}
	right := left
	if mode != VComposition {
		if right, err = m.QK(); err != nil {
			return nil, err
		}
	}
	switch mode {
	case QComposition, VComposition:
	case KComposition:
		right = right.T()
	default:
		return nil, brief.Errorf("composition mode %q: want QComposition, KComposition or VComposition", mode)
	}
	var out *Tensor
	err = Try(func() { out = composeAll(left, right) })
	return out, err
}

// composes refuses a model in which products of weights do not say what heads read of each other.
func (m *Model) composes(mode CompositionMode) error {
	switch c := m.cfg; {
	case c.Normalization.HasWeights():
		return fmt.Errorf("the norms of the model have weights of their own, which stand between heads: load it with FoldLN")
	case c.NormalizationBeforeAndAfter:
		return fmt.Errorf("in this model (%s) what heads write is normalized before it is added", c.Architecture)
	case c.UseQKNorm && mode != VComposition:
		return fmt.Errorf("in this model (%s) heads normalize their queries and keys: only VComposition is told by weights", c.Architecture)
	}
	return nil
}

// composeAll takes one left layer at a time: all pairs of heads at once would take much memory.
func composeAll(left, right *FactoredMatrix) *Tensor {
	layers := left.Shape()[0]
	scores := make([]*Tensor, layers)
	for l := range layers {
		s := CompositionScores(left.At(l), right)
		scores[l] = s.Mul(after(s, l))
	}
	return StackTensors("left_layer", scores...).Named("left_layer left_head right_layer right_head")
}

// after is 1 for the layers above l of scores [head, layer, head], 0 for the others.
func after(scores *Tensor, l int) *Tensor {
	n := scores.Shape()[1]
	mask := make([]float32, n)
	for k := l + 1; k < n; k++ {
		mask[k] = 1
	}
	return scores.eng.tensorOf(mask, []int{n}, scores.axes[1])
}

// CompositionScores is |L R| / (|L| |R|) for every matrix of left with every matrix of right, in
// Frobenius norms. The axes of the result are left's leading ones, then right's, as "left_..." and
// "right_...". No product is made: with Gram matrices G = A^T A of the left and H = B B^T of the
// right factors, and M between them, |L R|^2 is the sum of (G M) * (M H).
func CompositionScores(left, right *FactoredMatrix) *Tensor {
	l, axesL := leadNames("left_", left)
	r, axesR := leadNames("right_", right)
	gram := left.A().Einsum(fmt.Sprintf("%s row i, %s row j -> %s i j", l, l, l), left.A())
	gramR := right.B().Einsum(fmt.Sprintf("%s i column, %s j column -> %s i j", r, r, r), right.B())
	middle := left.B().Einsum(fmt.Sprintf("%s i d, %s d j -> %s %s i j", l, r, l, r), right.A())
	both := l + " " + r
	gm := gram.Einsum(fmt.Sprintf("%s i k, %s k j -> %s i j", l, both, both), middle)
	mh := middle.Einsum(fmt.Sprintf("%s i k, %s k j -> %s i j", both, r, both), gramR)
	square := gm.Einsum(fmt.Sprintf("%s i j, %s i j -> %s", both, both, both), mh)
	norms := left.Norm().Einsum(fmt.Sprintf("%s, %s -> %s", l, r, both), right.Norm())
	return square.Sqrt().Div(norms).Named(spaced(append(axesL, axesR...)))
}

// leadNames are a matrix's leading axes with a prefix, as a list and as part of an equation.
func leadNames(prefix string, f *FactoredMatrix) (string, []string) {
	lead := f.A().axes[:len(f.A().axes)-2]
	names := make([]string, len(lead))
	for i, name := range lead {
		names[i] = prefix + name
	}
	return spaced(names), names
}
