package main

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
)

// explainedByPCA is how much of a site's variance on held-out rows the first components explain
// that a PCA of a store's activations has. Both without the rows' first positions, which lie far
// away.
func explainedByPCA(ctx context.Context, store *activations.Store, at hooked.Selector, m *hooked.Model, held corpus.Contexts, rows, k int) (float64, error) {
	s, err := store.Statistics(at)
	if err != nil {
		return 0, err
	}
	flat, err := s.Rest.Covariance()
	if err != nil {
		return 0, err
	}
	d := s.Site.Width()
	var eigen mat.EigenSym
	eigen.Factorize(mat.NewSymDense(d, flat), true)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors) // by growing eigenvalue
	components := vectors.Slice(0, d, d-k, d)

	x, err := heldOut(ctx, m, at, held, rows, d)
	if err != nil {
		return 0, err
	}
	n, _ := x.Dims()
	center := make([]float64, d)
	for i := range n {
		for j, v := range x.RawRowView(i) {
			center[j] += v / float64(n)
		}
	}
	variance, missed := 0.0, 0.0
	for i := range n {
		row := x.RawRowView(i)
		for j := range row {
			variance += (row[j] - center[j]) * (row[j] - center[j])
			row[j] -= s.Rest.Mean[j]
			missed += row[j] * row[j]
		}
	}
	var inside mat.Dense
	inside.Mul(x, components)
	for i := range n {
		for _, v := range inside.RawRowView(i) {
			missed -= v * v
		}
	}
	return 1 - missed/variance, nil
}

// heldOut are the activations of rows but for their first positions.
func heldOut(ctx context.Context, m *hooked.Model, at hooked.Selector, held corpus.Contexts, rows, d int) (*mat.Dense, error) {
	var all []float64
	var ids [][]int
	for row, err := range held.From(0) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, row); len(ids) == rows {
			break
		}
	}
	for part := range slices.Chunk(ids, 8) {
		cache, err := m.Cache(hooked.Tokens(part), hooked.Names(at), hooked.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		t, err := cache.Lookup(at)
		if err != nil {
			return nil, err
		}
		for i, v := range t.Float32s() {
			if i/d%held.Length() > 0 {
				all = append(all, float64(v))
			}
		}
	}
	return mat.NewDense(len(all)/d, d, all), nil
}
