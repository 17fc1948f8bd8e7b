package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// TestTable holds the generated table to the version of package compute that
// is linked: after an update, go generate ./resident is due.
func TestTable(t *testing.T) {
	if got := wire.Signature(); got != wire.TableHash {
		t.Errorf("the operations have the signature %s, the table was made for %s: run go generate ./resident", got, wire.TableHash)
	}
	methods := reflect.TypeFor[compute.Function]()
	for _, op := range wire.Operations() {
		if _, ok := methods.MethodByName(op.String()); !ok {
			t.Errorf("%s is no method of compute.Function", op)
		}
	}
}

// number is a reference of the test's own.
type number uint64

func (n number) Ref() uint64 { return uint64(n) }

// TestArguments sends an argument of every kind that operations take and reads
// it back by its type: what comes out must be equal, nil and empty told apart.
func TestArguments(t *testing.T) {
	var noValue compute.Value
	tests := []any{
		7, -1, true, float32(0.5), 1e-300, dtypes.BFloat16, compute.FFTInverse, compute.ReduceOpMax,
		[]int(nil), []int{}, []int{3, -4, 1 << 40}, [][2]int{{1, 2}, {3, 4}}, [][]int{{1}, nil, {}},
		shapes.Make(dtypes.Float32, 2, 3), shapes.Make(dtypes.Bool),
		shapes.MakeDynamic(dtypes.Int8, []int{-1, 5}, []string{"batch", ""}),
		compute.DotGeneralConfig{OutputDType: dtypes.Float64},
		compute.ConvolveAxesConfig{InputBatch: 1, KernelSpatial: []int{2}},
		[]compute.PadAxis{{Start: -1, End: 2, Interior: 3}},
		[]compute.Value{number(0), nil, number(300)},
		compute.DynamicDimensionSpec{Static: 3, Name: "n", Value: number(5)},
		&compute.Quantization{Scale: number(1), BlockSize: 32}, (*compute.Quantization)(nil),
		&compute.ScaledDotProductAttentionConfig{Mask: number(2), Scale: 0.125},
		[]*compute.ShardingSpec{nil, {Mesh: "m", Axes: [][]string{{"x"}, nil}}},
		[32]byte{1, 2, 3}, []byte{0, 255}, noValue,
	}
	for _, want := range tests {
		var e wire.Encoder
		if err := e.Arg(want); err != nil {
			t.Errorf("%#v: %v", want, err)
			continue
		}
		d := wire.NewDecoder(e.Body())
		d.Resolve = func(ref uint64, _ reflect.Type) (reflect.Value, error) { return reflect.ValueOf(number(ref)), nil }
		typ := reflect.TypeOf(want)
		if want == nil {
			typ = reflect.TypeFor[compute.Value]()
		}
		got, err := d.Arg(typ)
		if err != nil || d.Done() != nil || !reflect.DeepEqual(got.Interface(), want) {
			t.Errorf("%#v came out as %#v (%v, %v)", want, got, err, d.Done())
		}
	}
}

func TestMessages(t *testing.T) {
	info := wire.Info{Index: 3, Name: "go", Description: "d", Devices: []string{"a", "b"}, Capabilities: compute.Capabilities{
		Operations: map[compute.OpType]bool{compute.OpTypeAdd: true}, DTypes: map[dtypes.DType]bool{dtypes.Int8: true}, Functions: true}}
	state := wire.State{PID: 5, Uptime: 7, Backends: []string{"go:"}, Bytes: 1 << 50, MemoHits: 9, Compiled: 3, FromDisk: 4,
		Kept: []wire.Kept{{Key: "k", Arrays: 270, Bytes: 538e6}}}
	var e wire.Encoder
	info.Put(&e)
	state.Put(&e)
	wire.Hello{Version: "v", Client: "c"}.Put(&e)
	d := wire.NewDecoder(e.Body())
	gotInfo, gotState, gotHello := wire.ReadInfo(d), wire.ReadState(d), wire.ReadHello(d)
	if d.Done() != nil || !reflect.DeepEqual(gotInfo, info) || !reflect.DeepEqual(gotState, state) || gotHello.Client != "c" {
		t.Errorf("%+v %+v %+v (%v)", gotInfo, gotState, gotHello, d.Done())
	}
}

