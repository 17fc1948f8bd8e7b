package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// ErrMalformed is wrapped by every error about a message that does not follow
// the format. Whoever sent it is not one of ours: the connection is closed.
var ErrMalformed = errors.New("malformed message")

// maxDepth bounds nesting (a tuple shape holds shapes): without it a short
// message could recurse until the stack is gone.
const maxDepth = 16

// A Decoder reads the fields of a body in the order in which they were written.
// Its first error stays: later reads return zeros, so that callers read all
// fields and ask for [Decoder.Err] once.
type Decoder struct {
	buf []byte
	err error
	// Resolve turns a reference into the worker's value or function; t is the
	// static type that is wanted. It is needed only by [Decoder.Arg].
	Resolve func(ref uint64, t reflect.Type) (reflect.Value, error)
}

// NewDecoder reads body.
func NewDecoder(body []byte) *Decoder { return &Decoder{buf: body} }

// Err returns the first error met, or nil.
func (d *Decoder) Err() error { return d.err }

// Done returns the first error met, or an error if bytes are left over.
func (d *Decoder) Done() error {
	if d.err == nil && len(d.buf) > 0 {
		d.fail("%d bytes too many", len(d.buf))
	}
	return d.err
}

// More reports whether bytes are left and nothing has failed.
func (d *Decoder) More() bool { return d.err == nil && len(d.buf) > 0 }

// Left returns the number of bytes not read yet.
func (d *Decoder) Left() int { return len(d.buf) }

func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("resident: %w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	d.buf = nil
}

// Uint reads an unsigned varint.
func (d *Decoder) Uint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.fail("a number is cut off")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

