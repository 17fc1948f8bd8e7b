package hooked_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestApply checks that a graph function is compiled once for each graph, and that what it captures
// counts as it is at each call.
func TestApply(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		x := hooked.Must(m.NewTensor([]float32{1, 2, 3}, "i"))
		compiled := func(f func()) int {
			before := m.Programs()
			f()
			return m.Programs() - before
		}
		factor := 2.0
		table := make([]float32, 3000)
		scaled := func(x *graph.Node) *graph.Node {
			offset := graph.ReduceAllSum(graph.Const(x.Graph(), table)) // so large that GoMLX does not print it
			return graph.Add(graph.MulScalar(x, factor), offset)
		}
		check := func(name string, want []float32, programs int) {
			t.Helper()
			n := compiled(func() {
				out, err := hooked.Apply("i", scaled, x)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				golden.Close(t, name, out.Float32s(), want, exact)
			})
			if n != programs {
				t.Errorf("%s: %d programs compiled, want %d", name, n, programs)
			}
		}
		check("first", []float32{2, 4, 6}, 1)
		check("again", []float32{2, 4, 6}, 0)
		x = hooked.Must(m.NewTensor([]float32{4, 5, 6}, "j"))
		check("other values", []float32{8, 10, 12}, 0)
		factor = 3
		check("another number", []float32{12, 15, 18}, 1)
		table[2999] = 1
		check("another table", []float32{13, 16, 19}, 1)
		factor, table[2999] = 2, 0
		check("the first again", []float32{8, 10, 12}, 0)
		x = hooked.Must(m.NewTensor([]float32{7}, "i"))
		check("another shape", []float32{14}, 1)
	})
}

// TestApplyForms checks the kinds of functions, several results, and inputs that are not used or
// come out again.
func TestApplyForms(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		a, b := hooked.Must(m.NewTensor([]float32{1, 2}, "i")), hooked.NewArange("i", 2)
		sum := hooked.Must(hooked.Apply("i", func(x, y *graph.Node) *graph.Node { return graph.Add(x, graph.ConvertDType(y, x.DType())) }, a, b))
		golden.Close(t, "two", sum.Float32s(), []float32{1, 3}, exact)
		where := hooked.Must(hooked.Apply("i", graph.Where, a.Gt(1), a, a.Neg()))
		golden.Close(t, "three", where.Float32s(), []float32{-1, 2}, exact)
		all := hooked.Must(hooked.Apply("", func(in []*graph.Node) *graph.Node { return graph.ReduceAllSum(in[3]) }, a, b, a, a))
		golden.Close(t, "four", all.Float32s(), []float32{3}, exact)

		out, err := hooked.ApplyAll("row col, , i, i", func(in []*graph.Node) []*graph.Node {
			return []*graph.Node{graph.InsertAxes(in[0], 0), graph.ReduceAllMax(in[1]), in[0], in[0]}
		}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if got := out[0].Describe() + out[1].Describe() + out[2].Describe(); got != "[row=1 col=2][] int32[i=2]" {
			t.Error(got)
		}
		golden.Close(t, "results", slices.Concat(out[0].Float32s(), out[1].Float32s(), out[2].Float32s(), out[3].Float32s()), []float32{1, 2, 1, 1, 2, 1, 2}, exact)
		golden.Close(t, "what came out is computed with", out[2].Add(out[3]).Float32s(), []float32{2, 4}, exact)
	})
}

