package hooked

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// A KVCache holds the keys and values of the tokens read so far, so that a run on top of it computes only what is new.
// Keys are kept before rotation, as in TransformerLens. It belongs to one sequence of runs; use a copy ([KVCache.Clone])
// for each of several.
type KVCache struct {
	m      *Model
	batch  int
	length int // positions filled
	room   int // positions there is room for: programs are compiled for it, so it grows in large steps
	frozen bool
	values []*tensors.Tensor // key and value of each layer in turn, [batch, room, kv_head, d_head]
	mask   [][]int           // of the positions filled, if they were padded; else nil
}

// positionsStep is the least room for positions, of a cache or a table. Rooms double, so that few programs serve many lengths.
const positionsStep = 64

// doubled is the first of room, 2 room, 4 room, ... with room for n.
func doubled(room, n int) int {
	for room < n {
		room *= 2
	}
	return room
}

// NewKVCache is an empty cache for a batch of prompts.
func (m *Model) NewKVCache(batch int) *KVCache { return &KVCache{m: m, batch: batch} }

// Len is the number of positions held.
func (kv *KVCache) Len() int { return kv.length }

// Freeze makes runs read the cache and leave it as it is: a prompt's beginning to be used many times.
func (kv *KVCache) Freeze() { kv.frozen = true }

// Unfreeze lets the cache grow again.
func (kv *KVCache) Unfreeze() { kv.frozen = false }

// Clone is a copy that grows on its own.
func (kv *KVCache) Clone() *KVCache {
	c := *kv
	c.values = append([]*tensors.Tensor(nil), kv.values...)
	c.mask = append([][]int(nil), kv.mask...)
	return &c
}

// Keys are layer l's keys before rotation, [batch, key, kv_head, d_head].
func (kv *KVCache) Keys(l int) (*Tensor, error) { return kv.entry(l, 0) }

// Values are layer l's values, [batch, key, kv_head, d_head].
func (kv *KVCache) Values(l int) (*Tensor, error) { return kv.entry(l, 1) }

func (kv *KVCache) entry(l, which int) (*Tensor, error) {
	l, err := kv.m.cfg.layer(l)
	if err != nil {
		return nil, err
	}
	if kv.length == 0 {
		return nil, fmt.Errorf("the key-value cache is empty")
	}
	t := &Tensor{kv.values[2*l+which], []string{"batch", "key", "kv_head", "d_head"}, kv.m.eng}
	return t.slice(1, Range{0, kv.length}), nil
}

// setKV prepares the inputs of a run on top of a cache.
func (j *job) setKV() error {
	kv := j.req.kv
	if kv == nil {
		return nil
	}
	c := j.m.cfg
	switch {
	case kv.m != j.m:
		return fmt.Errorf("the key-value cache was made by another model")
	case kv.batch != j.batch:
		return fmt.Errorf("the key-value cache is for %d prompts, the input has %d", kv.batch, j.batch)
	case j.plan.fromResidual || j.plan.stop < c.NLayers || j.plan.loss || j.plan.ungroup:
		return fmt.Errorf("a run on a key-value cache reads tokens, passes all layers, and has no loss and no ungrouped keys")
	case kv.length+j.pos > c.NCtx:
		return fmt.Errorf("the key-value cache holds %d positions and the input %d: the model's context is %d", kv.length, j.pos, c.NCtx)
	}
	if err := kv.reserve(kv.length + j.pos); err != nil {
		return err
	}
	j.plan.kvRoom = kv.room
	for i, value := range kv.values {
		if err := j.setTensor(kvName(i/2, "kv"[i%2:i%2+1]), &Tensor{value: value}); err != nil {
			return err
		}
	}
	return j.set(inputPast, []int32{int32(kv.length)}, dtypes.Int32)
}

// reserve makes room for n positions, at least doubling what there is.
func (kv *KVCache) reserve(n int) error {
	if n <= kv.room {
		return nil
	}
	room := min(doubled(max(positionsStep, kv.room), n), max(kv.m.cfg.NCtx, n))
	c := kv.m.cfg
	shape := shapes.Make(dtypes.Float32, kv.batch, room, c.NKeyValueHeads, c.DHead)
	values := make([]*tensors.Tensor, 2*c.NLayers)
	for i := range values {
		if kv.room > 0 {
			values[i] = kv.m.eng.eager(fmt.Sprintf("kv room %d", room), func(in []*Node) *Node {
				return GrowRight(in[0], 1, room-kv.room, 0)
			}, kv.values[i])
			continue
		}
		values[i] = tensors.FromShape(shape)
	}
	kv.values, kv.room = values, room
	return nil
}

// grow adds a run's keys and values to its cache.
func (j *job) grow(values []*tensors.Tensor) {
	kv := j.req.kv
	if kv == nil || kv.frozen {
		return
	}
	kv.values = values
	kv.length += j.pos
	if j.plan.masked {
		kv.mask = j.mask
	}
}
