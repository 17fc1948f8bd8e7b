package resident_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// attempt calls f and returns its error; a panic fails the test.
func attempt(t *testing.T, name string, f func() error) (err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panics: %v", name, p)
			err = fmt.Errorf("%v", p)
		}
	}()
	return f()
}

// Every operation with nothing for arguments, or with values beside that, is an error or
// a result, not a panic.
func TestNilArguments(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	methods := reflect.TypeFor[compute.Function]()
	for i := range methods.NumMethod() {
		for _, valued := range []bool{false, true} {
			main := b.Builder("nil").Main()
			x, err := main.Parameter("x", shapes.Make(dtypes.Float32, 2, 3), nil)
			if err != nil {
				t.Fatal(err)
			}
			call := reflect.ValueOf(main).MethodByName(methods.Method(i).Name)
			args := make([]reflect.Value, call.Type().NumIn())
			for j := range args {
				args[j] = reflect.Zero(call.Type().In(j))
				if valued && call.Type().In(j) == reflect.TypeFor[compute.Value]() {
					args[j] = reflect.ValueOf(x)
				}
			}
			attempt(t, fmt.Sprintf("%s (with values: %v)", methods.Method(i).Name, valued), func() error {
				if call.Type().IsVariadic() {
					call.CallSlice(args)
				} else {
					call.Call(args)
				}
				return nil
			})
		}
	}
}

// What has no values, is finalized or is of another kind, is refused by name.
func TestRefusedArguments(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	program := doubled(t, b, "x", 2)
	closed := upload(t, b, 2, 1)
	closed.Finalize()
	x := upload(t, b, 2, 1)
	execute := func(inputs ...compute.Buffer) func() error {
		return func() error { _, err := program.Execute(inputs, nil, 0); return err }
	}
	uploaded := func(flat any) func() error {
		return func() error {
			_, err := b.BufferFromFlatData(0, flat, shapes.Make(dtypes.Float32, 2))
			return err
		}
	}
	builder := b.Builder("refused")
	for _, test := range []struct {
		name string
		do   func() error
		want string
	}{
		{"running on nil", execute(nil), "buffer 0"},
		{"running on a typed nil", execute(reflect.Zero(reflect.TypeOf(x)).Interface().(compute.Buffer)), "buffer 0"},
		{"running on a closed buffer", execute(closed), "finalized"},
		{"reading a closed buffer", func() error { return closed.ToFlatData(make([]float32, 2)) }, "finalized"},
		{"copying a closed buffer", func() error { _, err := closed.CopyToDevice(0); return err }, "finalized"},
		{"keeping nil", func() error { return b.Keep("k", nil, []string{"x"}, []compute.Buffer{nil}) }, "buffer 0"},
		{"keeping a closed buffer", func() error { return b.Keep("k", nil, []string{"x"}, []compute.Buffer{closed}) }, "finalized"},
		{"reading into nil", func() error { return x.ToFlatData(nil) }, "8 bytes"},
		{"reading into a number", func() error { return x.ToFlatData(3) }, "a int"},
		{"reading into texts", func() error { return x.ToFlatData([]string{"a", "b"}) }, "[]string"},
		{"reading into another type", func() error { return x.ToFlatData([]int32{1, 2}) }, "[]int32"},
		{"reading into a pointer", func() error { return x.ToFlatData(&[]float32{1, 2}) }, "*[]float32"},
		{"an upload of nil", uploaded(nil), "0 bytes"},
		{"an upload of a number", uploaded(3), "a int"},
		{"an upload of texts", uploaded([]string{"a", "b"}), "[]string"},
		{"an upload of no shape", func() error { _, err := b.BufferFromFlatData(0, []float32{1}, shapes.Shape{}); return err }, "cannot upload"},
		{"an upload to no device", func() error {
			_, err := b.BufferFromFlatData(-1, []float32{1, 2}, shapes.Make(dtypes.Float32, 2))
			return err
		}, "device"},
		{"an upload of a negative size", func() error {
			_, err := b.BufferFromFlatData(0, []float32{1}, shapes.Shape{DType: dtypes.Float32, Dimensions: []int{-1}})
			return err
		}, "4 bytes given"},
		{"a constant of texts", func() error { _, err := builder.Main().Constant([]string{"a"}, 1); return err }, "[]string"},
		{"a constant of nil", func() error { _, err := builder.Main().Constant(nil); return err }, "a flat slice"},
		{"returning nil", func() error { return builder.Main().Return([]compute.Value{nil}, nil) }, ""},
		{"the shape of nil", func() error { _, err := builder.OpShape(nil); return err }, "no value"},
		{"no devices", func() error { return b.Builder("x").DistributedSPMD(-1) }, ""},
		{"no meshes", func() error { return b.Builder("x").DistributedAutoSharding() }, ""},
	} {
		if err := attempt(t, test.name, test.do); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want an error with %q", test.name, err, test.want)
		}
	}
	if got := b.DeviceDescription(-1); !strings.Contains(got, "no device") {
		t.Errorf("device -1 is %q", got)
	}
	b.Finalize()
	b.Finalize()
	for name, do := range map[string]func() error{
		"running":   execute(x),
		"reading":   func() error { return x.ToFlatData(make([]float32, 2)) },
		"uploading": uploaded([]float32{1, 2}),
		"keeping":   func() error { return b.Keep("k", nil, nil, nil) },
		"peeking":   func() error { _, _, err := b.Peek("k"); return err },
		"attaching": func() error { _, _, _, _, err := b.Attach("k"); return err },
	} {
		if err := attempt(t, name, do); err == nil || !strings.Contains(err.Error(), "finalized") {
			t.Errorf("%s on a finalized backend: %v", name, err)
		}
	}
	attempt(t, "finalizing a buffer of a finalized backend", x.Finalize)
}
