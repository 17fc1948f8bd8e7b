package hooked

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
)

// A weightStore holds a model's weights on the device. They are loaded when a run first needs one,
// so that a notebook cell that only names a model costs nothing.
type weightStore struct {
	eng    *engine
	cfg    Config
	specs  map[string]weightSpec // of the weights that such a model may have
	shapes map[string][]int      // on the device, of those that it has

	load    func(ctx context.Context, put putFunc) error
	turn    chan struct{} // holds what whoever loads them has put into it
	loaded  atomic.Bool   // or failed to
	err     error
	mu      sync.Mutex
	buffers map[string]compute.Buffer
	tables  map[tableKey]compute.Buffer // of numbers that follow from the configuration
	// of the tables, those that were made last, for texts of one length only
	recent []tableKey

	alike sync.Once
	like  []int // of each layer

	files   *modelFiles // that the weights are from; nil for any others
	hashed  sync.Once
	hash    string // of the weights, see [weightStore.content]
	hashErr error
}

// putFunc takes a weight in its device layout.
type putFunc func(name string, a *Array) error

func newWeightStore(eng *engine, cfg Config, specs map[string]weightSpec, shapes map[string][]int) *weightStore {
	return &weightStore{eng: eng, cfg: cfg, specs: specs, shapes: shapes, turn: make(chan struct{}, 1),
		buffers: make(map[string]compute.Buffer), tables: make(map[tableKey]compute.Buffer)}
}

// firstLike is the first layer f such that the n layers from f on differ from those from l on in
// their weights alone, so that one program serves both.
func (s *weightStore) firstLike(l, n int) int {
	like := s.likes()
	for f := range l {
		if slices.Equal(like[f:f+n], like[l:l+n]) {
			return f
		}
	}
	return l
}

// likes is of each layer the first that differs from it in its weights alone.
func (s *weightStore) likes() []int {
	s.alike.Do(func() {
		first := make(map[string]int)
		for l := range s.cfg.NLayers {
			kind := fmt.Sprint(s.cfg.local(l), s.cfg.rotates(l), s.cfg.AttnScaleAt(l), s.weightsOf(l))
			if _, known := first[kind]; !known {
				first[kind] = l
			}
			s.like = append(s.like, first[kind])
		}
	})
	return s.like
}

