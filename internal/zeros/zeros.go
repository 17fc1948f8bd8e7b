// Package zeros holds packages' edges against what a failed step leaves in a notebook's variables:
// nil and zero values. It is for tests.
package zeros

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// CallMethods calls every exported method of zero values, and of nil pointers to them, with zero
// arguments: each returns, or panics with an error of the package's own words.
func CallMethods(t *testing.T, zeros ...any) {
	t.Helper()
	for _, zero := range zeros {
		v := reflect.New(reflect.TypeOf(zero))
		callMethods(t, fmt.Sprintf("zero %T", zero), v)
		if hasPointerMethods(v.Type()) {
			callMethods(t, fmt.Sprintf("nil %T", zero), reflect.Zero(v.Type()))
		}
	}
}

// CallFunctions calls functions, given by their names, with zero arguments, as
// [CallMethods] does.
func CallFunctions(t *testing.T, functions map[string]any) {
	t.Helper()
	for name, f := range functions {
		callWithZeros(t, name, reflect.ValueOf(f))
	}
}

// hasPointerMethods reports whether a pointer type has methods that its element has not: of the
// others Go itself refuses a nil.
func hasPointerMethods(pointer reflect.Type) bool {
	return pointer.NumMethod() > pointer.Elem().NumMethod()
}

func callMethods(t *testing.T, what string, v reflect.Value) {
	t.Helper()
	for i := range v.NumMethod() {
		callWithZeros(t, what+"."+v.Type().Method(i).Name, v.Method(i))
	}
}

// callWithZeros calls a function, once with none and once with one zero for a
// variadic parameter.
func callWithZeros(t *testing.T, what string, f reflect.Value) {
	t.Helper()
	kind := f.Type()
	for _, variadic := range []int{0, 1} {
		var in []reflect.Value
		for i := range kind.NumIn() {
			switch {
			case !kind.IsVariadic() || i < kind.NumIn()-1:
				in = append(in, reflect.Zero(kind.In(i)))
			case variadic == 1:
				in = append(in, reflect.Zero(kind.In(i).Elem()))
			}
		}
		err, raw := edgeError(func() []reflect.Value { return f.Call(in) })
		if raw != nil {
			t.Errorf("%s: a raw panic: %v", what, raw)
		}
		NoBug(t, what, err)
	}
}

// NoBug complains about an error that says that it is a bug of ours.
func NoBug(t *testing.T, what string, err error) {
	t.Helper()
	if runtimeError := runtime.Error(nil); err != nil && (strings.Contains(err.Error(), "this is a bug") || errors.As(err, &runtimeError)) {
		t.Errorf("%s: %+v", what, err)
	}
}

// edgeError is the error that a call returns or panics with, or what else it panics with. Steps of
// what it returns as a sequence are taken.
func edgeError(call func() []reflect.Value) (err error, raw any) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(error)
			if runtimeError := runtime.Error(nil); !ok || errors.As(e, &runtimeError) {
				raw = r
				return
			}
			err = e
		}
	}()
	out := call()
	if n := len(out); n > 0 {
		if steps := out[n-1]; steps.Kind() == reflect.Func && steps.Type().CanSeq2() {
			for _, e := range steps.Seq2() {
				err, _ = e.Interface().(error)
			}
			return err, nil
		}
		err, _ = out[n-1].Interface().(error)
	}
	return err, nil
}