// Int reads a zigzag varint.
func (d *Decoder) Int() int64 {
	v, n := binary.Varint(d.buf)
	if n <= 0 {
		d.fail("a number is cut off")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

// Bool reads one byte.
func (d *Decoder) Bool() bool {
	b := d.Raw(1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		d.fail("a boolean is %d", b[0])
	}
	return b[0] == 1
}

// Raw reads n bytes; they share the body's memory. It returns nil if they are
// not there.
func (d *Decoder) Raw(n int) []byte {
	if n < 0 || n > len(d.buf) {
		d.fail("%d bytes wanted, %d left", n, len(d.buf))
		return nil
	}
	b := d.buf[:n:n]
	d.buf = d.buf[n:]
	return b
}

// Count reads a number of things that each take at least one byte.
func (d *Decoder) Count() int { return d.bounded(d.Uint()) }

func (d *Decoder) bounded(n uint64) int {
	if n > uint64(len(d.buf)) {
		d.fail("a count of %d with %d bytes left", n, len(d.buf))
		return 0
	}
	return int(n)
}

// Bytes reads a length and the bytes; they share the body's memory.
func (d *Decoder) Bytes() []byte { return d.Raw(d.Count()) }

// String reads a length and the bytes of a string.
func (d *Decoder) String() string { return string(d.Bytes()) }

// Strings reads a count and each string.
func (d *Decoder) Strings() []string { return list(d, d.String) }

// Uints reads a count and each number.
func (d *Decoder) Uints() []uint64 { return list(d, d.Uint) }

// Shapes reads a count and each shape.
func (d *Decoder) Shapes() []shapes.Shape { return list(d, d.Shape) }

func list[T any](d *Decoder, read func() T) []T {
	n := d.Count()
	out := make([]T, 0, min(n, 1024)) // grown as the bytes turn out to be there
	for range n {
		if d.err != nil {
			return nil
		}
		out = append(out, read())
	}
	return out
}

// Shape reads a shape and checks that it can exist: a known dtype, no negative
// dimension but the dynamic one, and a size in bytes that does not overflow.
func (d *Decoder) Shape() shapes.Shape {
	var s shapes.Shape
	d.into(reflect.ValueOf(&s).Elem(), 0)
	if d.err != nil {
		return shapes.Shape{}
	}
	if err := CheckShape(s); err != nil {
		d.fail("%v", err)
		return shapes.Shape{}
	}
	return s
}

// usable holds the dtypes that arrays can have. GoMLX lists more, of which it
// knows no Go type, and panics when asked for it.
var usable = sync.OnceValue(func() map[dtypes.DType]bool {
	known := map[dtypes.DType]bool{}
	for _, t := range dtypes.DTypeValues() {
		known[t] = hasGoType(t)
	}
	return known
})

func hasGoType(t dtypes.DType) (ok bool) {
	defer func() { ok = recover() == nil }()
	t.GoType()
	return true
}

// maxBytes bounds the size that a shape may claim: 2^44 bytes, 16 TiB.
const maxBytes = 1 << 44

// CheckShape tells why s cannot be the shape of an array, or nil.
func CheckShape(s shapes.Shape) error {
	if !usable()[s.DType] || len(s.TupleShapes) > 0 {
		return fmt.Errorf("a shape of dtype %d, which no array has", s.DType)
	}
	if len(s.AxisNames) > 0 && len(s.AxisNames) != len(s.Dimensions) {
		return fmt.Errorf("a shape with %d dimensions and %d axis names", len(s.Dimensions), len(s.AxisNames))
	}
	size := 16 // no dtype is wider
	for _, dim := range s.Dimensions {
		if dim < shapes.DynamicDim {
			return fmt.Errorf("a dimension of %d", dim)
		}
		if dim > 0 && size > maxBytes/dim {
			return fmt.Errorf("a shape of dimensions %v is too large", s.Dimensions)
		}
		size *= max(dim, 1)
	}
	return nil
}

// Arg reads an argument whose static type is t, as [Encoder.Arg] wrote it.
func (d *Decoder) Arg(t reflect.Type) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	d.into(v, 0)
	return v, d.err
}

func (d *Decoder) into(v reflect.Value, depth int) {
	if depth > maxDepth {
		d.fail("nested too deeply")
	}
	if d.err != nil {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		d.iface(v)
	case reflect.Pointer:
		if d.Bool() {
			v.Set(reflect.New(v.Type().Elem()))
			d.into(v.Elem(), depth+1)
		}
	case reflect.Slice:
		d.slice(v, depth)
	case reflect.Array:
		for i := range v.Len() {
			d.into(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			d.into(v.Field(i), depth+1)
		}
	default:
		d.scalar(v)
	}
}

func (d *Decoder) slice(v reflect.Value, depth int) {
	length := d.Uint()
	if length == 0 || d.err != nil {
		return // nil
	}
	n := d.bounded(length - 1)
	v.Set(reflect.MakeSlice(v.Type(), 0, min(n, 1024)))
	for range n {
		if d.err != nil {
			return
		}
		x := reflect.New(v.Type().Elem()).Elem()
		d.into(x, depth+1)
		v.Set(reflect.Append(v, x))
	}
}

func (d *Decoder) iface(v reflect.Value) {
	ref := d.Uint()
	if ref == 0 || d.err != nil {
		return // nil
	}
	if d.Resolve == nil {
		d.fail("a reference where none can be")
		return
	}
	x, err := d.Resolve(ref-1, v.Type())
	if err != nil {
		d.fail("%v", err)
		return
	}
	v.Set(x)
}

func (d *Decoder) scalar(v reflect.Value) {
	switch {
	case v.CanInt():
		n := d.Int()
		if v.OverflowInt(n) {
			d.fail("%d does not fit a %s", n, v.Type())
			return
		}
		v.SetInt(n)
	case v.CanUint():
		n := d.Uint()
		if v.OverflowUint(n) {
			d.fail("%d does not fit a %s", n, v.Type())
			return
		}
		v.SetUint(n)
	case v.Kind() == reflect.Bool:
		v.SetBool(d.Bool())
	case v.Kind() == reflect.Float32:
		if b := d.Raw(4); b != nil {
			v.SetFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		}
	case v.Kind() == reflect.Float64:
		if b := d.Raw(8); b != nil {
			v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case v.Kind() == reflect.String:
		v.SetString(d.String())
	default:
		d.fail("no value of type %s can be read", v.Type())
	}
}
