package hooked

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// relativeBias is what T5 adds to scores by how far a key stands from its query, [1, head, query,
// key]: a learned number of each head for each of a few distances and ranges of distances. The
// first layer has them for all layers of its stack (Raffel et al. 2019, arXiv:1910.10683), or each
// layer its own (UMT5: Chung et al. 2023, arXiv:2304.09151).
func (b *builder) relativeBias(l int, queries, keys span) *Node {
	if !b.cfg.RelativeEachLayer {
		l = 0
	}
	at := biasKey{l, queries, keys}
	if b.biases[at] == nil {
		query := InsertAxes(queries.of(b.queryIndex(queries.to), 0), 1)
		key := InsertAxes(b.arange(keys.from, keys.to-keys.from), 0)
		most := int32(b.cfg.RelativeMaxDistance)
		distance := MinScalar(MaxScalar(Sub(key, query), -most), most) // [query, key]
		bucket := Gather(b.constant(b.cfg.relativeBuckets()), InsertAxes(AddScalar(distance, most), -1))
		bias := Gather(b.lw(l, relativeWeights), InsertAxes(bucket, -1)) // [query, key, head]
		b.biases[at] = InsertAxes(TransposeAllAxes(bias, 2, 0, 1), 0)
	}
	return b.biases[at]
}

// A biasKey says which bias of relative positions: that of a layer, between queries and keys.
type biasKey struct {
	layer         int
	queries, keys span
}

// relativeWeights are the numbers of relative positions, [bucket, head].
const relativeWeights = "attn.rel_pos_bias.weight"

// relativeBuckets is the bucket of each distance of a key from its query, from as far before it as
// distances are told apart to as far after it. Where keys may lie on both sides each has half of
// the buckets; of those of a side half are single distances, and the others ranges that grow with
// the distance. The arithmetic is PyTorch's, in float32. Source:
// transformers/models/t5/modeling_t5.py, _relative_position_bucket.
func (c Config) relativeBuckets() []int32 {
	most, buckets, after := c.RelativeMaxDistance, c.RelativeBuckets, 0
	if c.AttentionDir == Bidirectional {
		buckets /= 2
		after = buckets
	}
	table := make([]int32, 2*most+1)
	for i := range table {
		switch distance := i - most; {
		case distance <= 0:
			table[i] = int32(rangeOf(-distance, buckets, most))
		case after > 0:
			table[i] = int32(after + rangeOf(distance, buckets, most))
		}
	}
	return table
}

// rangeOf is the bucket of a distance on one side.
func rangeOf(distance, buckets, most int) int {
	single := buckets / 2
	if distance < single {
		return distance
	}
	log := float32(math.Log(float64(float32(distance) / float32(single))))
	share := log / float32(math.Log(float64(most)/float64(single))) * float32(buckets-single)
	return min(single+int(share), buckets-1)
}
