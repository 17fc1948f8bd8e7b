package hooked

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/brief"
)

// onceVersion changes whenever values are packed in another way.
const onceVersion = 1

// packed is a value in a form that outlives the process: a record, and the arrays that it numbers.
type packed struct {
	record onceRecord
	arrays []*tensors.Tensor
}

// onceRecord is all of a value but its arrays.
type onceRecord struct {
	Version           int
	Name, Type, Print string
	Took              time.Duration
	Made              time.Time
	Value             *node
	Handles           []handleRecord
}

// A node is a part of a value. Parts without anything of this package's are encoded by gob, whole.
type node struct {
	Kind  string   `json:",omitempty"` // "gob", "nil", "handle", "list", "map", "pointer"
	Gob   []byte   `json:",omitempty"` // of "gob", if it is short, and the keys of "map"
	Array int      `json:",omitempty"` // of "gob", if it is long: one more than its number
	Ref   int      `json:",omitempty"` // of "handle"
	Parts []*node  `json:",omitempty"` // of "list" (a struct, array or slice), "map" and "pointer"
	Keys  [][]byte `json:",omitempty"` // of "map"
}

// longGob is the size from which gob's bytes are an array of their own.
const longGob = 64 << 10

func (p *packed) size() (n int64) {
	for _, a := range p.arrays {
		n += a.Shape().ByteSize()
	}
	return n
}

func pack(value any, typ reflect.Type) (*packed, error) {
	k := &packer{packed: &packed{}, seen: map[any]int{}}
	v := reflect.ValueOf(value)
	if isHandle(typ) && v.IsNil() {
		return nil, brief.Errorf("the function returned a nil %s, which is not kept", typ)
	}
	root, err := k.node(v)
	if err != nil {
		return nil, err
	}
	k.record.Version, k.record.Value = onceVersion, root
	return k.packed, nil
}

// A packer collects what a value consists of.
type packer struct {
	*packed
	seen map[any]int // handles by pointer: what is shared stays so
}

// add numbers an array.
func (k *packer) add(t *tensors.Tensor) int {
	k.arrays = append(k.arrays, t)
	return len(k.arrays) - 1
}

func (k *packer) node(v reflect.Value) (*node, error) {
	switch {
	case isHandle(v.Type()):
		if v.IsNil() {
			return &node{Kind: "nil"}, nil
		}
		ref, err := k.handle(v.Interface())
		return &node{Kind: "handle", Ref: ref}, err
	case !holdsHandles(v.Type()):
		return k.gob(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return &node{Kind: "nil"}, nil
		}
		part, err := k.node(v.Elem())
		return &node{Kind: "pointer", Parts: []*node{part}}, err
	case reflect.Struct:
		out := &node{Kind: "list"}
		for i := range v.NumField() {
			part, err := k.node(v.Field(i))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.Type().Field(i).Name, err)
			}
			out.Parts = append(out.Parts, part)
		}
		return out, nil
	case reflect.Slice, reflect.Array:
		return k.list(v)
	}
	return k.mapped(v) // canKeep has seen to it that there are no others
}

func (k *packer) list(v reflect.Value) (*node, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return &node{Kind: "nil"}, nil
	}
	out := &node{Kind: "list"}
	for i := range v.Len() {
		part, err := k.node(v.Index(i))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		out.Parts = append(out.Parts, part)
	}
	return out, nil
}

func (k *packer) mapped(v reflect.Value) (*node, error) {
	if v.IsNil() {
		return &node{Kind: "nil"}, nil
	}
	out := &node{Kind: "map"}
	for _, key := range v.MapKeys() {
		text, err := gobBytes(key)
		if err != nil {
			return nil, err
		}
		part, err := k.node(v.MapIndex(key))
		if err != nil {
			return nil, brief.Errorf("%v: %w", key.Interface(), err)
		}
		out.Keys, out.Parts = append(out.Keys, text), append(out.Parts, part)
	}
	return out, nil
}