func TestApplyMistakes(t *testing.T) {
	m := newTiny(t, tiny, golden.PureGo(t))
	x := hooked.Must(m.NewTensor([]float32{1, 2}, "i"))
	var kept *graph.Node
	same := func(x *graph.Node) *graph.Node { kept = x; return x }
	hooked.Must(hooked.Apply("i", same, x))
	for want, f := range map[string]func() error{
		"tensor 1: the tensor is nil":      func() error { _, err := hooked.Apply("i", graph.Add, x, nil); return err },
		"takes 2 tensors, and 1 are given": func() error { _, err := hooked.Apply("i", graph.Add, x); return err },
		"at least one tensor":              func() error { _, err := hooked.Apply("i", same); return err },
		"other axes than are named (i j)":  func() error { _, err := hooked.Apply("i j", same, x); return err },
		"result 0 of the function is nil":  func() error { _, err := hooked.Apply("i", func(*graph.Node) *graph.Node { return nil }, x); return err },
		"belongs to another graph": func() error {
			_, err := hooked.Apply("i", func(*graph.Node) *graph.Node { return kept }, x)
			return err
		},
		"has 0 results, and the axes of 1": func() error {
			_, err := hooked.ApplyAll("i", func([]*graph.Node) []*graph.Node { return nil }, x)
			return err
		},
		"): index out of": func() error {
			_, err := hooked.Apply("i", func(in []*graph.Node) *graph.Node { panic("index out of") }, x)
			return err
		},
		"): runtime error": func() error {
			_, err := hooked.Apply("i", func(in []*graph.Node) *graph.Node { return in[len(in)] }, x)
			return err
		},
		"): total requested size": func() error {
			_, err := hooked.Apply("i", func(x *graph.Node) *graph.Node { return graph.Reshape(x, 3) }, x)
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// TestGoMLX checks that a tensor and GoMLX's are one memory, both ways.
func TestGoMLX(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		theirs := tensors.FromValue([][]float32{{1, 2}, {3, 4}})
		ours := hooked.Must(hooked.FromGoMLX(theirs, "row col"))
		if ours.GoMLX() != theirs || ours.Describe() != "[row=2 col=2]" {
			t.Errorf("%v is a copy", ours)
		}
		product := ours.Einsum("r c, c v -> r v", hooked.Must(m.WU()).At(hooked.Range{To: 2}))
		again := graph.MustExecOnce(be, func(x *graph.Node) *graph.Node { return graph.MulScalar(x, 2) }, product.GoMLX())
		golden.Close(t, "through an executor of GoMLX's", hooked.Must(hooked.FromGoMLX(again, "r v")).Float32s(), product.Scale(2).Float32s(), exact)
	})
	for want, x := range map[string]*tensors.Tensor{"the tensor is nil": nil, "want a name for each axis": tensors.FromValue(float32(1)),
		"want floats, whole numbers or truth values": tensors.FromValue([]complex64{1})} {
		if _, err := hooked.FromGoMLX(x, "i"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	gone := tensors.FromValue([]float32{1})
	gone.MustFinalizeAll()
	if _, err := hooked.FromGoMLX(gone, "i"); err == nil {
		t.Error("a finalised tensor was taken")
	}
	wide := hooked.Must(hooked.FromGoMLX(tensors.FromValue([]float64{0.1, 2}), "i"))
	if got := wide.Add(hooked.NewArange("i", 2)); got.DType() != "float64" || math.Abs(float64(got.Sum().Item())-3.1) > 1e-6 {
		t.Errorf("float64: %v", got)
	}
}

// TestApplyBranches exchanges two branches, and what a loop leaves: the nodes of the graph stay the
// same, and what they stand for does not.
func TestApplyBranches(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		x := hooked.Must(m.NewTensor([]float32{1, 2, 3}, "i"))
		apply := func(name string, f func(x *graph.Node) *graph.Node, want []float32) {
			t.Helper()
			out, err := hooked.Apply("i", f, x)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			golden.Close(t, name, out.Float32s(), want, exact)
		}
		one := func(exchanged bool) func(x *graph.Node) *graph.Node {
			return func(x *graph.Node) *graph.Node {
				g := x.Graph()
				filled := func(value float32) *graph.Function {
					return graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
						return []*graph.Node{graph.Const(g, []float32{value, value, value})}
					})
				}
				double, triple := filled(2), filled(3)
				if exchanged {
					double, triple = triple, double
				}
				return graph.Mul(x, graph.If(graph.Const(g, true), double, triple)[0])
			}
		}
		apply("a branch", one(false), []float32{2, 4, 6})
		apply("the other branch", one(true), []float32{3, 6, 9})

		loop := func(exchanged bool) func(x *graph.Node) *graph.Node {
			return func(x *graph.Node) *graph.Node {
				g := x.Graph()
				counter := graph.ScalarZero(g, dtypes.Int32).Shape()
				state := func(g *graph.Graph) (i, a, b *graph.Node) {
					return graph.Parameter(g, "i", counter), graph.Parameter(g, "a", x.Shape()), graph.Parameter(g, "b", x.Shape())
				}
				more := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
					i, _, _ := state(g)
					return []*graph.Node{graph.LessThan(i, graph.Const(g, int32(1)))}
				})
				body := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
					i, a, b := state(g)
					i, a, b = graph.AddScalar(i, int32(1)), graph.MulScalar(a, 2), graph.MulScalar(b, 3)
					if exchanged {
						a, b = b, a
					}
					return []*graph.Node{i, a, b}
				})
				return graph.While(more, body, graph.Const(g, int32(0)), x, x)[1]
			}
		}
		apply("a loop", loop(false), []float32{2, 4, 6})
		apply("its results exchanged", loop(true), []float32{3, 6, 9})
	})
}

