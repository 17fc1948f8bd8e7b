package hooked

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// queryIndex is where each query of this run stands, counted from the beginning of the cache:
// [query] int32.
func (b *builder) queryIndex(queries int) *Node {
	index := b.arange(0, queries)
	if b.past == nil {
		return index
	}
	return Add(index, b.past)
}

// maskOf says which keys a query of layer l may look at: [1 or batch, 1, query, key] bool, or nil
// for all.
func (b *builder) maskOf(l int) *Node {
	if m, ok := b.masks[b.cfg.local(l)]; ok {
		return m
	}
	m := b.buildMask(b.cfg.local(l))
	b.masks[b.cfg.local(l)] = m
	return m
}

func (b *builder) buildMask(local bool) *Node {
	var mask *Node
	and := func(m *Node) {
		if mask == nil {
			mask = m
			return
		}
		mask = And(BroadcastToDims(mask, b.maskDims()...), BroadcastToDims(m, b.maskDims()...))
	}
	query := InsertAxes(b.queryIndex(b.pos), 0, 0, 2) // [1, 1, query, 1]
	key := InsertAxes(b.arange(0, b.keys()), 0, 0, 0) // [1, 1, 1, key]
	dims := []int{1, 1, b.pos, b.keys()}
	query, key = BroadcastToDims(query, dims...), BroadcastToDims(key, dims...)
	// entries of the cache not written yet lie in the future
	if b.cfg.AttentionDir == Causal || b.past != nil && b.ofOthers == 0 {
		and(LessOrEqual(key, query))
	}
	if local {
		and(GreaterThan(key, SubScalar(query, int32(b.cfg.WindowSize))))
	}
	if b.padding != nil {
		and(InsertAxes(b.padding, 1, 1))
	}
	return mask
}

func (b *builder) maskDims() []int {
	batch := 1
	if b.padding != nil {
		batch = b.batch
	}
	return []int{batch, 1, b.pos, b.keys()}
}

// keys is how many keys a query sees: this run's positions, the whole room of the key-value cache,
// or those of another text.
func (b *builder) keys() int {
	switch {
	case b.ofOthers > 0:
		return b.ofOthers
	case b.past == nil:
		return b.pos
	}
	return b.plan.kvRoom
}

// setPositions finds where each token stands. Without padding that is its index. With a mask it is
// the number of real tokens before it, as in TransformerLens' get_offset_position_ids.
func (b *builder) setPositions() {
	if mask := b.setPadding(); mask != nil {
		b.allIDs = MaxScalar(SubScalar(CumSum(mask, 1), int32(1)), int32(0))
		b.posIDs = b.ofQueries(b.allIDs)
		return
	}
	if n := b.plan.prefixes; n > 0 {
		b.posIDs = b.input(inputPrefixPos, dtypes.Int32, 1, n)
		b.allIDs = b.posIDs
		return
	}
	b.allIDs = InsertAxes(b.arange(0, b.keys()), 0)
	b.posIDs = InsertAxes(b.queryIndex(b.pos), 0)
}

// setPadding finds which keys are tokens, and returns the mask of ones and zeros; nil if all are.
func (b *builder) setPadding() *Node {
	if !b.masked {
		return nil
	}
	mask := b.input(b.names.mask, dtypes.Int32, b.batch, b.keys())
	b.padding = GreaterThan(mask, ScalarZero(b.g, dtypes.Int32)) // [batch, key]
	return mask
}

// ofQueries cuts from x [batch, key] the positions of this run: [batch, pos].
func (b *builder) ofQueries(x *Node) *Node {
	if b.past == nil {
		return x
	}
	return gatherAxis(x, InsertAxes(b.queryIndex(b.pos), -1), 1)
}

// keyIDs are the positions of the keys, [1 or batch, key].
func (b *builder) keyIDs() *Node { return b.allIDs }