// gob encodes a part that is none of this package's.
func (k *packer) gob(v reflect.Value) (*node, error) {
	if isNil(v) {
		return &node{Kind: "nil"}, nil
	}
	if tooDeep(v, 0) {
		return nil, brief.Errorf("the %s refers to itself, or is nested too deep", v.Type())
	}
	text, err := gobBytes(v)
	if err != nil {
		return nil, brief.Errorf("%w; keep the values that it is made of", err)
	}
	back := reflect.New(v.Type())
	if err := fromGob(text, back); err != nil {
		return nil, err
	}
	if !alike(v, back.Elem()) {
		return nil, brief.Errorf("gob does not keep all of the %s: fields with a small first letter, functions, channels "+
			"and pointers to zero get lost; keep the values that it is made of", v.Type())
	}
	if len(text) <= longGob {
		return &node{Kind: "gob", Gob: text}, nil
	}
	n := k.add(tensors.FromFlatDataAndDimensions(text, len(text)))
	return &node{Kind: "gob", Array: n + 1}, nil
}

func gobBytes(v reflect.Value) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).EncodeValue(v)
	return b.Bytes(), err
}

func fromGob(text []byte, into reflect.Value) error {
	return gob.NewDecoder(bytes.NewReader(text)).DecodeValue(into)
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return v.IsNil()
	}
	return false
}

// deepest is how deep a value may be nested.
const deepest = 1000

