package hooked

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// remember adds this run's keys and values to the cache and returns all of them, [batch, key, kv_head, d_head]. Keys are
// kept before rotation, as in TransformerLens.
func (b *builder) remember(l int, k, v *Node) (keys, values *Node) {
	if b.past == nil {
		return k, v
	}
	keys, values = b.append(l, "k", k), b.append(l, "v", v)
	b.newKV = append(b.newKV, keys, values)
	return keys, values
}

// append writes x [batch, pos, kv_head, d_head] into the room of the cache, from position past on. Where that is is a
// run-time value, so each position of the room picks what it held or one of the new entries: the pure Go backend has no
// update of a slice at a run-time place, and without donated buffers XLA would copy the room for one as well.
func (b *builder) append(l int, which string, x *Node) *Node {
	d := x.Shape().Dimensions
	room := b.input(kvName(l, which), dtypes.Float32, d[0], b.plan.kvRoom, d[2], d[3])
	place := Sub(b.arange(0, b.plan.kvRoom), BroadcastToDims(b.past, b.plan.kvRoom)) // among the new entries
	last := Scalar(b.g, dtypes.Int32, d[1]-1)
	zero := ScalarZero(b.g, dtypes.Int32)
	isNew := And(GreaterOrEqual(place, zero), LessOrEqual(place, last))
	inside := Max(Min(place, last), zero)
	return Where(along(room, 1, isNew), gatherAxis(x, InsertAxes(inside, -1), 1), room)
}

// kvName is the graph input that holds layer l's cached keys ("k") or values ("v").
func kvName(l int, which string) string { return fmt.Sprintf("kv.%d.%s", l, which) }
