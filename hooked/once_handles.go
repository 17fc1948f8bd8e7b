package hooked

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"weak"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// A handleRecord is one of this package's values, of which one field is set. Arrays and other
// handles stand in it by number.
type handleRecord struct {
	Tensor   *tensorRecord   `json:",omitempty"`
	Array    *tensorRecord   `json:",omitempty"`
	Factored *factoredRecord `json:",omitempty"`
	Model    *onceModel      `json:",omitempty"`
	Encoder  *encoderRecord  `json:",omitempty"`
	TwoParts *encoderRecord  `json:",omitempty"`
	Cache    *cacheRecord    `json:",omitempty"`
	KV       *kvRecord       `json:",omitempty"`
}

type tensorRecord struct {
	Array int
	Axes  []string `json:",omitempty"`
	Shape []int    `json:",omitempty"` // of an Array, which may be empty or a scalar
}

type factoredRecord struct{ A, B int } // handles

type encoderRecord struct{ Model int } // handle

type cacheRecord struct {
	Model     int // handle
	Tokens    Tokens
	Mask      [][]int
	Past      int
	Sites     []string
	Values    []tensorRecord
	NoBatch   bool
	Positions []int
	Weights   map[string]tensorRecord // gradients
}

type kvRecord struct {
	Model                       int // handle
	Batch, Length, Room, Angles int
	Frozen, Edited              bool
	Values                      []int // arrays
	Tokens                      Tokens
	Mask                        [][]int
}

// onceModel is a model that is made again from its files, or has its weights here.
type onceModel struct {
	Files   *modelFiles `json:",omitempty"`
	Record  modelRecord
	Content string         // hash of the weights, if they are no file's
	Weights map[string]int // arrays
	Text    map[string]int // arrays: the tokenizer's files, if it is not that of the model's
	Spelled string         // a hash of these
	Why     string         // of the backend
	Devices Devices        // that the backend spreads over
}

// modelFiles are what a model was read from.
type modelFiles struct {
	Name, Where string
	Processing  Processing
	DType       DType
	Layers      int // as LoadOptions.FirstNLayers
	Devices     Devices
	Key         string // see keeperKey
}

func (f *modelFiles) options() LoadOptions {
	return LoadOptions{DType: f.DType, FirstNLayers: f.Layers, Devices: f.Devices}
}

// errChanged says that a model's files are no longer what they were.
var errChanged = errors.New("the model's files have changed")

// handle numbers a value of this package, and packs it if it is new.
func (k *packer) handle(value any) (int, error) {
	if n, ok := k.seen[value]; ok {
		return n, nil
	}
	r, err := k.packHandle(value)
	if err != nil {
		return 0, err
	}
	k.record.Handles = append(k.record.Handles, r)
	n := len(k.record.Handles) - 1
	k.seen[value] = n
	return n, nil
}

func (k *packer) packHandle(value any) (r handleRecord, err error) {
	switch v := value.(type) {
	case *Tensor:
		r.Tensor, err = k.tensor(v)
	case *Array:
		r.Array, err = k.hostArray(v)
	case *FactoredMatrix:
		r.Factored, err = k.factored(v)
	case *Model:
		r.Model, err = k.model(v)
	case *Encoder:
		r.Encoder = new(encoderRecord)
		r.Encoder.Model, err = k.handle(v.m)
	case *EncoderDecoder:
		r.TwoParts = new(encoderRecord)
		r.TwoParts.Model, err = k.handle(v.m)
	case *Cache:
		r.Cache, err = k.cache(v)
	case *KVCache:
		r.KV, err = k.kv(v)
	default:
		err = fmt.Errorf("%T is no handle", value)
	}
	return r, err
}

func (k *packer) tensor(t *Tensor) (*tensorRecord, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return &tensorRecord{Array: k.add(t.value), Axes: t.axes}, nil
}

func (k *packer) hostArray(a *Array) (*tensorRecord, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return &tensorRecord{Array: k.add(tensors.FromFlatDataAndDimensions(a.Data, len(a.Data))), Shape: a.Shape}, nil
}

