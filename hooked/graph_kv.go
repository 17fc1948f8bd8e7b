package hooked

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// remember adds this run's keys and values to the cache and returns all of them, [batch, key,
// kv_head, d_head]. Keys are kept before rotation, as in TransformerLens. Those of another text are
// all there.
func (b *builder) remember(l int, k, v *Node) (keys, values *Node) {
	if b.past == nil || b.ofOthers > 0 {
		return k, v
	}
	keys, values = b.append(l, "k", k), b.append(l, "v", v)
	b.newKV = append(b.newKV, keys, values)
	return keys, values
}

// append writes x [batch, pos, kv_head, d_head] into the room of the cache, from position past on.
// Where that is is a run-time value, so each position of the room picks what it held or one of the
// new entries: the pure Go backend has no update of a slice at a run-time place, and without
// donated buffers XLA would copy the room for one as well.
func (b *builder) append(l int, which string, x *Node) *Node {
	d := x.Shape().Dimensions
	room := b.input(kvName(l, which), dtypes.Float32, d[0], b.plan.kvRoom, d[2], d[3])
	isNew, place := b.newPlaces()
	if b.pos == 1 { // a step of generation: whatever the place, it is this one
		x = BroadcastToDims(x, room.Shape().Dimensions...)
	} else {
		x = gatherAxis(x, InsertAxes(place, -1), 1)
	}
	return Where(along(room, 1, isNew), x, room)
}

// newPlaces says for each position of the cache's room whether this run fills it, and with which of
// its positions: two [room]. Layers share them.
func (b *builder) newPlaces() (isNew, place *Node) {
	if b.kvPlace[0] == nil {
		room := b.plan.kvRoom
		place := Sub(b.arange(0, room), BroadcastToDims(b.past, room))
		zero, last := ScalarZero(b.g, dtypes.Int32), Scalar(b.g, dtypes.Int32, b.pos-1)
		b.kvPlace = [2]*Node{And(GreaterOrEqual(place, zero), LessOrEqual(place, last)), Max(Min(place, last), zero)}
	}
	return b.kvPlace[0], b.kvPlace[1]
}

// kvName is the graph input that holds layer l's cached keys ("k") or values ("v").
func kvName(l int, which string) string { return blockPrefix(l) + "kv." + which }
