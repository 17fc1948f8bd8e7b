package hooked

import (
	"fmt"
	"slices"

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

// composeAll computes the scores of one pair of layers at a time, of those that can compose: all pairs
// of heads at once would take much memory, and half of the pairs of layers are zero. All pairs share
// their programs.
func composeAll(left, right *FactoredMatrix) *Tensor {
	shape := left.Shape()
	layers, heads := shape[0], shape[1]
	out := NewArray(layers, heads, layers, heads)
	for l := range layers - 1 {
		from := left.At(l)
		for k := l + 1; k < layers; k++ {
			for h, row := range rowsOf(CompositionScores(from, right.At(k)).Float32s(), heads) {
				copy(out.Data[((l*heads+h)*layers+k)*heads:], row)
			}
		}
	}
	return left.A().eng.tensorOf(out.Data, out.Shape, "left_layer", "left_head", "right_layer", "right_head")
}

// rowsOf are rows of n values each.
func rowsOf(values []float32, n int) [][]float32 { return slices.Collect(slices.Chunk(values, n)) }

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
