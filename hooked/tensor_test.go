package hooked_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// tiny is a random model of two layers, for what needs some model and no particular one.
var tiny = hooked.Config{NLayers: 2, DModel: 8, NCtx: 16, DHead: 4, NHeads: 2, DVocab: 11, ActFn: hooked.GELU, Normalization: hooked.LN, Seed: 1}

func newTiny(t testing.TB, cfg hooked.Config, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.New(cfg, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// exact is the tolerance of float32 sums of a few terms.
var exact = golden.Tolerance{Abs: 1e-5, Rel: 1e-5}

// TestTensorAgainstLoops checks the eager helpers against the same arithmetic written as loops on
// the host.
func TestTensorAgainstLoops(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		wU := hooked.Must(m.WU()) // [d_model=8, d_vocab=11]
		u := wU.Float32s()
		at := func(d, v int) float64 { return float64(u[d*11+v]) }

		check := func(name string, got *hooked.Tensor, shape []int, want func(i, j int) float64) {
			t.Helper()
			if !slices.Equal(got.Shape(), shape) {
				t.Fatalf("%s: shape %v, want %v", name, got.Shape(), shape)
			}
			var flat []float32
			for i := range shape[0] {
				for j := range shape[1] {
					flat = append(flat, float32(want(i, j)))
				}
			}
			golden.Close(t, name, got.Float32s(), flat, exact)
		}
		check("range", wU.At(hooked.Range{From: 2, To: -1}), []int{5, 11}, func(i, j int) float64 { return at(i+2, j) })
		check("list", wU.At(hooked.All, []int{3, -1}), []int{8, 2}, func(i, j int) float64 { return at(i, []int{3, 10}[j]) })
		check("sub", wU.Sub(wU.At(hooked.All, 4)), []int{8, 11}, func(i, j int) float64 { return at(i, j) - at(i, 4) })
		check("scale", wU.Scale(3).Shift(1), []int{8, 11}, func(i, j int) float64 { return 3*at(i, j) + 1 })
		check("product", wU.Einsum("d a, d b -> a b", wU), []int{11, 11}, func(i, j int) (sum float64) {
			for d := range 8 {
				sum += at(d, i) * at(d, j)
			}
			return sum
		})
		check("three operands", wU.Einsum("d a, e a, e b -> b d", wU, wU), []int{11, 8}, func(b, d int) (sum float64) {
			for e := range 8 {
				for a := range 11 {
					sum += at(d, a) * at(e, a) * at(e, b)
				}
			}
			return sum
		})
		check("sum", wU.Einsum("d a, d b -> a", wU).Named("x").At(hooked.All).Einsum("x, x -> x", wU.At(0)).Einsum("x, y -> x y", wU.At(0, hooked.Range{To: 1})),
			[]int{11, 1}, func(a, _ int) (sum float64) {
				for d := range 8 {
					for b := range 11 {
						sum += at(d, a) * at(d, b)
					}
				}
				return sum * at(0, a) * at(0, 0)
			})
		check("softmax", wU.Softmax("d_vocab"), []int{8, 11}, func(i, j int) float64 {
			sum := 0.0
			for k := range 11 {
				sum += math.Exp(at(i, k))
			}
			return math.Exp(at(i, j)) / sum
		})
		check("gather", wU.Gather(hooked.Tokens{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {0, 1}, {2, 3}, {4, 5}}), []int{8, 2},
			func(i, j int) float64 { return at(i, (2*i+1+j)%11) })
	})
}

func TestReductions(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		wU := hooked.Must(newTiny(t, tiny, be).WU())
		all := wU.Float32s()
		sum, most := 0.0, math.Inf(-1)
		for _, v := range all {
			sum += float64(v)
			most = math.Max(most, float64(v))
		}
		golden.Close(t, "sum", []float32{wU.Sum().Item()}, []float32{float32(sum)}, exact)
		golden.Close(t, "mean", []float32{wU.Mean("d_model").Mean().Item()}, []float32{float32(sum / 88)}, exact)
		golden.Close(t, "max", []float32{wU.Max().Item()}, []float32{float32(most)}, exact)
		values, where := wU.TopK(3, "d_vocab")
		if first := wU.ArgMax("d_vocab").Ints(); first[0] != where.Ints()[0] || values.At(0, 0).Item() != all[first[0]] {
			t.Errorf("TopK and ArgMax disagree: %v, %v", where.Ints()[:3], first[0])
		}
	})
}

