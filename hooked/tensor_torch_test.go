package hooked_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// tensorOp computes one of the values that testdata/tensors/make.py has had PyTorch compute.
type tensorOp func(in map[string]*hooked.Tensor) []*hooked.Tensor

// one is an operation of one tensor.
func one(name string, f func(t *hooked.Tensor) *hooked.Tensor) tensorOp {
	return func(in map[string]*hooked.Tensor) []*hooked.Tensor { return []*hooked.Tensor{f(in[name])} }
}

// two is an operation of two tensors.
func two(a, b string, f func(a, b *hooked.Tensor) *hooked.Tensor) tensorOp {
	return func(in map[string]*hooked.Tensor) []*hooked.Tensor { return []*hooked.Tensor{f(in[a], in[b])} }
}

// pair is an operation of one tensor that gives two.
func pair(name string, f func(t *hooked.Tensor) (a, b *hooked.Tensor)) tensorOp {
	return func(in map[string]*hooked.Tensor) []*hooked.Tensor {
		a, b := f(in[name])
		return []*hooked.Tensor{a, b}
	}
}

func made(f func() *hooked.Tensor) tensorOp {
	return func(map[string]*hooked.Tensor) []*hooked.Tensor { return []*hooked.Tensor{f()} }
}

type tensor = *hooked.Tensor

// The axes of the inputs: of a matrix row and col, of others by tensorAxes.
var tensorAxes = map[string]string{"v": "col", "large": "entry", "ties": "entry", "cube": "batch row col", "square": "batch query key", "index3": "batch row pick"}