// weightsOf are the names of the weights that a layer has, without the layer: biases are optional.
func (s *weightStore) weightsOf(l int) []string {
	var names []string
	for name := range s.shapes {
		if rest, ok := strings.CutPrefix(name, blockPrefix(l)); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// deviceShape is the shape of a weight on the device. W_Q, W_K and W_V [head, d_model, d_head] lie
// as [d_model, head, d_head], so that a projection is one plain matrix product.
func deviceShape(name string, shape []int) []int {
	if !readsResidual(name) {
		return shape
	}
	return []int{shape[1], shape[0], shape[2]}
}

func readsResidual(name string) bool {
	return strings.HasSuffix(name, "attn.W_Q") || strings.HasSuffix(name, "attn.W_K") || strings.HasSuffix(name, "attn.W_V")
}

// toDevice is a copy of a weight in its device layout.
func toDevice(name string, a *Array) *Array {
	if !readsResidual(name) {
		return &Array{slices.Clone(a.Shape), slices.Clone(a.Data)}
	}
	return onDevice(name, a)
}

// onDevice is a weight in its device layout: itself where that is TransformerLens'.
func onDevice(name string, a *Array) *Array {
	if !readsResidual(name) {
		return a
	}
	moved, err := rearrange(a, "h d e -> d h e", nil)
	if err != nil {
		panic(err) // the shape was checked
	}
	return moved
}

// fromDevice undoes toDevice.
func fromDevice(name string, a *Array) *Array {
	if !readsResidual(name) {
		return a
	}
	moved, err := rearrange(a, "d h e -> h d e", nil)
	if err != nil {
		panic(err) // the shape was checked
	}
	return moved
}

// upload uploads a weight that has its device layout.
func (s *weightStore) upload(name string, a *Array) error {
	flat, err := s.cfg.DType.flat(a.Data)
	if err != nil {
		return err
	}
	shape := shapes.Make(s.cfg.DType.onDevice(), a.Shape...)
	buffer, err := s.eng.place(flat, shape, s.cfg.axesOnDevice(name, s.specs[name].shape))
	if err != nil {
		return brief.Errorf("weight %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffers[name] = buffer
	return nil
}

// ready loads the weights, once. Where the context of whoever loads them ends, the next one begins
// anew.
func (s *weightStore) ready(ctx context.Context) error {
	if s.loaded.Load() {
		return s.err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fault.Ended(ctx, "the model's weights were not read")
	}
	if s.loaded.Load() {
		return s.err
	}
	step := underway.Begin("loading the model's weights")
	defer step.End()
	var done atomic.Int64
	err := s.load(ctx, func(name string, a *Array) error {
		defer func() { step.Sayf("%d of %d", done.Add(1), len(s.shapes)) }()
		return s.upload(name, a)
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errors.Join(err, s.drop())
	}
	s.err = err
	s.loaded.Store(true)
	return err
}

// drop frees what an interrupted loading has uploaded.
func (s *weightStore) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, buffer := range s.buffers {
		if err := buffer.Finalize(); err != nil {
			return err
		}
	}
	clear(s.buffers)
	return nil
}

// buffer is a weight on the device, or a table as a text of a length needs it.
func (s *weightStore) buffer(ctx context.Context, name string, length int) (compute.Buffer, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if b, ok := s.buffers[name]; ok {
		return b, nil
	}
	return s.table(name, length)
}

// A tableKey names a table. Those that depend on how long a text is differ by its length, see
// [RopeScaling.lengthClass].
type tableKey struct {
	name   string
	length int
}

// tablesByLength is how many tables for one length only are kept: a generation with dynamic rotary
// scaling needs another one in each step.
const tablesByLength = 4

// table is a table of numbers on the device, made when it is first needed.
func (s *weightStore) table(name string, length int) (compute.Buffer, error) {
	key := tableKey{name, s.cfg.RotaryScaling.lengthClass(length)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.tables[key]; ok {
		return b, nil
	}
	a := s.cfg.rotaryTable(name, key.length)
	if a == nil {
		a = s.cfg.alibiTable(name)
	}
	if a == nil {
		return nil, brief.Errorf("the model has no weight %q", name)
	}
	b, err := s.eng.upload(a.Data, shapes.Make(dtypes.Float32, a.Shape...))
	if err != nil {
		return nil, brief.Errorf("table %s: %w", name, err)
	}
	s.tables[key] = b
	if key.length > 0 {
		s.forget(key)
	}
	return b, nil
}

// forget drops the oldest table for one length when there are many. A run that still computes with
// it holds it.
func (s *weightStore) forget(newest tableKey) {
	s.recent = append(s.recent, newest)
	if len(s.recent) > tablesByLength {
		delete(s.tables, s.recent[0])
		s.recent = s.recent[1:]
	}
}

// tensor is a weight in its device layout; nil if it is a bias that the family does not have.
func (s *weightStore) tensor(name string) (*tensors.Tensor, error) {
	if s.shapes[name] == nil {
		return nil, nil
	}
	buffer, err := s.buffer(context.Background(), name, 0)
	if err != nil {
		return nil, err
	}
	value, err := tensors.FromBuffer(buffer)
	if err != nil || !s.cfg.DType.halved() {
		return value, err
	}
	return s.eng.widened(value)
}

// array copies a weight to the host, in TransformerLens' shape; zeros if it is a bias that the
// family does not have.
func (s *weightStore) array(name string) (*Array, error) {
	spec, ok := s.specs[name]
	if !ok {
		return nil, brief.Errorf("the model has no weight %q", name)
	}
	if s.shapes[name] == nil {
		return NewArray(spec.shape...), nil
	}
	data, err := s.download(name)
	if err != nil {
		return nil, err
	}
	return fromDevice(name, &Array{Shape: slices.Clone(s.shapes[name]), Data: data}), nil
}

// download copies a weight to the host, in its device layout.
func (s *weightStore) download(name string) ([]float32, error) {
	if s.cfg.DType.halved() {
		return s.downloadWide(name)
	}
	buffer, err := s.buffer(context.Background(), name, 0)
	if err != nil {
		return nil, err
	}
	data := make([]float32, sizeOf(s.shapes[name]))
	if err := buffer.ToFlatData(data); err != nil {
		return nil, brief.Errorf("reading weight %s: %w", name, err)
	}
	return data, nil
}

// downloadWide is download of a weight that has 16 bits.
func (s *weightStore) downloadWide(name string) ([]float32, error) {
	value, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	return tensors.CopyFlatData[float32](value)
}
