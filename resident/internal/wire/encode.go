package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// A Ref is a client's stand-in for something that lives in the worker: a value
// or a function of a program, known on both sides by its number.
type Ref interface {
	Ref() uint64
}

// An Encoder appends fields to a body. The zero Encoder is ready to use.
type Encoder struct {
	buf []byte
	// Check, if set, is asked about every reference before it is written. It
	// is how a client refuses a value of another program.
	Check func(Ref) error
}

// Body returns what was written. It shares the encoder's memory.
func (e *Encoder) Body() []byte { return e.buf }

// Len returns the number of bytes written.
func (e *Encoder) Len() int { return len(e.buf) }

// Truncate forgets everything after the first n bytes.
func (e *Encoder) Truncate(n int) { e.buf = e.buf[:n] }

// Uint appends an unsigned number as a varint.
func (e *Encoder) Uint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

// Int appends a signed number as a zigzag varint.
func (e *Encoder) Int(v int64) { e.buf = binary.AppendVarint(e.buf, v) }

// Bool appends one byte.
func (e *Encoder) Bool(v bool) {
	if v {
		e.buf = append(e.buf, 1)
		return
	}
	e.buf = append(e.buf, 0)
}

// Bytes appends a length and the bytes.
func (e *Encoder) Bytes(v []byte) {
	e.Uint(uint64(len(v)))
	e.buf = append(e.buf, v...)
}

// Raw appends bytes with no length: the reader knows how many there are.
func (e *Encoder) Raw(v []byte) { e.buf = append(e.buf, v...) }

// String appends a length and the bytes of v.
func (e *Encoder) String(v string) {
	e.Uint(uint64(len(v)))
	e.buf = append(e.buf, v...)
}

// Strings appends a count and each string.
func (e *Encoder) Strings(v []string) {
	e.Uint(uint64(len(v)))
	for _, s := range v {
		e.String(s)
	}
}

// Uints appends a count and each number.
func (e *Encoder) Uints(v []uint64) {
	e.Uint(uint64(len(v)))
	for _, n := range v {
		e.Uint(n)
	}
}

// Shape appends a shape, axis names included.
func (e *Encoder) Shape(s shapes.Shape) { e.mustReflect(reflect.ValueOf(s)) }

// Shapes appends a count and each shape.
func (e *Encoder) Shapes(v []shapes.Shape) {
	e.Uint(uint64(len(v)))
	for _, s := range v {
		e.Shape(s)
	}
}

// Arg appends an argument of an operation. The encoding follows the argument's
// static type in compute.Function, so no types travel: an interface is a
// reference plus one, a nil slice or pointer is 0, and a slice's length is one
// more than it is, since nil and empty mean different things to some operations.
//
// The cases before the default are shortcuts for the common types; they write
// the bytes that reflection would.
func (e *Encoder) Arg(arg any) error {
	switch v := arg.(type) {
	case nil:
		e.Uint(0)
		return nil
	case Ref:
		return e.ref(v)
	case error: // what the caller found instead of a value
		return v
	case []compute.Value:
		return e.values(v)
	case int:
		e.Int(int64(v))
		return nil
	case []int:
		e.ints(v)
		return nil
	}
	return e.reflect(reflect.ValueOf(arg))
}

func (e *Encoder) ref(r Ref) error {
	if e.Check != nil {
		if err := e.Check(r); err != nil {
			return err
		}
	}
	e.Uint(r.Ref() + 1)
	return nil
}

func (e *Encoder) values(v []compute.Value) error {
	if v == nil {
		e.Uint(0)
		return nil
	}
	e.Uint(uint64(len(v)) + 1)
	for _, x := range v {
		if err := e.iface(reflect.ValueOf(&x).Elem()); err != nil {
			return err
		}
	}
	return nil
}

func (e *Encoder) ints(v []int) {
	if v == nil {
		e.Uint(0)
		return
	}
	e.Uint(uint64(len(v)) + 1)
	for _, n := range v {
		e.Int(int64(n))
	}
}

// mustReflect is for types that hold no references, which cannot fail.
func (e *Encoder) mustReflect(v reflect.Value) {
	if err := e.reflect(v); err != nil {
		panic(err)
	}
}

func (e *Encoder) reflect(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Interface:
		return e.iface(v)
	case reflect.Pointer:
		e.Bool(!v.IsNil())
		if v.IsNil() {
			return nil
		}
		return e.reflect(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			e.Uint(0)
			return nil
		}
		e.Uint(uint64(v.Len()) + 1)
		return e.each(v.Len(), v.Index)
	case reflect.Array:
		return e.each(v.Len(), v.Index)
	case reflect.Struct:
		return e.each(v.NumField(), v.Field)
	}
	return e.scalar(v)
}

func (e *Encoder) each(n int, at func(int) reflect.Value) error {
	for i := range n {
		if err := e.reflect(at(i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Encoder) iface(v reflect.Value) error {
	if v.IsNil() {
		e.Uint(0)
		return nil
	}
	r, ok := v.Interface().(Ref)
	if !ok {
		return fmt.Errorf("resident: a %T is no value of this backend", v.Interface())
	}
	return e.ref(r)
}

func (e *Encoder) scalar(v reflect.Value) error {
	switch {
	case v.CanInt():
		e.Int(v.Int())
	case v.CanUint():
		e.Uint(v.Uint())
	case v.Kind() == reflect.Bool:
		e.Bool(v.Bool())
	case v.Kind() == reflect.Float32:
		e.buf = binary.LittleEndian.AppendUint32(e.buf, math.Float32bits(float32(v.Float())))
	case v.Kind() == reflect.Float64:
		e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(v.Float()))
	case v.Kind() == reflect.String:
		e.String(v.String())
	default:
		return fmt.Errorf("resident: cannot send a %s", v.Type())
	}
	return nil
}

// Clone returns a copy of the body that later writes do not touch.
func (e *Encoder) Clone() []byte { return slices.Clone(e.buf) }