var tensorOps = map[string]tensorOp{
	// Functions of each entry.
	"relu": one("x", tensor.ReLU), "relu holes": one("holes", tensor.ReLU), "relu ints": one("ints", tensor.ReLU),
	"tanh": one("x", tensor.Tanh), "sin": one("x", tensor.Sin), "cos": one("x", tensor.Cos), "exp": one("x", tensor.Exp),
	"sigmoid": one("x", tensor.Sigmoid), "gelu": one("x", tensor.GELU), "silu": one("x", tensor.SiLU),
	"gelu_new":  one("x", func(t tensor) tensor { return t.Activation(hooked.GELUNew) }),
	"log":       one("x", func(t tensor) tensor { return t.Abs().Log() }),
	"log holes": one("holes", tensor.Log), "sqrt holes": one("holes", tensor.Sqrt), "exp holes": one("holes", tensor.Exp),
	"tanh holes": one("holes", tensor.Tanh), "abs holes": one("holes", tensor.Abs), "sigmoid holes": one("holes", tensor.Sigmoid),
	"abs ints": one("ints", tensor.Abs), "neg ints": one("ints", tensor.Neg), "square": one("x", tensor.Square),
	"square ints": one("ints", tensor.Square), "sign holes": one("holes", tensor.Sign), "sign ints": one("ints", tensor.Sign),
	"floor": one("halves", tensor.Floor), "ceil": one("halves", tensor.Ceil), "sin ints": one("ints", tensor.Sin),
	"int": one("halves", tensor.Int), "float truth": one("truth", tensor.Float),
	"pow 2": one("x", func(t tensor) tensor { return t.Pow(2) }), "pow 3": one("x", func(t tensor) tensor { return t.Pow(3) }),
	"pow 0.5": one("x", func(t tensor) tensor { return t.Pow(0.5) }), "pow -1": one("x", func(t tensor) tensor { return t.Pow(-1) }),
	"pow tensor":  two("x", "v", func(a, b tensor) tensor { return a.Abs().Pow(b) }),
	"pow holes":   one("holes", func(t tensor) tensor { return t.Pow(2) }),
	"maximum":     two("holes", "other", func(a, b tensor) tensor { return a.Maximum(b) }),
	"minimum":     two("holes", "other", func(a, b tensor) tensor { return a.Minimum(b) }),
	"maximum 0.5": one("holes", func(t tensor) tensor { return t.Maximum(0.5) }),
	"clamp":       one("x", func(t tensor) tensor { return t.Clamp(-1, 0.5) }),
	"clamp holes": one("holes", func(t tensor) tensor { return t.Clamp(-1, 2) }),
	"clamp low":   one("x", func(t tensor) tensor { return t.Clamp(-0.25, math.Inf(1)) }),
	"clamp ints":  one("ints", func(t tensor) tensor { return t.Clamp(-2, 3) }),

	// Arithmetic of types.
	"ints plus floats": two("ints", "x", func(a, b tensor) tensor { return a.At(hooked.All, first(3)).Add(b.At(first(2), first(3))) }),
	"ints div":         one("ints", func(t tensor) tensor { return t.Div(t.At(hooked.All, []int{3, 2, 1, 0})) }),
	"ints scale 2":     one("ints", func(t tensor) tensor { return t.Scale(2) }),
	"ints scale 0.5":   one("ints", func(t tensor) tensor { return t.Scale(0.5) }),
	"ints shift":       one("ints", func(t tensor) tensor { return t.Shift(1) }),
	"truth plus ints":  two("truth", "ints", func(a, b tensor) tensor { return a.Add(b.At(hooked.All, first(3))) }),
	"truth plus truth": one("truth", func(t tensor) tensor { return t.Add(t) }),
	"last axis":        two("x", "v", func(a, b tensor) tensor { return a.Add(b.Named("other")) }),
	"last axes":        two("cube", "x", func(a, b tensor) tensor { return b.At(hooked.All, first(4)).Named("i j").Mul(a) }),
	"broadcast":        two("x", "y", func(a, b tensor) tensor { return a.At(hooked.All, first(1)).Mul(b.At(first(1))) }),

	// Comparisons.
	"gt": two("x", "y", func(a, b tensor) tensor { return a.Gt(b) }), "ge": one("ints", func(t tensor) tensor { return t.Ge(1) }),
	"lt": two("holes", "other", func(a, b tensor) tensor { return a.Lt(b) }), "le": two("holes", "other", func(a, b tensor) tensor { return a.Le(b) }),
	"eq": two("holes", "other", func(a, b tensor) tensor { return a.Eq(b) }), "ne": two("holes", "other", func(a, b tensor) tensor { return a.Ne(b) }),
	"ne ints": one("ints", func(t tensor) tensor { return t.Ne(4) }), "isnan": one("holes", tensor.IsNaN),
	"and": two("x", "y", func(a, b tensor) tensor { return a.Gt(0).And(b.Gt(0)) }), "or": two("x", "y", func(a, b tensor) tensor { return a.Gt(0).Or(b.Gt(0)) }),
	"not": one("x", func(t tensor) tensor { return t.Gt(0).Not() }), "gt half": one("ints", func(t tensor) tensor { return t.Gt(0.5) }),
	"where":         two("x", "y", func(a, b tensor) tensor { return a.Gt(b).Where(a, b) }),
	"where numbers": one("x", func(t tensor) tensor { return t.Gt(0).Where(1, -1) }),
	"where holes":   one("holes", func(t tensor) tensor { return t.IsNaN().Where(0, t) }),
	"where ints":    one("ints", func(t tensor) tensor { return t.Gt(0).Where(t, t.Neg()) }),
	"masked_fill":   one("x", func(t tensor) tensor { return t.MaskedFill(t.Lt(0), -1e5) }),
	"any":           one("truth", func(t tensor) tensor { return t.Any() }), "any row": one("truth", func(t tensor) tensor { return t.Any("col") }),
	"all row": one("truth", func(t tensor) tensor { return t.All("col") }), "all ints": one("ints", func(t tensor) tensor { return t.All() }),

	// Reductions.
	"sum": one("x", func(t tensor) tensor { return t.Sum() }), "sum row": one("x", func(t tensor) tensor { return t.Sum("col") }),
	"sum ints": one("ints", func(t tensor) tensor { return t.Sum("row") }), "sum large": one("large", func(t tensor) tensor { return t.Sum() }),
	"sum truth": one("truth", func(t tensor) tensor { return t.Sum("col") }), "mean": one("x", func(t tensor) tensor { return t.Mean("row") }),
	"mean truth": one("truth", func(t tensor) tensor { return t.Mean() }), "max": one("x", func(t tensor) tensor { return t.Max("col") }),
	"min": one("cube", func(t tensor) tensor { return t.Min("batch", "col") }), "max holes": one("holes", func(t tensor) tensor { return t.Max("col") }),
	"min holes": one("holes", func(t tensor) tensor { return t.Min("row") }), "max ints": one("ints", func(t tensor) tensor { return t.Max() }),
	"var": one("x", func(t tensor) tensor { return t.Var() }), "var row": one("x", func(t tensor) tensor { return t.Var("col") }),
	"std row":    one("x", func(t tensor) tensor { return t.Std("col") }),
	"var biased": one("x", func(t tensor) tensor { return t.VarCorrected(0, "col") }),
	"std biased": one("x", func(t tensor) tensor { return t.StdCorrected(0, "row") }),
	"std axes":   one("cube", func(t tensor) tensor { return t.Std("batch", "col") }),
	"var single": one("x", func(t tensor) tensor { return t.At(hooked.All, first(1)).Var("col") }), "var ints": one("ints", func(t tensor) tensor { return t.Var() }),
	"norm": one("x", func(t tensor) tensor { return t.Norm() }), "norm row": one("x", func(t tensor) tensor { return t.Norm("col") }),
	"norm ints": one("ints", func(t tensor) tensor { return t.Norm("col") }),
	"argmax":    one("x", func(t tensor) tensor { return t.ArgMax("col") }), "argmin": one("x", func(t tensor) tensor { return t.ArgMin("row") }),
	"argmax holes": one("holes", func(t tensor) tensor { return t.ArgMax("col") }), "argmin holes": one("holes", func(t tensor) tensor { return t.ArgMin("col") }),
	"argmax ints": one("ints", func(t tensor) tensor { return t.ArgMax("col") }), "argmax ties": one("ties", func(t tensor) tensor { return t.ArgMax("entry") }),
	"softmax ints": one("ints", func(t tensor) tensor { return t.Softmax("col") }),

	// Order.
	"sort": pair("x", func(t tensor) (a, b tensor) { return t.Sort("col") }), "sort first": pair("x", func(t tensor) (a, b tensor) { return t.Sort("row") }),
	"sort descending":       pair("x", func(t tensor) (a, b tensor) { return t.Sort("col", hooked.Descending) }),
	"sort holes":            pair("holes", func(t tensor) (a, b tensor) { return t.Sort("col") }),
	"sort holes descending": pair("holes", func(t tensor) (a, b tensor) { return t.Sort("col", hooked.Descending) }),
	"sort ties":             pair("ties", func(t tensor) (a, b tensor) { return t.Sort("entry", hooked.Ascending) }),
	"sort ties descending":  pair("ties", func(t tensor) (a, b tensor) { return t.Sort("entry", hooked.Descending) }),
	"sort ints":             pair("ints", func(t tensor) (a, b tensor) { return t.Sort("col") }),
	"sort middle":           pair("cube", func(t tensor) (a, b tensor) { return t.Sort("row") }),
	"argsort":               one("x", func(t tensor) tensor { return t.ArgSort("col") }),
	"topk holes":            pair("holes", func(t tensor) (a, b tensor) { return t.At(1).TopK(2, "col") }),
	"topk ints":             pair("ints", func(t tensor) (a, b tensor) { return t.TopK(3, "col") }),
	"topk nan":              one("holes", func(t tensor) tensor { values, _ := t.TopK(1, "col"); return values }),
	"cumsum":                one("x", func(t tensor) tensor { return t.CumSum("col") }), "cumsum first": one("cube", func(t tensor) tensor { return t.CumSum("batch") }),
	"cumsum ints": one("ints", func(t tensor) tensor { return t.CumSum("col") }), "cumsum large": one("large", func(t tensor) tensor { return t.CumSum("entry") }),
	"cumsum truth": one("truth", func(t tensor) tensor { return t.CumSum("col") }), "cumsum holes": one("holes", func(t tensor) tensor { return t.CumSum("col") }),

	// Matrices.
	"tril": one("square", func(t tensor) tensor { return t.Tril() }), "tril -1": one("square", func(t tensor) tensor { return t.Tril(-1) }),
	"triu": one("square", func(t tensor) tensor { return t.Triu() }), "triu 2": one("square", func(t tensor) tensor { return t.Triu(2) }),
	"tril wide": one("x", func(t tensor) tensor { return t.Tril(1) }), "triu wide": one("x", func(t tensor) tensor { return t.Triu(-1) }),
	"tril holes": one("holes", func(t tensor) tensor { return t.Tril() }), "tril truth": one("square", func(t tensor) tensor { return t.Gt(0).Tril() }),
	"tril ints": one("ints", func(t tensor) tensor { return t.Tril() }),
	"diagonal":  one("square", func(t tensor) tensor { return t.Diagonal(0) }), "diagonal -1": one("square", func(t tensor) tensor { return t.Diagonal(-1) }),
	"diagonal 3": one("square", func(t tensor) tensor { return t.Diagonal(3) }), "diagonal wide": one("x", func(t tensor) tensor { return t.Diagonal(1) }),
	"diagonal low": one("x", func(t tensor) tensor { return t.Diagonal(-2) }), "diagonal ints": one("ints", func(t tensor) tensor { return t.Diagonal(0) }),
	"causal": made(func() tensor { return hooked.NewCausalMask(4) }), "eye": made(func() tensor { return hooked.NewEye("i j", 3) }),
	"einsum diagonal":      one("square", func(t tensor) tensor { return t.Einsum("b i i -> b i") }),
	"einsum trace":         one("square", func(t tensor) tensor { return t.Einsum("b i i -> b") }),
	"einsum trace all":     one("square", func(t tensor) tensor { return t.Einsum("b i i ->") }),
	"einsum diagonal pair": one("square", func(t tensor) tensor { return t.Einsum("b i i, b i j -> b j", t) }),
	"einsum outside":       one("square", func(t tensor) tensor { return t.Rearrange("a b c -> b a c").Einsum("i b i -> b i") }),
	"einsum ints":          one("ints", func(t tensor) tensor { return t.Einsum("i j, k j -> i k", t) }),
	"einsum mixed":         two("ints", "x", func(a, b tensor) tensor { return a.Einsum("i j, j -> i", b.At(0, first(4))) }),

	// Gather and concatenation.
	"gather": two("x", "index", func(a, b tensor) tensor { return a.Gather(b) }), "gather 3": two("cube", "index3", func(a, b tensor) tensor { return a.Gather(b) }),
	"gather first":  two("x", "rowindex", func(a, b tensor) tensor { return a.Gather(b, "row") }),
	"gather middle": two("cube", "index3", func(a, b tensor) tensor { return a.Gather(modulo3(b), "row") }),
	"gather ints":   one("ints", func(t tensor) tensor { return t.Gather(hooked.Tokens{{3}, {0}}) }), "gather one": one("x", func(t tensor) tensor { return t.Gather([]int{4, 0, 2}) }),
	"concat": two("x", "y", func(a, b tensor) tensor { return hooked.ConcatTensors("row", a, b) }),
	"concat last": func(in map[string]tensor) []tensor {
		return []tensor{hooked.ConcatTensors("col", in["x"], in["v"].Repeat("d -> d 3").Named("col row"), in["y"].At(hooked.All, first(2)))}
	},
	"concat types": two("ints", "x", func(a, b tensor) tensor { return hooked.ConcatTensors("row", a, b.At(first(2), first(4))) }),
	"stack types":  two("ints", "x", func(a, b tensor) tensor { return hooked.StackTensors("which", a, b.At(first(2), first(4))) }),

	// Made from nothing.
	"arange": made(func() tensor { return hooked.NewArange("i", 5) }), "arange from": made(func() tensor { return hooked.NewArange("i", 2, 7) }),
	"arange step": made(func() tensor { return hooked.NewArange("i", 1, 10, 4) }), "arange back": made(func() tensor { return hooked.NewArange("i", 5, -2, -3) }),
	"linspace": made(func() tensor { return hooked.NewLinspace("i", -1, 2, 7) }), "linspace one": made(func() tensor { return hooked.NewLinspace("i", 3, 4, 1) }),
	"full": made(func() tensor { return hooked.NewFull(0.25, "i j", 2, 3) }), "ones": made(func() tensor { return hooked.NewOnes("i j", 2, 2) }),
	"zeros": made(func() tensor { return hooked.NewZeros("i j", 1, 2) }),

	// Patterns.
	"split":      one("cube", func(t tensor) tensor { return t.Rearrange("a (b c) d -> a b c d", hooked.Sizes{"c": 1}) }),
	"split head": one("x", func(t tensor) tensor { return t.Rearrange("a (h d) -> h a d", hooked.Sizes{"h": 5}) }),
	"merge":      one("cube", func(t tensor) tensor { return t.Rearrange("a b c -> (a b) c") }), "merge back": one("cube", func(t tensor) tensor { return t.Rearrange("a b c -> c (b a)") }),
	"move": one("cube", func(t tensor) tensor { return t.Rearrange("a b c -> c a b") }), "ones axes": one("x", func(t tensor) tensor { return t.Rearrange("a b -> a 1 b ()") }),
	"drop ones": one("x", func(t tensor) tensor { return t.Rearrange("a b -> a 1 b").Rearrange("a 1 b -> b a") }), "dots": one("cube", func(t tensor) tensor { return t.Rearrange("... c -> c ...") }),
	"dots merged": one("cube", func(t tensor) tensor { return t.Rearrange("a ... -> (... a)") }),
	"both":        one("cube", func(t tensor) tensor { return t.Rearrange("a b (c d) -> (a c) (d b)", hooked.Sizes{"d": 2}) }),
	"move ints":   one("ints", func(t tensor) tensor { return t.Rearrange("a b -> b a") }),
	"repeat":      one("x", func(t tensor) tensor { return t.Repeat("a b -> a n b", hooked.Sizes{"n": 2}) }), "repeat merged": one("x", func(t tensor) tensor { return t.Repeat("a b -> (a 2) b") }),
	"repeat first": one("v", func(t tensor) tensor { return t.Repeat("d -> 3 d") }), "repeat interleaved": one("v", func(t tensor) tensor { return t.Repeat("d -> (n d)", hooked.Sizes{"n": 2}) }),
	"repeat truth":  one("truth", func(t tensor) tensor { return t.Repeat("a b -> b (a n)", hooked.Sizes{"n": 2}) }),
	"reduce":        one("cube", func(t tensor) tensor { return t.Reduce("a b c -> b", "sum") }),
	"reduce blocks": one("cube", func(t tensor) tensor { return t.Reduce("a b (c n) -> a c b", "mean", hooked.Sizes{"n": 2}) }),
	"reduce all":    one("cube", func(t tensor) tensor { return t.Reduce("a b c ->", "max") }), "reduce ones": one("cube", func(t tensor) tensor { return t.Reduce("a b c -> a 1 c", "min") }),
}