func TestErrorsCross(t *testing.T) {
	for _, want := range []error{compute.ErrNotImplemented, wire.ErrUnknownProgram, wire.ErrMalformed, wire.ErrOutOfMemory} {
		var e wire.Encoder
		e.PutError(fmt.Errorf("what to do: %w", want))
		if got := wire.NewDecoder(e.Body()).Status(); !errors.Is(got, want) {
			t.Errorf("%v came out as %v", want, got)
		}
	}
}

// pair returns the two ends of a connection.
func pair(t testing.TB) (a, b *wire.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	addr := &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"}
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialUnix("unix", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	a, b = wire.NewConn(c), wire.NewConn(s)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestFrames sends frames with sizes on both sides of each limit: of the first
// read and of what is passed as a memory file.
func TestFrames(t *testing.T) {
	a, b := pair(t)
	for _, body := range []int{0, 1, 65_000, 70_000, 1_000_000} {
		for _, data := range []int{0, 1, 64 << 10, 64<<10 + 1, 3_000_000} {
			want := wire.Frame{Kind: wire.KindUpload, Body: bytes.Repeat([]byte{1}, body), Data: wire.Data{Bytes: bytes.Repeat([]byte{2}, data)}}
			sent := make(chan error, 1)
			go func() { sent <- a.Send(want) }()
			got, err := b.Receive()
			if err != nil {
				t.Fatalf("body %d, data %d: %v", body, data, err)
			}
			content := make([]byte, got.Data.Len())
			if err := got.Data.ReadInto(content); err != nil {
				t.Error(err)
			}
			if err := <-sent; err != nil || got.Kind != want.Kind || !bytes.Equal(got.Body, want.Body) || !bytes.Equal(content, want.Data.Bytes) {
				t.Errorf("body %d, data %d: came out as %d and %d (%v)", body, data, len(got.Body), len(content), err)
			}
			if err := got.Data.View(func(b []byte) error { content = append([]byte(nil), b...); return nil }); err != nil || !bytes.Equal(content, want.Data.Bytes) {
				t.Errorf("data %d: the view differs (%v)", data, err)
			}
			got.Data.Close()
		}
	}
}

// FuzzReceive feeds a connection with bytes: whatever they are, a frame or an
// error comes out, and no memory is taken on the word of a length.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{'G', 'L', 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 7, 9})
	f.Add([]byte{'G', 'L', 1, 0, 255, 255, 255, 15, 255, 255, 255, 255, 255, 15, 0, 0})
	f.Add([]byte{'G', 'L', 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > 1<<16 {
			return
		}
		a, b := pair(t)
		if _, err := a.Unix().Write(message); err != nil {
			t.Fatal(err)
		}
		a.Close()
		frame, err := b.Receive()
		if err == nil && len(frame.Body)+int(frame.Data.Len())+16 != len(message) {
			t.Errorf("%d bytes gave a body of %d and data of %d", len(message), len(frame.Body), frame.Data.Len())
		}
	})
}

// FuzzDecoder reads bytes as every argument of every operation, and as every
// message. A shape that is accepted must be one that can exist.
func FuzzDecoder(f *testing.F) {
	var e wire.Encoder
	e.Shape(shapes.Make(dtypes.Float32, 2, 3))
	f.Add(e.Clone())
	wire.Info{Name: "go"}.Put(&e)
	f.Add(e.Clone())
	f.Add(bytes.Repeat([]byte{2}, 1000))
	methods := reflect.TypeFor[compute.Function]()
	f.Fuzz(func(t *testing.T, body []byte) {
		for i := range methods.NumMethod() {
			d := wire.NewDecoder(body)
			d.Resolve = func(uint64, reflect.Type) (reflect.Value, error) { return reflect.Value{}, errors.New("no references") }
			for j := range methods.Method(i).Type.NumIn() {
				d.Arg(methods.Method(i).Type.In(j))
			}
		}
		d := wire.NewDecoder(body)
		if s := d.Shape(); d.Err() == nil && (wire.CheckShape(s) != nil || !s.IsDynamic() && s.ByteSize() < 0) {
			t.Errorf("a shape that cannot be: %v", s)
		}
		wire.ReadInfo(wire.NewDecoder(body))
		wire.ReadState(wire.NewDecoder(body))
		wire.ReadHello(wire.NewDecoder(body))
	})
}
