package hooked

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	. "github.com/gomlx/gomlx/core/graph"
)

// alibi is the bias [1 or batch, head, query or 1, key] that lowers a score with the distance of
// its key.
func (b *builder) alibi(l int, queries, keys span) *Node {
	if b.cfg.ALiBiRounded {
		return b.roundedAlibi(l, keys)
	}
	slopes := make([]float32, b.cfg.NHeads)
	for h := range slopes {
		slopes[h] = float32(b.cfg.alibiSlope(h))
	}
	at := queries.of(b.queryIndex(queries.to), 0)
	// [query, key], negative
	distance := Sub(InsertAxes(b.arange(keys.from, keys.to-keys.from), 0), InsertAxes(at, 1))
	distance = MinScalar(ConvertDType(distance, dtypes.Float32), 0.0)
	return InsertAxes(Mul(Reshape(b.constant(slopes), b.cfg.NHeads, 1, 1), InsertAxes(distance, 0)), 0)
}

// roundedAlibi is Falcon's bias, [1 or batch, head, 1, key]: it grows with the position of the key,
// which for a softmax is the same but for the rounding.
func (b *builder) roundedAlibi(l int, keys span) *Node {
	n := doubled(positionsStep, b.keys())
	table := b.input(alibiTableName(n), dtypes.Float32, n, b.cfg.NHeads)
	biases := Gather(table, InsertAxes(keys.of(b.keyIDs(), 1), -1)) // [1 or batch, key, head]
	return InsertAxes(TransposeAllAxes(DivScalar(biases, b.cfg.AttnScaleAt(l)), 0, 2, 1), 2)
}

// alibiTableName is the graph input that holds the biases of the first n keys, [n, head]. They are
// made on the host: a compiler may leave out a rounding that it sees.
func alibiTableName(n int) string { return fmt.Sprintf("alibi.%d", n) }

// alibiTable is the table called name; nil if it is none.
func (c Config) alibiTable(name string) *Array {
	var n int
	if _, err := fmt.Sscanf(name, "alibi.%d", &n); err != nil {
		return nil
	}
	rounded := func(v float64) float64 { return float64(bfloat16.FromFloat32(float32(v)).Float32()) }
	out := NewArray(n, c.NHeads)
	for pos := range n {
		for h := range c.NHeads {
			out.Data[pos*c.NHeads+h] = float32(rounded(rounded(c.alibiSlope(h)) * rounded(float64(pos))))
		}
	}
	return out
}

// alibiSlope is the slope of head h.
func (c Config) alibiSlope(h int) float64 {
	if len(c.ALiBiSlopes) > 0 {
		return c.ALiBiSlopes[h]
	}
	return alibiSlope(h, c.NHeads)
}

// alibiSlope is the slope of head h of n: a geometric series, which for n no power of two takes
// every second term of the next longer series for what is left over. Source:
// transformers/models/bloom/modeling_bloom.py, build_alibi_tensor.
func alibiSlope(h, n int) float64 {
	power := 1 << int(math.Floor(math.Log2(float64(n))))
	if h < power {
		return math.Pow(2, -8*float64(h+1)/float64(power))
	}
	return math.Pow(2, -4*float64(2*(h-power)+1)/float64(power))
}
