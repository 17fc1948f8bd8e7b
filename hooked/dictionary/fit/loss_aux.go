package fit

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/internal/largest"
)

// revival is the auxiliary loss of Gao et al. 2024 (appendix B.1) as SAELens has it: how far the
// strongest of the dead features are from the error that the others leave. It is of the features
// from one number to another; few dead ones count less.
func revival(p dictionary.Pass, pre, dead, missed *graph.Node, from, to int) *graph.Node {
	g := pre.Graph()
	pre, dead = features(pre, from, to, -1), features(dead, from, to, 0)
	most := p.Config.DIn / 2
	n := graph.ReduceAllSum(graph.ConvertDType(dead, dtypes.Int32))
	mask := graph.BroadcastToDims(alike(dead, pre), pre.Shape().Dimensions...)
	chosen := largest.Among(mask, pre, graph.MinScalar(n, int32(most)), most)
	acts := where(chosen, pre)
	if p.Config.RescaleByNorm {
		acts = graph.Div(acts, alike(features(norms(p), from, to, 0), acts))
	}
	again := times(acts, features(p.Weights["W_dec"], from, to, 0))
	share := graph.MinScalar(graph.DivScalar(graph.ConvertDType(n, dtypes.Float32), float64(most)), 1.0)
	off := mse(again, graph.StopGradient(missed))
	// without dead features the share is zero, and so must the gradient be
	return graph.Mul(share, graph.Where(graph.GreaterThan(n, graph.ScalarZero(g, dtypes.Int32)), off, graph.ZerosLike(off)))
}