// TestTensorMistakes checks that a mistake in a cell is told in words.
func TestTensorMistakes(t *testing.T) {
	m := newTiny(t, tiny, nil)
	wU := hooked.Must(m.WU())
	for want, f := range map[string]func(){
		"index 8 out of range: axis \"d_model\" has 8 entries": func() { wU.At(8) },
		"no axis \"vocab\": this tensor has [d_model d_vocab]": func() { wU.Mean("vocab") },
		"it has 88 values": func() { wU.Item() },
		"has no arrow":     func() { wU.Einsum("a b") },
		"axis \"b\" has 11 entries in one operand and 8":      func() { wU.Einsum("a b, b a ->", wU) },
		"index 1.5 of type float64":                           func() { wU.At(1.5) },
		"range 5 to 3 is empty":                               func() { wU.At(hooked.Range{From: 5, To: 3}) },
		"no operand has the axis \"c\"":                       func() { wU.Einsum("a b -> c") },
		"a tensor with axes [d_vocab x] does not fit one":     func() { wU.Add(wU.At([]int{0}).Named("d_vocab x")) },
		"axis \"d_vocab\" has 11 entries in one tensor and 3": func() { wU.Add(wU.At(0, []int{1, 2, 3})) },
		"both sides must have the same axes, and c is on one": func() { wU.Rearrange("a b -> a b c") },
		"the sizes of both \"a\" and \"b\" are unknown":       func() { wU.Rearrange("(a b) c -> a b c") },
		"an axis of size 8 cannot be a of 3":                  func() { wU.Rearrange("(a b) c -> a b c", hooked.Sizes{"a": 3}) },
		"the pattern has no axis \"heads\"":                   func() { wU.Rearrange("a b -> b a", hooked.Sizes{"heads": 3}) },
		"the parentheses in \"(a b\" do not pair":             func() { wU.Rearrange("(a b -> a b") },
		"an axis stands twice in \"a a\"":                     func() { wU.Rearrange("a a -> a") },
		"the size of \"n\" is unknown":                        func() { wU.Repeat("a b -> a b n") },
		"want one of max, mean, min, sum":                     func() { wU.Reduce("a b -> a", "median") },
		"index 11 at [0 0] is outside axis \"d_vocab\"":       func() { wU.Gather(hooked.Tokens{{11}}) },
		"index -1 at [0 0]":                                   func() { wU.Gather(hooked.Tokens{{-1}}) },
		"holds floats, where whole numbers are wanted":        func() { wU.Gather(wU) },
		"it has those from -7 to 10":                          func() { wU.Diagonal(-8) },
		"no activation \"swish\"":                             func() { wU.Activation("swish") },
		"the lower bound must not be above":                   func() { wU.Clamp(math.NaN(), 1) },
		"outside those of 32-bit whole numbers":               func() { wU.Scale(1e30).Int() },
		"whose value 0 is":                                    func() { wU.Ints() },
		"takes one order":                                     func() { wU.Sort("d_vocab", 7) },
		"true of type bool: want a number or a *Tensor":       func() { wU.Gt(true) },
		"axis \"d_model\" differs":                            func() { hooked.ConcatTensors("d_vocab", wU, wU.At([]int{1})) },
		"every size must be positive":                         func() { hooked.NewZeros("a b", 3, 0) },
		"want a name for each axis":                           func() { hooked.NewNormal(1, "a b", 3) },
		"has no entries":                                      func() { hooked.NewArange("i", 3, 3) },
	} {
		if err := hooked.Try(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// TestAlignment checks how the axes of two tensors are matched: by name in any order, from the last
// where no name is shared, and in both directions.
func TestAlignment(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		a := hooked.Must(m.NewTensor([][]float32{{1, 2}, {3, 4}}, "pos head"))
		for name, c := range map[string]struct {
			got  *hooked.Tensor
			axes string
			want []float32
		}{
			"another order":    {a.Sub(a.Rearrange("pos head -> head pos")), "pos head", []float32{0, 0, 0, 0}},
			"other names":      {a.Sub(a.Rearrange("pos head -> head pos").Named("x y")), "pos head", []float32{0, -1, 1, 0}},
			"a query":          {a.Add(hooked.Must(m.NewTensor([]int32{10, 20}, "query"))), "pos head", []float32{11, 12, 23, 24}},
			"the shorter left": {hooked.Must(m.NewTensor([]float32{10, 20}, "pos")).Add(a), "pos head", []float32{11, 12, 23, 24}},
			"single entries":   {a.At(hooked.All, []int{0}).Mul(a.At([]int{1})), "pos head", []float32{3, 4, 9, 12}},
			"a number":         {hooked.Must(m.NewTensor(2, "")).Div(a), "pos head", []float32{2, 1, 2. / 3, 0.5}},
		} {
			if got := strings.Join(c.got.AxisNames(), " "); got != c.axes {
				t.Errorf("%s: axes %s", name, got)
			}
			golden.Close(t, name, c.got.Float32s(), c.want, exact)
		}
	})
}

// TestLongSums checks that long axes are added up without the rounding of one sum: each of 262,144
// entries is 0.1, whose float32 is 0.100000001490116. In one sum rounding, always to the same side,
// takes 2e-3.
func TestLongSums(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		const n = 1 << 18
		x := hooked.Must(m.NewTensor(slices.Repeat([]float32{0.1}, n), "entry"))
		last := x.CumSum("entry").At(-1).Item()
		for name, got := range map[string]float32{"sum": x.Sum().Item(), "mean": x.Mean().Item() * n, "cumsum": last,
			"norm": x.Norm().Item() * x.Norm().Item() * 10, "reduce": x.Reduce("a -> ", "sum").Item()} {
			golden.Close(t, name, []float32{got}, []float32{26214.400390625}, golden.Tolerance{Rel: 1e-5})
		}
		if got := x.Std().Item(); !(got < 1e-6) {
			t.Errorf("std %v", got)
		}
	})
}

