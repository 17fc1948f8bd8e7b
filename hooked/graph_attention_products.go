package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// A step of generation has one query. Its products with keys and values are written as sums: for a
// matrix product XLA brings all keys into another order first, which takes longer than the product,
// a twentieth of a step. The pure Go backend pays for it: these products take it two to three times
// as long.

// queryKey is q [batch, kv_head, n, d_head] times k [batch, key, kv_head, d_head], [batch, kv_head,
// n, key].
func queryKey(q, k *Node, queries int) *Node {
	if queries == 1 {
		return reduceSum(timesKeys(InsertAxes(q, 3), k), -1)
	}
	return Einsum("bgnd,bkgd->bgnk", q, k)
}

// patternValue is pattern [batch, kv_head, n, key] times v [batch, key, kv_head, d_head], [batch,
// kv_head, n, d_head].
func patternValue(pattern, v *Node, queries int) *Node {
	if queries == 1 {
		return reduceSum(timesKeys(InsertAxes(pattern, -1), v), 3)
	}
	return Einsum("bgnk,bkgd->bgnd", pattern, v)
}

// timesKeys is x [batch, kv_head, n, key or 1, d_head or 1] times y [batch, key, kv_head, d_head],
// [batch, kv_head, n, key, d_head].
func timesKeys(x, y *Node) *Node {
	y = InsertAxes(TransposeAllAxes(y, 0, 2, 1, 3), 2)
	dims := y.Shape().Clone().Dimensions
	dims[2] = x.Shape().Dim(2)
	return Mul(BroadcastToDims(x, dims...), BroadcastToDims(y, dims...))
}