func first(n int) hooked.Range { return hooked.Range{To: n} }

// modulo3 is t modulo 3, by whole numbers.
func modulo3(t tensor) tensor { return t.Sub(t.Div(hooked.NewFull(3, "")).Floor().Int().Scale(3)) }

// torchValue is a value as make.py writes it: NaN and infinities are texts.
type torchValue struct {
	Shape  []int
	Kind   string
	Values []any
}

func (v torchValue) floats() []float32 {
	out := make([]float32, len(v.Values))
	special := map[any]float64{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1)}
	for i, x := range v.Values {
		if number, ok := x.(float64); ok {
			out[i] = float32(number)
		} else {
			out[i] = float32(special[x])
		}
	}
	return out
}

func (v torchValue) ints() []int {
	out := make([]int, len(v.Values))
	for i, x := range v.Values {
		out[i] = int(x.(float64))
	}
	return out
}

// tensor is v with the first of its names that fit.
func (v torchValue) tensor(t *testing.T, m *hooked.Model, name string) *hooked.Tensor {
	axes := tensorAxes[name]
	if axes == "" {
		axes = "row col"
	}
	shape := v.Shape
	out, err := m.NewTensor(&hooked.Array{Shape: shape, Data: v.floats()}, axes)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	switch v.Kind {
	case "int32":
		return hooked.Must(m.NewTensor(v.ints(), "entry")).Rearrange("("+axes+") -> "+axes, sizesOf(axes, shape))
	case "bool":
		return out.Ne(0)
	}
	return out
}