// TestRandom checks mean and spread of random numbers, and that a seed tells them.
func TestRandom(t *testing.T) {
	m := newTiny(t, tiny, golden.PureGo(t))
	normal := m2(t, m, hooked.NewNormal(3, "i", 1<<16))
	uniform := m2(t, m, hooked.NewUniform(3, "i", 1<<16))
	third := golden.Tolerance{Abs: 0.01}
	golden.Close(t, "normal", []float32{normal.Mean().Item(), normal.Std().Item()}, []float32{0, 1}, third)
	golden.Close(t, "uniform", []float32{uniform.Mean().Item(), uniform.Std().Item()}, []float32{0.5, float32(math.Sqrt(1. / 12))}, third)
	again := hooked.NewNormal(3, "i", 1<<16).Float32s()
	if other := hooked.NewNormal(4, "i", 1<<16).Float32s(); !slices.Equal(again, normal.Float32s()) || slices.Equal(again, other) {
		t.Error("the seed does not tell the numbers")
	}
}

// m2 puts a tensor on a model's backend.
func m2(t *testing.T, m *hooked.Model, x *hooked.Tensor) *hooked.Tensor {
	t.Helper()
	return hooked.Must(m.NewTensor(&hooked.Array{Shape: x.Shape(), Data: x.Float32s()}, strings.Join(x.AxisNames(), " ")))
}

