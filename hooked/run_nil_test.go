package hooked_test

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestNilReceivers calls every method of the package's handles on nil, as a cell does that ignored
// an error, and with zero arguments. Each must return an error, or panic with one that [hooked.Try]
// turns into an error: never a raw Go panic.
func TestNilReceivers(t *testing.T) {
	for _, nothing := range []any{(*hooked.Model)(nil), (*hooked.Encoder)(nil), (*hooked.EncoderDecoder)(nil), (*hooked.Tensor)(nil), (*hooked.Cache)(nil),
		(*hooked.KVCache)(nil), (*hooked.FactoredMatrix)(nil)} {
		v := reflect.ValueOf(nothing)
		for i := range v.NumMethod() {
			name := fmt.Sprintf("%T.%s", nothing, v.Type().Method(i).Name)
			t.Run(name, func(t *testing.T) { callWithZeros(t, v.Method(i), "nil") })
		}
	}
}

// TestZeroArguments calls every method of a tensor, a cache and a model with zero arguments: nil
// tensors, caches, options, empty names.
func TestZeroArguments(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	_, cache := hooked.Must2(m.RunWithCache([]int{1, 2, 3}))
	for _, something := range []any{m, cache, cache.Get("resid_post", 0), m.NewKVCache(1)} {
		v := reflect.ValueOf(something)
		for i := range v.NumMethod() {
			name := fmt.Sprintf("%T.%s", something, v.Type().Method(i).Name)
			t.Run(name, func(t *testing.T) { callWithZeros(t, v.Method(i), "") })
		}
	}
}

// callWithZeros calls a method with zero arguments, a nil for each variadic one. What says nil must
// say so.
func callWithZeros(t *testing.T, method reflect.Value, says string) {
	t.Helper()
	var in []reflect.Value
	for i := range method.Type().NumIn() {
		kind := method.Type().In(i)
		if method.Type().IsVariadic() && i == method.Type().NumIn()-1 {
			kind = kind.Elem()
		}
		in = append(in, reflect.Zero(kind))
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("a raw panic: %v", r)
		}
	}()
	var out []reflect.Value
	err := hooked.Try(func() { out = method.Call(in) })
	if n := len(out); err == nil && n > 0 {
		err, _ = out[n-1].Interface().(error)
	}
	if err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("the error does not say %q: %v", says, err)
	}
}

// namesLine reports whether an error names a line of this file, and does not call itself a bug.
func namesLine(err error) bool {
	return strings.Contains(err.Error(), "/run_nil_test.go:") && !strings.Contains(err.Error(), "this is a bug")
}

// TestNilOption names an option that is nil.
func TestNilOption(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	_, err := m.Run([]int{1}, hooked.LogitsAt(-1), nil)
	if err == nil || !strings.Contains(err.Error(), "option 1 is nil") {
		t.Errorf("error %v", err)
	}
}

// TestHooksThatPanic checks that whatever a function of the user's panics with is an error of the
// run that names the site.
func TestHooksThatPanic(t *testing.T) {
	m := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t))
	site := hooked.ResidPre.At(1)
	var empty []int
	for what, f := range map[string]func(){
		"a text":   func() { panic("boom") },
		"an error": func() { panic(fmt.Errorf("boom")) },
		"a number": func() { panic(7) },
		"a slip":   func() { _ = empty[3] },
		"a tensor": func() { _ = (*hooked.Tensor)(nil).Shape() },
	} {
		edit := func(x *graph.Node, _ hooked.Site) *graph.Node { f(); return x }
		observer := func(*hooked.Tensor, hooked.Site) { f() }
		_, _, _, ofGradient := m.LossWithGradients([]int{1, 2}, hooked.EditGrad(site, edit))
		_, ofEdit := m.Run([]int{1}, hooked.Edit(site, edit))
		_, ofObserver := m.Run([]int{1}, hooked.Observe(site, observer))
		_, ofWith := m.Run([]int{1}, hooked.Edit(site, hooked.With(func(x *graph.Node, _ hooked.Site, _ []*graph.Node) *graph.Node { f(); return x })))
		for where, err := range map[string]error{"edit": ofEdit, "gradient": ofGradient, "observer": ofObserver, "With": ofWith} {
			if err == nil || !strings.Contains(err.Error(), "blocks.1.hook_resid_pre") || !namesLine(err) {
				t.Errorf("%s in %s: %v", what, where, err)
			}
		}
		metric := hooked.NewMetric(nil, func(logits *graph.Node, _ []*graph.Node) *graph.Node { f(); return logits })
		_, _, _, ofMetric := m.RunWithGradients([]int{1, 2}, metric)
		_, ofSelector := m.Cache([]int{1}, hooked.Names(func(string) bool { f(); return true }))
		for where, err := range map[string]error{"the metric": ofMetric, "the selector's function": ofSelector} {
			if err == nil || !strings.Contains(err.Error(), where) || !namesLine(err) {
				t.Errorf("%s in %s: %v", what, where, err)
			}
		}
	}
	defer func() {
		if slip, ok := recover().(runtime.Error); !ok {
			t.Errorf("a slip of the program's own in Try became %v", slip)
		}
	}()
	defer hooked.Try(func() { hooked.Try(func() { _ = empty[3] }) })
	if _, err := m.Cache([]int{1}, hooked.Names((func(string) bool)(nil))); err == nil || !strings.Contains(err.Error(), "nil") {
		t.Errorf("a selector that is nil: %v", err)
	}
	for _, option := range []hooked.Option{hooked.Edit(site, (func(*graph.Node, hooked.Site) *graph.Node)(nil)),
		hooked.Edit(site, hooked.Intervention{}), hooked.Edit(site, hooked.With(nil)), hooked.Observe(site, nil)} {
		if _, err := m.Run([]int{1}, option); err == nil || !strings.Contains(err.Error(), "no function") {
			t.Errorf("no function: %v", err)
		}
	}
}