func (k *packer) factored(f *FactoredMatrix) (*factoredRecord, error) {
	a, err := k.handle(f.need().a)
	if err != nil {
		return nil, err
	}
	b, err := k.handle(f.b)
	return &factoredRecord{a, b}, err
}

// mostLater bounds what a cache has left for later and is computed to be kept.
const mostLater = 1 << 30

func (k *packer) cache(c *Cache) (*cacheRecord, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	model, err := k.handle(c.m)
	if err != nil {
		return nil, err
	}
	r := &cacheRecord{Model: model, Tokens: c.tokens, Mask: c.mask, Past: c.past, NoBatch: c.noBatch, Positions: c.positions}
	known := sitesByName(c.m.cfg)
	var later int64
	for _, s := range c.order {
		if known[s.Name()] != s {
			return nil, brief.Errorf("the cache holds %s, which is no site of the model itself: keep it as a tensor", s)
		}
		wasLater := c.isLater(s)
		t, err := c.tensor(s)
		if err != nil {
			return nil, err
		}
		if wasLater {
			if later += t.value.Shape().ByteSize(); later > mostLater {
				return nil, brief.Errorf("the cache leaves activations for when they are read, and all together take more than %d GiB: "+
					"record what you need (Names)", mostLater>>30)
			}
		}
		tensor, err := k.tensor(t)
		if err != nil {
			return nil, err
		}
		r.Sites, r.Values = append(r.Sites, s.Name()), append(r.Values, *tensor)
	}
	if c.weights != nil {
		r.Weights = map[string]tensorRecord{}
	}
	for name, t := range c.weights {
		tensor, err := k.tensor(t)
		if err != nil {
			return nil, err
		}
		r.Weights[name] = *tensor
	}
	return r, nil
}

func sitesByName(c Config) map[string]Site {
	byName := map[string]Site{}
	for _, s := range c.Sites() {
		byName[s.Name()] = s
	}
	return byName
}

func (k *packer) kv(kv *KVCache) (*kvRecord, error) {
	if kv.inUse.Load() {
		return nil, errors.New("a run is using the key-value cache")
	}
	model, err := k.handle(kv.m)
	if err != nil {
		return nil, err
	}
	r := &kvRecord{Model: model, Batch: kv.batch, Length: kv.length, Room: kv.room, Angles: kv.angles,
		Frozen: kv.frozen, Edited: kv.edited, Tokens: kv.tokens, Mask: kv.mask}
	for _, value := range kv.values {
		r.Values = append(r.Values, k.add(value))
	}
	return r, nil
}

func (k *packer) model(m *Model) (*onceModel, error) {
	r := &onceModel{Files: m.weights.files, Record: m.record(), Why: m.backend, Devices: devicesOf(m.eng.backend)}
	files, err := m.tokenizerFiles()
	if err != nil {
		return nil, err
	}
	if files != nil {
		r.Text, r.Spelled = map[string]int{}, hashOf(files)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		r.Text[name] = k.add(tensors.FromFlatDataAndDimensions(files[name], len(files[name])))
	}
	if r.Files != nil {
		return r, nil
	}
	if r.Content, err = m.weights.content(); err != nil {
		return nil, err
	}
	r.Weights = map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(m.weights.buffers)) {
		t, err := tensors.FromBuffer(m.weights.buffers[name])
		if err != nil {
			return nil, err
		}
		r.Weights[name] = k.add(t)
	}
	return r, nil
}

// tokenizerFiles are the files of the model's tokenizer, if the model's own do not give it.
func (m *Model) tokenizerFiles() (map[string][]byte, error) {
	if m.tok == nil || m.weights.files != nil && m.givenTok == nil {
		return nil, nil
	}
	t, err := m.tok()
	if err != nil {
		return nil, err
	}
	files, err := t.Files()
	if err != nil {
		return nil, brief.Errorf("the model's tokenizer: %w", err)
	}
	return files, nil
}