// TestApplySorts changes what GoMLX's words for a sort leave out: the axis, what is sorted, and the
// order. A sort that is asked for again is the same program.
func TestApplySorts(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := newTiny(t, tiny, be)
		x := hooked.Must(m.NewTensor([][]float32{{4, 1}, {2, 3}}, "i j"))
		check := func(name string, programs int, f func(x *graph.Node) *graph.Node, want ...float32) {
			t.Helper()
			before := m.Programs()
			out, err := hooked.Apply("i j", f, x)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			golden.Close(t, name, out.Float32s(), want, exact)
			if n := m.Programs() - before; n != programs {
				t.Errorf("%s: %d programs compiled, want %d", name, n, programs)
			}
		}
		along := func(axis int) func(x *graph.Node) *graph.Node {
			return func(x *graph.Node) *graph.Node { return graph.Sort(x, axis, true) }
		}
		check("along i", 1, along(0), 2, 1, 4, 3)
		check("along j", 1, along(1), 1, 4, 2, 3)
		check("along i again", 0, along(0), 2, 1, 4, 3)
		of := func(second bool) func(x *graph.Node) *graph.Node {
			return func(x *graph.Node) *graph.Node {
				a, b := graph.MulScalar(x, 2), graph.MulScalar(x, 3)
				if second {
					a, b = b, a
				}
				return graph.Sort(a, 0, true)
			}
		}
		check("of the first", 1, of(false), 4, 2, 8, 6)
		check("of the second", 1, of(true), 6, 3, 12, 9)
		by := func(falling, inOne bool) func(x *graph.Node) *graph.Node {
			return func(x *graph.Node) *graph.Node {
				g := x.Graph()
				comparison := func(falling, both bool) *graph.Function {
					return graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
						value := graph.ScalarZero(g, x.DType()).Shape()
						a, b := graph.Parameter(g, "a", value), graph.Parameter(g, "b", value)
						if !both && falling {
							return []*graph.Node{graph.GreaterThan(a, b)}
						}
						less := graph.LessThan(a, b)
						if both {
							if more := graph.GreaterThan(a, b); falling {
								less = more
							}
						}
						return []*graph.Node{less}
					})
				}
				if inOne {
					return graph.SortFunc(comparison(falling, true), 0, true, x)[0]
				}
				rising, fallen := comparison(false, false), comparison(true, false)
				if falling {
					rising = fallen
				}
				return graph.SortFunc(rising, 0, true, x)[0]
			}
		}
		check("rising, by one of two closures", 1, by(false, false), 2, 1, 4, 3)
		check("falling, by the other", 1, by(true, false), 4, 3, 2, 1)
		check("rising, by one value of two", 1, by(false, true), 2, 1, 4, 3)
		check("falling, by the other value", 1, by(true, true), 4, 3, 2, 1)
	})
}
