package hooked

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A KVCache holds the keys and values of the tokens read so far, so that a run on top of it
// computes only what is new. Keys are kept before rotation, as in TransformerLens. It belongs to
// one sequence of runs, one after the other; use a copy ([KVCache.Clone]) for each of several. A
// frozen one serves any number of runs at once.
type KVCache struct {
	m      *Model
	batch  int
	length int // positions filled
	// positions there is room for: programs are compiled for it, so it grows in large steps
	room   int
	frozen bool
	values []*tensors.Tensor // key and value of each layer in turn, [batch, room, kv_head, d_head]
	tokens Tokens            // that they are of, where a longer text changes the angles; else nil
	mask   [][]int           // of the positions filled, if they were padded; else nil
	// the length class whose rotary angles they were computed with, see [RopeScaling.lengthClass]
	angles int
	edited bool        // some of the runs that made it grow had edits
	inUse  atomic.Bool // by a run that will make it grow
}

// positionsStep is the least room for positions, of a cache or a table. Rooms double, so that few
// programs serve many lengths.
const positionsStep = 64

// doubled is the first of room, 2 room, 4 room, ... with room for n.
func doubled(room, n int) int {
	for room < n {
		room *= 2
	}
	return room
}

var errNilKV = errors.New("the key-value cache is nil, or hooked.KVCache{}: make one with Model.NewKVCache")

// check reports a cache that no model has made.
func (kv *KVCache) check() error {
	if kv == nil || kv.m == nil {
		return errNilKV
	}
	return nil
}

// need is kv, which a model must have made.
func (kv *KVCache) need() *KVCache {
	if err := kv.check(); err != nil {
		fail("%w", err)
	}
	return kv
}

// NewKVCache is an empty cache for a batch of prompts.
func (m *Model) NewKVCache(batch int) *KVCache { return &KVCache{m: m.need(), batch: batch} }

// Len is the number of positions held.
func (kv *KVCache) Len() int { return kv.need().length }

// Freeze makes runs read the cache and leave it as it is: a prompt's beginning to be used many
// times.
func (kv *KVCache) Freeze() { kv.need().frozen = true }

// Unfreeze lets the cache grow again.
func (kv *KVCache) Unfreeze() { kv.need().frozen = false }

// Clone is a copy that grows on its own.
func (kv *KVCache) Clone() *KVCache {
	kv.need()
	return &KVCache{m: kv.m, batch: kv.batch, length: kv.length, room: kv.room, frozen: kv.frozen, values: slices.Clone(kv.values),
		tokens: slices.Clone(kv.tokens), mask: slices.Clone(kv.mask), angles: kv.angles, edited: kv.edited}
}

// Select is a cache of its own for some of the prompts, in the order of rows, of which each may
// stand several times: the beams that a search goes on with. Negative rows count from the last.
// What kv holds stays.
func (kv *KVCache) Select(rows []int) (out *KVCache, err error) {
	if kv == nil {
		return nil, brief.Errorf("the key-value cache is nil: make one with Model.NewKVCache")
	}
	if len(rows) == 0 {
		return nil, brief.Errorf("KVCache.Select: no row is given")
	}
	release, err := kv.take()
	if err != nil {
		return nil, err
	}
	defer release()
	for _, row := range rows {
		if row < -kv.batch || row >= kv.batch {
			return nil, brief.Errorf("KVCache.Select: there is no row %d, the cache is for %d prompts", row, kv.batch)
		}
	}
	out = kv.Clone()
	out.batch, out.tokens, out.mask = len(rows), rowsAt(kv.tokens, rows), rowsAt(kv.mask, rows)
	err = Try(func() {
		for i, value := range kv.values {
			out.values[i] = (&Tensor{value, []string{"batch", "key", "kv_head", "d_head"}, kv.m.eng}).gather(0, rows).value
		}
	})
	return out, err
}

// hold keeps the run's cache from other runs, until released. A run on a frozen one reads a copy of
// its own.
func (r *run) hold() (release func(), err error) {
	kv := r.req.kv
	if kv != nil && kv.frozen {
		r.req.kv = kv.Clone()
	}
	return kv.take()
}

// take keeps a cache that may grow from whoever else would read it, until released. Nobody makes a
// frozen one grow.
func (kv *KVCache) take() (release func(), err error) {
	if kv == nil || kv.frozen {
		return func() {}, nil
	}
	if !kv.inUse.CompareAndSwap(false, true) {
		return nil, brief.Errorf("another run is using this key-value cache: give each its own copy (Clone), or freeze it (Freeze)")
	}
	return func() { kv.inUse.Store(false) }, nil
}

// Keys are layer l's keys before rotation, [batch, key, kv_head, d_head].
func (kv *KVCache) Keys(l int) (*Tensor, error) { return kv.entry(l, 0) }