// hashOf is a hash of files.
func hashOf(files map[string][]byte) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintln(sum, name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// content is a hash of the weights.
func (s *weightStore) content() (string, error) {
	if err := s.ready(context.Background()); err != nil {
		return "", err
	}
	s.hashed.Do(func() {
		sum := sha256.New()
		for _, name := range slices.Sorted(maps.Keys(s.buffers)) {
			t, err := tensors.FromBuffer(s.buffers[name])
			if err == nil {
				fmt.Fprintln(sum, name, t.Shape())
				err = t.ConstBytes(func(data []byte) { io.Copy(sum, bytes.NewReader(data)) })
			}
			if err != nil {
				s.hashErr = err
				return
			}
		}
		s.hash = hex.EncodeToString(sum.Sum(nil))
	})
	return s.hash, s.hashErr
}

// liveModels are the models of this process, to which caches that are taken from the worker belong.
var liveModels struct {
	sync.Mutex
	list []weak.Pointer[Model]
}

func noteModel(m *Model) *Model {
	liveModels.Lock()
	defer liveModels.Unlock()
	liveModels.list = append(slices.DeleteFunc(liveModels.list, func(w weak.Pointer[Model]) bool { return w.Value() == nil }), weak.Make(m))
	return m
}

// live is the model of this process that is the one of a record, nil if there is none.
func (r *onceModel) live() *Model {
	liveModels.Lock()
	list := slices.Clone(liveModels.list)
	liveModels.Unlock()
	id := r.Record.graphID()
	for _, w := range list {
		if m := w.Value(); m != nil && m.id == id && r.is(m) {
			return m
		}
	}
	return nil
}

// is reports whether m has the weights and the tokenizer of the record.
func (r *onceModel) is(m *Model) bool {
	if r.Files != nil || m.weights.files != nil {
		if r.Files == nil || m.weights.files == nil || r.Files.Key != m.weights.files.Key {
			return false
		}
	} else if content, err := m.weights.content(); err != nil || content != r.Content {
		return false
	}
	files, err := m.tokenizerFiles()
	return err == nil && (files == nil && r.Spelled == "" || files != nil && hashOf(files) == r.Spelled)
}

// handle makes the value of a number, once.
func (u *unpacker) handle(n int) (any, error) {
	if h, ok := u.handles[n]; ok {
		return h, nil
	}
	if n < 0 || n >= len(u.record.Handles) {
		return nil, errDamaged
	}
	h, err := u.value(u.record.Handles[n])
	if err == nil {
		u.handles[n] = h
	}
	return h, err
}

func (u *unpacker) value(r handleRecord) (any, error) {
	switch {
	case r.Tensor != nil:
		eng, err := processEngine()
		if err != nil {
			return nil, err
		}
		return u.tensor(*r.Tensor, eng)
	case r.Array != nil:
		return u.hostArray(*r.Array)
	case r.Factored != nil:
		a, errA := handleOf[*Tensor](u, r.Factored.A)
		b, errB := handleOf[*Tensor](u, r.Factored.B)
		return &FactoredMatrix{a, b}, errors.Join(errA, errB)
	case r.Model != nil:
		return u.model(r.Model)
	case r.Encoder != nil:
		m, err := handleOf[*Model](u, r.Encoder.Model)
		return &Encoder{m}, err
	case r.TwoParts != nil:
		m, err := handleOf[*Model](u, r.TwoParts.Model)
		return &EncoderDecoder{m}, err
	case r.Cache != nil:
		return u.cache(r.Cache)
	case r.KV != nil:
		return u.kv(r.KV)
	}
	return nil, errDamaged
}

// handleOf is a handle of a type.
func handleOf[H any](u *unpacker, n int) (H, error) {
	h, err := u.handle(n)
	if err != nil {
		var none H
		return none, err
	}
	typed, ok := h.(H)
	if !ok {
		err = errDamaged
	}
	return typed, err
}

func (u *unpacker) tensor(r tensorRecord, eng *engine) (*Tensor, error) {
	a, err := u.array(r.Array)
	if err != nil {
		return nil, err
	}
	if a.Rank() != len(r.Axes) {
		return nil, errDamaged
	}
	return &Tensor{a, r.Axes, eng}, nil
}

func (u *unpacker) hostArray(r tensorRecord) (*Array, error) {
	a, err := u.array(r.Array)
	if err != nil || a.DType() != dtypes.Float32 || a.Size() != sizeOf(r.Shape) {
		return nil, errors.Join(errDamaged, err)
	}
	data, err := tensors.CopyFlatData[float32](a)
	return &Array{Shape: r.Shape, Data: data}, err
}

func (u *unpacker) cache(r *cacheRecord) (*Cache, error) {
	m, err := handleOf[*Model](u, r.Model)
	if err != nil {
		return nil, err
	}
	if len(r.Sites) != len(r.Values) {
		return nil, errDamaged
	}
	c := newCache(m, r.Tokens)
	c.mask, c.past, c.noBatch, c.positions = r.Mask, r.Past, r.NoBatch, r.Positions
	known := sitesByName(m.cfg)
	for i, name := range r.Sites {
		s, ok := known[name]
		if !ok {
			return nil, errDamaged
		}
		t, err := u.tensor(r.Values[i], m.eng)
		if err != nil {
			return nil, err
		}
		c.add(s, t)
	}
	if r.Weights != nil {
		c.weights = map[string]*Tensor{}
	}
	for name, value := range r.Weights {
		if c.weights[name], err = u.tensor(value, m.eng); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (u *unpacker) kv(r *kvRecord) (*KVCache, error) {
	m, err := handleOf[*Model](u, r.Model)
	if err != nil {
		return nil, err
	}
	kv := &KVCache{m: m, batch: r.Batch, length: r.Length, room: r.Room, angles: r.Angles,
		frozen: r.Frozen, edited: r.Edited, tokens: r.Tokens, mask: r.Mask}
	for _, n := range r.Values {
		a, err := u.array(n)
		if err != nil {
			return nil, err
		}
		kv.values = append(kv.values, a)
	}
	return kv, nil
}

func (u *unpacker) model(r *onceModel) (*Model, error) {
	if m := r.live(); m != nil {
		return m, nil
	}
	m, err := u.fromRecord(r)
	if err != nil || r.Text == nil {
		return m, err
	}
	files := map[string][]byte{}
	for name, n := range r.Text {
		a, err := u.array(n)
		if err != nil || a.DType() != dtypes.Uint8 {
			return nil, errors.Join(errDamaged, err)
		}
		if files[name], err = tensors.CopyFlatData[uint8](a); err != nil {
			return nil, err
		}
	}
	t, err := tokenize.FromFiles(files)
	if err != nil {
		return nil, errors.Join(errDamaged, err)
	}
	return m.WithTokenizer(t)
}

// fromRecord is the model without a tokenizer of its own.
func (u *unpacker) fromRecord(r *onceModel) (*Model, error) {
	if f := r.Files; f != nil {
		key, err := keeperKey(f.Name, f.Where, f.Processing, f.options())
		if err != nil || key != f.Key {
			return nil, errChanged
		}
		return fromFiles(f.Name, f.Where, f.Processing, f.options())
	}
	eng, err := processEngine()
	if err != nil {
		return nil, err
	}
	be, err := r.Devices.on(eng.backend)
	if err != nil {
		return nil, err
	}
	m := bareModel(be, r.Why, r.Record.Config.weightSpecs(), r.Record)
	m.backend = r.Why
	for name, n := range r.Weights {
		a, err := u.array(n)
		if err != nil {
			return nil, err
		}
		if m.weights.buffers[name], err = onBackend(be, a); err != nil {
			return nil, err
		}
	}
	if len(m.weights.buffers) != len(m.weights.shapes) {
		return nil, errDamaged
	}
	m.weights.load = func(context.Context, putFunc) error { return nil }
	return m, nil
}

// onBackend is an array's buffer on a backend, copied there if it lies elsewhere.
func onBackend(be compute.Backend, a *tensors.Tensor) (compute.Buffer, error) {
	if there, err := a.Backend(); err == nil && there != nil && there != be {
		if a, err = a.OnDeviceClone(be, 0); err != nil {
			return nil, err
		}
	}
	return a.Buffer(be, 0)
}