func sizesOf(axes string, shape []int) hooked.Sizes {
	sizes := make(hooked.Sizes)
	for i, name := range strings.Fields(axes) {
		sizes[name] = shape[i]
	}
	return sizes
}

// check compares a tensor with v: PyTorch's 64-bit indices may be 32-bit ones here.
func (v torchValue) check(t *testing.T, name string, got *hooked.Tensor) {
	t.Helper()
	if kind := got.DType(); kind != v.Kind && (kind != "int32" || v.Kind != "int64") {
		t.Errorf("%s: type %s, want %s", name, kind, v.Kind)
	}
	if !slices.Equal(got.Shape(), v.Shape) {
		t.Errorf("%s: shape %v, want %v", name, got.Shape(), v.Shape)
		return
	}
	if v.Kind != "float32" {
		if !slices.Equal(got.Ints(), v.ints()) {
			t.Errorf("%s: %v, want %v", name, got.Ints(), v.ints())
		}
		return
	}
	want := v.floats()
	for i, x := range got.Float32s() {
		w := want[i]
		same := x == w || x != x && w != w || math.Abs(float64(x-w)) <= 1e-6+1e-5*math.Abs(float64(w))
		if !same {
			t.Errorf("%s: entry %d is %v, PyTorch's %v", name, i, x, w)
			return
		}
	}
}