// TestNewTensorOf checks which Go values become which tensors.
func TestNewTensorOf(t *testing.T) {
	m := newTiny(t, tiny, golden.PureGo(t))
	type number float64
	for _, c := range []struct {
		value any
		axes  string
		want  string
	}{
		{float32(1.5), "", "1.5"},
		{3, "", "3"},
		{[]float32{1, 2}, "a", "[a=2] [1., 2.]"},
		{[][]float32{{1, 2}, {3, 4.5}}, "a b", "[a=2 b=2]\n[[1.0000, 2.0000],\n [3.0000, 4.5000]]"},
		{[]number{1, 2}, "a", "[a=2] [1., 2.]"},
		{[]int32{1, -2}, "a", "[a=2] int32 [ 1, -2]"},
		{[][]int32{{1}, {2}}, "a b", "[a=2 b=1] int32\n[[1],\n [2]]"},
		{[]int64{1 << 40}, "a", "[a=1] int64 [1099511627776]"},
		{[3]uint8{1, 2, 255}, "a", "[a=3] int32 [  1,   2, 255]"},
		{hooked.Tokens{{5, 6}}, "batch pos", "[batch=1 pos=2] int32 [[5, 6]]"},
		{[]bool{true, false}, "a", "[a=2] bool [ true, false]"},
		{[][][]float64{{{0.1}}}, "a b c", "[a=1 b=1 c=1] [[[0.1000]]]"},
	} {
		x, err := m.NewTensor(c.value, c.axes)
		if err != nil || x.String() != c.want {
			t.Errorf("%T: %v, %v; want %s", c.value, x, err, c.want)
		}
	}
	for want, value := range map[string]any{
		"row 1 has 1 entries, row 0 has 2": [][]float32{{1, 2}, {3}},
		"5000000000 is too large":          []int{5e9},
		"1e+300 is too large for float32":  []float64{1e300},
		"want a number, slices of numbers": []string{"a"},
		"of type <nil>":                    nil,
		"want at least one":                []float32{},
		"the array is nil":                 (*hooked.Array)(nil),
		"map[string]int":                   map[string]int{},
	} {
		if _, err := m.NewTensor(value, "a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: error %v, want one that says %q", value, err, want)
		}
	}
	x := hooked.Must(m.NewTensor([][]int{{1 << 24, 1<<24 + 1}, {-5, 7}}, "a b"))
	if rows := x.Int32Rows(); rows[0][1] != 1<<24+1 || rows[1][0] != -5 || x.IntRows()[0][1] != 1<<24+1 || x.Rows()[1][1] != 7 {
		t.Errorf("rows %v", rows)
	}
}

// TestPrint checks the layout of values: PyTorch prints the same numbers between the brackets.
func TestPrint(t *testing.T) {
	m := newTiny(t, tiny, golden.PureGo(t))
	nan := float32(math.NaN())
	for want, x := range map[string]*hooked.Tensor{
		"[a=3] [0.1000,    nan,   -inf]":                            hooked.Must(m.NewTensor([]float32{0.1, nan, float32(math.Inf(-1))}, "a")),
		"[a=2] [1.0000e-05, 1.0000e+00]":                            hooked.Must(m.NewTensor([]float32{1e-5, 1}, "a")),
		"[a=1001] int32\n[   0,    1,    2, ...,  998,  999, 1000]": hooked.NewArange("a", 1001),
		"3.14159": hooked.Must(m.NewTensor(3.14159265, "")),
		"true":    hooked.Must(m.NewTensor(true, "")),
		"[a=50 b=40]\n[[1., 1., 1., ..., 1., 1., 1.],\n [1., 1., 1., ..., 1., 1., 1.],\n [1., 1., 1., ..., 1., 1., 1.],\n ...,\n" +
			" [1., 1., 1., ..., 1., 1., 1.],\n [1., 1., 1., ..., 1., 1., 1.],\n [1., 1., 1., ..., 1., 1., 1.]]": hooked.NewOnes("a b", 50, 40),
		"nil tensor": nil,
	} {
		if got := fmt.Sprint(x); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if got := fmt.Sprintf("%v %s", &hooked.Tensor{}, (&hooked.Tensor{}).Describe()); got != "nil tensor nil tensor" {
		t.Error(got)
	}
	large := m2(t, m, hooked.NewArange("i", 1100).Float()).Repeat("i -> i n", hooked.Sizes{"n": 1000})
	if got := large.String(); !strings.HasPrefix(got, "[i=1100 n=1000]\n[[") || !strings.Contains(got, "[1.0990e+03, 1.0990e+03, 1.0990e+03, ..., 1.0990e+03, 1.0990e+03, 1.0990e+03]]") {
		t.Error(got)
	}
	if lines := strings.Split(hooked.NewArange("i", 900).String(), "\n"); len(lines) != 1+900/16+1 || len(lines[1]) > 81 {
		t.Errorf("%d lines, the first of %d characters", len(lines), len(lines[1]))
	}
}

// TestTwoBackends checks that a tensor of another backend is brought to the first one's.
func TestTwoBackends(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		here, there := newTiny(t, tiny, be), newTiny(t, tiny, golden.PureGo(t))
		a, b := hooked.Must(here.WU()), hooked.Must(there.WU())
		if got := a.Sub(b).Abs().Max().Item() + b.Einsum("a b, a c -> b c", a).Sub(a.Einsum("a b, a c -> b c", a)).Abs().Max().Item(); !(got < 1e-5) {
			t.Errorf("they differ by %v", got)
		}
	})
}
