package lens

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// HeadVectors reads what a head can write through the vocabulary: the n strongest right singular
// vectors of its OV circuit times W_U, [vector, d_vocab] (Millidge and Black 2022). A singular
// vector is defined up to its sign.
func HeadVectors(m *hooked.Model, layer, head, n int) (*hooked.Tensor, error) {
	if err := givesLogits.check("HeadVectors", m); err != nil {
		return nil, err
	}
	ov, err := m.OV()
	if err != nil {
		return nil, err
	}
	var v *hooked.Tensor
	if err := hooked.Try(func() { _, _, v = ov.At(layer, head).SVD() }); err != nil {
		return nil, err
	}
	return throughVocabulary(m, v, n)
}

// ReadingVectors does the same for what an MLP reads: the left singular vectors of W_in.
func ReadingVectors(m *hooked.Model, layer, n int) (*hooked.Tensor, error) {
	w, err := m.Weight(fmt.Sprintf("blocks.%d.mlp.W_in", layer))
	if err != nil {
		return nil, err
	}
	var u *hooked.Tensor
	if err := hooked.Try(func() { u, _, _ = w.SVD() }); err != nil {
		return nil, err
	}
	return throughVocabulary(m, u, n)
}

// WritingVectors does the same for what an MLP writes: the right singular vectors of W_out.
func WritingVectors(m *hooked.Model, layer, n int) (*hooked.Tensor, error) {
	if err := givesLogits.check("WritingVectors", m); err != nil {
		return nil, err
	}
	w, err := m.Weight(fmt.Sprintf("blocks.%d.mlp.W_out", layer))
	if err != nil {
		return nil, err
	}
	var v *hooked.Tensor
	if err := hooked.Try(func() { _, _, v = w.SVD() }); err != nil {
		return nil, err
	}
	return throughVocabulary(m, v, n)
}

// throughVocabulary is the first n columns of vectors [d_model, rank] times W_U.
func throughVocabulary(m *hooked.Model, vectors *hooked.Tensor, n int) (logits *hooked.Tensor, err error) {
	if rank := vectors.Shape()[1]; n < 1 || n > rank {
		return nil, fmt.Errorf("%d singular vectors: there are %d", n, rank)
	}
	wU, err := foldedWU(m)
	if err != nil {
		return nil, err
	}
	err = hooked.Try(func() {
		few := vectors.At(hooked.All, hooked.Range{From: 0, To: n})
		logits = few.Einsum(fmt.Sprintf("d_model vector, d_model %[1]s -> vector %[1]s", wU.AxisNames()[1]), wU)
	})
	return logits, err
}

// TopTokens are the texts of the k largest entries of logits along their vocabulary (the axis
// d_vocab or d_vocab_out), largest first: one row for each entry of the other axes, in row-major
// order, so that [batch, pos, d_vocab] has batch*pos rows.
func TopTokens(m *hooked.Model, logits *hooked.Tensor, k int) (texts [][]string, err error) {
	logits, vocab, err := vocabularyLast(logits)
	if err != nil {
		return nil, fmt.Errorf("TopTokens: %w", err)
	}
	var ids []int
	if err := hooked.Try(func() {
		_, indices := logits.TopK(k, vocab)
		ids = indices.Ints()
	}); err != nil {
		return nil, err
	}
	for row := range slices.Chunk(ids, k) {
		tokens, err := m.StrTokens(row)
		if err != nil {
			return nil, err
		}
		texts = append(texts, tokens)
	}
	return texts, nil
}

// vocabularyLast is the same logits with the axis of the vocabulary last, and its name.
func vocabularyLast(logits *hooked.Tensor) (last *hooked.Tensor, vocab string, err error) {
	axes := logits.AxisNames()
	i := slices.IndexFunc(axes, func(name string) bool { return name == "d_vocab" || name == "d_vocab_out" })
	if i < 0 {
		return nil, "", fmt.Errorf("a tensor with axes %v has none of the vocabulary: want one called d_vocab or d_vocab_out (Tensor.Named)", axes)
	}
	if i == len(axes)-1 {
		return logits, axes[i], nil
	}
	order := append(slices.Delete(slices.Clone(axes), i, i+1), axes[i])
	err = hooked.Try(func() { last = logits.Einsum(strings.Join(axes, " ") + " -> " + strings.Join(order, " ")) })
	return last, axes[i], err
}