// dependsOnBackend are the cases that run on XLA whenever it is tested: NaN, whole numbers, truth
// values, and what no other test runs there.
var dependsOnBackend = regexp.MustCompile("holes|ints|truth|large|mixed|types|gather|diagonal|tril|rearrange|both|dots|std|pow|gelu")

// TestTensorsAgainstPyTorch compares every operation with what PyTorch and einops give.
func TestTensorsAgainstPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/tensors/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var fixture struct {
		Inputs map[string]torchValue
		Want   map[string][]torchValue
	}
	if err := json.Unmarshal(text, &fixture); err != nil {
		t.Fatal(err)
	}
	for name := range tensorOps {
		if fixture.Want[name] == nil {
			t.Errorf("%q is computed, and make.py does not know it", name)
		}
	}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		in := make(map[string]*hooked.Tensor)
		for name, v := range fixture.Inputs {
			in[name] = v.tensor(t, m, name)
		}
		for _, name := range slices.Sorted(maps.Keys(fixture.Want)) {
			compute := tensorOps[name]
			if compute == nil {
				t.Errorf("%q is not computed", name)
				continue
			}
			if !dependsOnBackend.MatchString(name) && golden.LeftOut(be, name) {
				continue
			}
			var out []*hooked.Tensor
			if err := hooked.Try(func() { out = compute(in) }); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for i, want := range fixture.Want[name] {
				want.check(t, name, out[i])
			}
		}
	})
}