// Values are layer l's values, [batch, key, kv_head, d_head].
func (kv *KVCache) Values(l int) (*Tensor, error) { return kv.entry(l, 1) }

func (kv *KVCache) entry(l, which int) (*Tensor, error) {
	if err := kv.check(); err != nil {
		return nil, err
	}
	l, err := kv.m.cfg.layer(l)
	if err != nil {
		return nil, err
	}
	if kv.length == 0 {
		return nil, brief.Errorf("the key-value cache is empty")
	}
	t := &Tensor{kv.values[2*l+which], []string{"batch", "key", "kv_head", "d_head"}, kv.m.eng}
	return t.slice(1, Range{0, kv.length}), nil
}

// checkKV refuses a run that a key-value cache cannot serve.
func (r *run) checkKV() error {
	kv, c := r.req.kv, r.m.cfg
	r.in.length = r.length()
	if kv == nil {
		return nil
	}
	switch {
	case kv.m != r.m:
		return brief.Errorf("the key-value cache was made by another model")
	case kv.batch != r.plan.batch:
		return brief.Errorf("the key-value cache is for %d prompts, the input has %d", kv.batch, r.plan.batch)
	case kv.length+r.plan.pos > c.longest():
		return fault.Mark(brief.Errorf("the key-value cache holds %d positions and the input %d: the model's context is %d",
			kv.length, r.plan.pos, c.NCtx), ErrOutOfContext)
	}
	return r.turnAgain()
}

// turnAgain computes a cache's keys and values once more where the run makes the text so long that
// all its rotary angles change. Keys are kept before rotation, but those of the second layer on
// were computed from what the old angles gave.
func (r *run) turnAgain() error {
	kv := r.req.kv
	angles := r.m.cfg.RotaryScaling.lengthClass(r.in.length)
	if kv.length == 0 || angles == kv.angles {
		kv.angles = angles
		return nil
	}
	if len(r.plan.edits) > 0 || kv.edited {
		return brief.Errorf("with %s rotary scaling a text of %d tokens turns all that the key-value cache holds by other angles, "+
			"and it cannot be computed again with edits: run the whole text at once", r.m.cfg.RotaryScaling.Kind, r.in.length)
	}
	fresh := r.m.NewKVCache(kv.batch)
	// the same room, which the programs of the next steps were compiled for
	if err := fresh.reserve(kv.room); err != nil {
		return err
	}
	// in pieces of round sizes, so that few programs serve all lengths
	for from := 0; from < kv.length; {
		to := from + 1<<(bits.Len(uint(kv.length-from))-1)
		options := []Option{WithKV(fresh), inTextOf(r.in.length), WithContext(r.req.context())}
		if kv.mask != nil {
			options = append(options, AttentionMask(columns(kv.mask, from, to)))
		}
		if _, err := r.m.forward(Tokens(columns(kv.tokens, from, to)), options, verb{name: r.req.verb, takes: ofSteps}); err != nil {
			return brief.Errorf("computing the key-value cache for a text of %d tokens: %w", r.in.length, err)
		}
		from = to
	}
	kv.values, kv.angles = fresh.values, angles
	return nil
}

// columns are some positions of each prompt.
func columns(rows [][]int, from, to int) [][]int {
	out := make([][]int, len(rows))
	for i, row := range rows {
		out[i] = row[from:to]
	}
	return out
}

// inTextOf tells a run that what it reads is the beginning of a text of n tokens.
func inTextOf(n int) Option {
	return func(r *request) error { r.textLength = n; return nil }
}

// setKV prepares the inputs of a run on top of a cache.
func (r *run) setKV() error {
	kv := r.req.kv
	if kv == nil {
		return nil
	}
	if err := kv.reserve(kv.length + r.plan.pos); err != nil {
		return err
	}
	r.plan.kvRoom = kv.room
	for i, value := range kv.values {
		if err := r.in.setTensor(kvName(i/2, "kv"[i%2:i%2+1]), &Tensor{value: value}); err != nil {
			return err
		}
	}
	return r.in.set(inputPast, []int32{int32(kv.length)}, dtypes.Int32)
}

// reserve makes room for n positions, at least doubling what there is.
func (kv *KVCache) reserve(n int) error {
	if n <= kv.room {
		return nil
	}
	room := min(doubled(max(positionsStep, kv.room), n), max(kv.m.cfg.longest(), n))
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
func (r *run) grow(values []*tensors.Tensor) {
	kv := r.req.kv
	if kv == nil || kv.frozen {
		return
	}
	kv.values = values
	kv.length += r.plan.pos
	if r.m.cfg.RotaryScaling.byLength() {
		kv.tokens = kv.tokens.followedBy(r.tokens)
	}
	kv.edited = kv.edited || len(r.plan.edits) > 0
	if r.plan.masked {
		kv.mask = r.mask
	}
}