func tooDeep(v reflect.Value, depth int) bool {
	if depth > deepest {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && tooDeep(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if tooDeep(v.Field(i), depth+1) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if plain(v.Type().Elem()) {
			return false
		}
		for i := range v.Len() {
			if tooDeep(v.Index(i), depth+1) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if tooDeep(it.Value(), depth+1) {
				return true
			}
		}
	}
	return false
}

// plain reports whether values of a type are numbers, truth values or texts.
func plain(t reflect.Type) bool { return t.Kind() <= reflect.Complex128 || t.Kind() == reflect.String }

// alike compares a value with what came back: NaN is NaN, and an empty slice or map as good as
// none.
func alike(a, b reflect.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	if encodesItself(a.Type()) {
		return true
	}
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case reflect.Complex64, reflect.Complex128:
		return true // gob keeps the bits
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return alike(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		if plain(a.Type().Elem()) {
			return true // gob keeps them exactly
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for it := a.MapRange(); it.Next(); {
			if other := b.MapIndex(it.Key()); !other.IsValid() || !alike(it.Value(), other) {
				return false
			}
		}
		return true
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return a.IsNil()
	}
	return a.Equal(b)
}

// encodesItself reports whether gob leaves a type's encoding to the type.
func encodesItself(t reflect.Type) bool {
	for _, self := range []reflect.Type{reflect.TypeFor[gob.GobEncoder](), reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler]()} {
		if t.Implements(self) || reflect.PointerTo(t).Implements(self) {
			return true
		}
	}
	return false
}

// handleTypes are the types of this package that are more than their exported fields.
var handleTypes = []reflect.Type{
	reflect.TypeFor[*Tensor](), reflect.TypeFor[*Array](), reflect.TypeFor[*Model](), reflect.TypeFor[*Encoder](), reflect.TypeFor[*EncoderDecoder](),
	reflect.TypeFor[*Cache](), reflect.TypeFor[*KVCache](), reflect.TypeFor[*FactoredMatrix](),
}

func isHandle(t reflect.Type) bool { return slices.Contains(handleTypes, t) }

// holdsHandles reports whether values of a type can hold one of them, seen from its declaration.
func holdsHandles(t reflect.Type) bool { return holds(t, map[reflect.Type]bool{}) }

func holds(t reflect.Type, seen map[reflect.Type]bool) bool {
	if isHandle(t) {
		return true
	}
	if seen[t] || encodesItself(t) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return holds(t.Elem(), seen)
	case reflect.Map:
		return holds(t.Key(), seen) || holds(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holds(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// canKeep refuses a type that nothing can be kept of, before the value is made.
func canKeep(t reflect.Type) error { return keepable(t, map[reflect.Type]bool{}) }

func keepable(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || isHandle(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr:
		return brief.Errorf("a %s cannot be kept: keep the values that it is made from", t)
	case reflect.Interface:
		return brief.Errorf("a %s can be anything: let the function return the type that is meant", t)
	}
	if !holdsHandles(t) {
		return nil // gob tells
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return keepable(t.Elem(), seen)
	case reflect.Map:
		if holdsHandles(t.Key()) {
			return brief.Errorf("a %s cannot be kept: its keys are pointers, which are others in each process", t)
		}
		return keepable(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				return brief.Errorf("a %s cannot be kept: its field %s begins with a small letter", t, f.Name)
			}
			if err := keepable(f.Type, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// errDamaged says that a record does not describe a value; it is as good as none.
var errDamaged = errors.New("the record is damaged")

// unpack makes the value anew. ok is false if the record is of no use: damaged, of another build,
// or of a model whose files have changed.
func (p *packed) unpack(typ reflect.Type) (value any, ok bool, err error) {
	u := &unpacker{packed: p, handles: map[int]any{}}
	v := reflect.New(typ).Elem()
	err = Try(func() { err = u.node(p.record.Value, v) })
	switch {
	case errors.Is(err, errDamaged) || errors.Is(err, errChanged):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return v.Interface(), true, nil
}

// An unpacker makes a value of a record.
type unpacker struct {
	*packed
	handles map[int]any
}

// array is an array by its number.
func (u *unpacker) array(n int) (*tensors.Tensor, error) {
	if n < 0 || n >= len(u.arrays) {
		return nil, errDamaged
	}
	return u.arrays[n], nil
}

func (u *unpacker) node(n *node, into reflect.Value) error {
	if n == nil {
		return errDamaged
	}
	switch n.Kind {
	case "nil":
		return nil
	case "gob":
		return u.gob(n, into)
	case "handle":
		h, err := u.handle(n.Ref)
		if err != nil {
			return err
		}
		if reflect.TypeOf(h) != into.Type() {
			return errDamaged
		}
		into.Set(reflect.ValueOf(h))
		return nil
	case "pointer":
		if into.Kind() != reflect.Pointer || len(n.Parts) != 1 {
			return errDamaged
		}
		into.Set(reflect.New(into.Type().Elem()))
		return u.node(n.Parts[0], into.Elem())
	case "list":
		return u.list(n, into)
	case "map":
		return u.mapped(n, into)
	}
	return errDamaged
}

func (u *unpacker) gob(n *node, into reflect.Value) error {
	text := n.Gob
	if n.Array > 0 {
		a, err := u.array(n.Array - 1)
		if err != nil || a.DType() != dtypes.Uint8 {
			return errors.Join(errDamaged, err)
		}
		if text, err = tensors.CopyFlatData[uint8](a); err != nil {
			return err
		}
	}
	if err := fromGob(text, into.Addr()); err != nil {
		return errDamaged
	}
	return nil
}

func (u *unpacker) list(n *node, into reflect.Value) error {
	switch into.Kind() {
	case reflect.Struct:
		if into.NumField() != len(n.Parts) {
			return errDamaged
		}
		for i, part := range n.Parts {
			if err := u.node(part, into.Field(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Slice:
		into.Set(reflect.MakeSlice(into.Type(), len(n.Parts), len(n.Parts)))
	}
	if k := into.Kind(); k != reflect.Slice && k != reflect.Array || into.Len() != len(n.Parts) {
		return errDamaged
	}
	for i, part := range n.Parts {
		if err := u.node(part, into.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) mapped(n *node, into reflect.Value) error {
	if into.Kind() != reflect.Map || len(n.Keys) != len(n.Parts) {
		return errDamaged
	}
	into.Set(reflect.MakeMap(into.Type()))
	for i, text := range n.Keys {
		key, part := reflect.New(into.Type().Key()), reflect.New(into.Type().Elem()).Elem()
		if err := fromGob(text, key); err != nil {
			return errDamaged
		}
		if err := u.node(n.Parts[i], part); err != nil {
			return err
		}
		into.SetMapIndex(key.Elem(), part)
	}
	return nil
}

// marshal writes the record; a value's own may not be JSON's, such as NaN, and so is gob's.
func (r onceRecord) marshal() ([]byte, error) { return json.Marshal(r) }

func readRecord(text []byte) (onceRecord, bool) {
	var r onceRecord
	err := json.Unmarshal(text, &r)
	return r, err == nil && r.Version == onceVersion && r.Value != nil
}
