package resident

import (
	"errors"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapeinference"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// A rule gives the shapes of an operation's results from its arguments. It may
// return an error whenever it is not sure: the worker is then asked. It must
// never return a wrong shape.
type rule func(a arguments) ([]shapes.Shape, error)

// arguments are those of a method of compute.Function, in its order. The
// accessors panic on an argument that is not there or nil; infer takes that,
// too, as a question for the worker.
type arguments []any

func (a arguments) shape(i int) shapes.Shape { return a[i].(*value).shape }
func (a arguments) ints(i int) []int         { return a[i].([]int) }
func (a arguments) int(i int) int            { return a[i].(int) }

var errAsk = errors.New("ask the worker")

// infer returns the shapes of op's results, or false if the worker must be
// asked: the operation has no rule, its rule is not satisfied, the backend does
// not list it, or shapes are dynamic, where backends have notions of their own.
func (f *function) infer(op wire.Op, args arguments) (out []shapes.Shape, known bool) {
	if op == wire.OpReturn {
		return nil, f.plain(args)
	}
	r, ok := f.builder.backend.rules[op]
	if !ok || !f.plain(args) {
		return nil, false
	}
	defer func() {
		if recover() != nil {
			out, known = nil, false
		}
	}()
	out, err := r(args)
	if err != nil {
		return nil, false
	}
	if made := op == wire.OpParameter || op == wire.OpConstant; made && !f.builder.backend.info.Capabilities.DTypes[out[0].DType] {
		return nil, false // backends take more than they list, so ask
	}
	if !f.builder.backend.info.Capabilities.HasDynamicShapes() {
		for i := range out {
			out[i].AxisNames = nil // the rules of package shapeinference add them
		}
	}
	return out, true
}

// plain reports whether f is open and the values among args are static and
// within f's reach: its own or those of a function around it.
func (f *function) plain(args arguments) bool {
	if f.returned {
		return false
	}
	for _, arg := range args {
		switch x := arg.(type) {
		case *value:
			if !f.reaches(x) {
				return false
			}
		case []compute.Value:
			if slices.ContainsFunc(x, func(v compute.Value) bool { y, ok := v.(*value); return !ok || !f.reaches(y) }) {
				return false
			}
		case shapes.Shape:
			if x.IsDynamic() {
				return false
			}
		}
	}
	return true
}

func (f *function) reaches(v *value) bool {
	if v == nil || v.shape.IsDynamic() {
		return false
	}
	for g := f; g != nil; g = g.parent {
		if g == v.function {
			return true
		}
	}
	return false
}

func one(s shapes.Shape, err error) ([]shapes.Shape, error) { return []shapes.Shape{s}, err }

// rules holds a rule for every operation whose results' shapes follow from its
// arguments alone. Fused operations, control flow, FFT, batch normalization
// and the dynamic operations are left to the worker.
var rules = map[wire.Op]rule{
	wire.OpParameter: func(a arguments) ([]shapes.Shape, error) { return one(a[0].(shapes.Shape), nil) },
	wire.OpConstant:  func(a arguments) ([]shapes.Shape, error) { return one(a[0].(shapes.Shape), nil) },
	wire.OpIota: func(a arguments) ([]shapes.Shape, error) {
		s := a[0].(shapes.Shape)
		if axis := a.int(1); axis < 0 || axis >= s.Rank() {
			return nil, errAsk
		}
		return one(s, nil)
	},
	wire.OpIdentity:      sameAsFirst,
	wire.OpIsFinite:      boolean,
	wire.OpIsNaN:         boolean,
	wire.OpReverse:       sameAsFirst,
	wire.OpAbs:           magnitude,
	wire.OpReal:          realPart,
	wire.OpImag:          realPart,
	wire.OpReduceMax:     reduce,
	wire.OpReduceMin:     reduce,
	wire.OpReduceSum:     reduce,
	wire.OpReduceProduct: reduce,
	wire.OpScatterMax:    scatter,
	wire.OpScatterMin:    scatter,
	wire.OpScatterSum:    scatter,
	wire.OpConvertDType: func(a arguments) ([]shapes.Shape, error) {
		return one(shapes.Make(a[1].(dtypes.DType), a.shape(0).Dimensions...), nil)
	},
	wire.OpReshape: func(a arguments) ([]shapes.Shape, error) {
		if slices.ContainsFunc(a.ints(1), func(d int) bool { return d < 0 }) {
			return nil, errAsk
		}
		return one(shapeinference.Reshape(a.shape(0), a.ints(1)))
	},
	wire.OpTranspose: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.Transpose(a.shape(0), a.ints(1)))
	},
	wire.OpBroadcastInDim: func(a arguments) ([]shapes.Shape, error) {
		out := a[1].(shapes.Shape)
		if a.shape(0).DType != out.DType {
			return nil, errAsk
		}
		return one(out, shapeinference.BroadcastInDim(a.shape(0), out, a.ints(2), nil))
	},
	wire.OpWhere: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.Where(a.shape(0), a.shape(1), a.shape(2)))
	},
	wire.OpConcatenate: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.Concatenate(a.shapes(1), a.int(0)))
	},
	wire.OpSlice: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.Slice(a.shape(0), a.ints(1), a.ints(2), a.ints(3)))
	},
	wire.OpDynamicSlice: func(a arguments) ([]shapes.Shape, error) {
		if len(a[1].([]compute.Value)) != a.shape(0).Rank() {
			return nil, errAsk
		}
		return one(shapeinference.DynamicSlice(a.shape(0), a.ints(2)))
	},
	wire.OpDynamicUpdateSlice: func(a arguments) ([]shapes.Shape, error) {
		if len(a[2].([]compute.Value)) != a.shape(0).Rank() {
			return nil, errAsk
		}
		return one(shapeinference.DynamicUpdateSlice(a.shape(0), a.shape(1)))
	},
	wire.OpPad: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.Pad(a.shape(0), a[2].([]compute.PadAxis)...))
	},
	wire.OpArgMinMax: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.ArgMinMax(a.shape(0), a.int(1), a[2].(dtypes.DType)))
	},
	wire.OpGather: func(a arguments) ([]shapes.Shape, error) {
		return one(shapeinference.Gather(a.shape(0), a.shape(1), a.int(2), a.ints(3), a.ints(4), a.ints(5), a.ints(6), a[7].(bool)))
	},
	wire.OpDotGeneral: func(a arguments) ([]shapes.Shape, error) {
		config := a[6].(compute.DotGeneralConfig)
		if config != (compute.DotGeneralConfig{}) {
			return nil, errAsk // backends may refuse it, and callers fall back on that
		}
		return one(shapeinference.DotGeneral(a.shape(0), a.ints(1), a.ints(2), a.shape(3), a.ints(4), a.ints(5), config))
	},
	wire.OpRNGBitGenerator: func(a arguments) ([]shapes.Shape, error) {
		if !a.shape(0).Equal(compute.RNGStateShape) {
			return nil, errAsk
		}
		return []shapes.Shape{a.shape(0), a[1].(shapes.Shape)}, nil
	},
}

func (a arguments) shapes(i int) []shapes.Shape {
	values := a[i].([]compute.Value)
	out := make([]shapes.Shape, len(values))
	for j, v := range values {
		out[j] = v.(*value).shape
	}
	return out
}

func sameAsFirst(a arguments) ([]shapes.Shape, error) { return one(a.shape(0), nil) }

func boolean(a arguments) ([]shapes.Shape, error) {
	return one(shapes.Make(dtypes.Bool, a.shape(0).Dimensions...), nil)
}

// magnitude is the rule of Abs: that of a complex argument is real.
func magnitude(a arguments) ([]shapes.Shape, error) {
	if a.shape(0).DType.IsComplex() {
		return realPart(a)
	}
	return one(shapeinference.UnaryOp(compute.OpTypeAbs, a.shape(0)))
}

// realPart is the rule of Real and Imag. That of a real argument is the
// worker's to judge.
func realPart(a arguments) ([]shapes.Shape, error) {
	s := a.shape(0)
	if !s.DType.IsComplex() {
		return nil, errAsk
	}
	return one(shapes.Make(s.DType.RealDType(), s.Dimensions...), nil)
}

// reduce drops the axes; no axes means all of them.
func reduce(a arguments) ([]shapes.Shape, error) {
	s, axes := a.shape(0), slices.Clone(a.ints(1))
	slices.Sort(axes)
	if len(axes) > 0 && (axes[0] < 0 || axes[len(axes)-1] >= s.Rank()) || len(slices.Compact(slices.Clone(axes))) != len(axes) {
		return nil, errAsk
	}
	var kept []int
	for axis, dim := range s.Dimensions {
		if _, dropped := slices.BinarySearch(axes, axis); !dropped && len(axes) > 0 {
			kept = append(kept, dim)
		}
	}
	return one(shapes.Make(s.DType, kept...), nil)
}

func scatter(a arguments) ([]shapes.Shape, error) {
	return one(shapeinference.Scatter(a.shape(0), a.shape(1), a.shape(2), a.int(3), a.ints(4), a.ints(5), a.ints(6)))
}

// elementwise returns the rule for an operation that package shapeinference
// lists among the element-wise ones, or nil.
func elementwise(t compute.OpType) rule {
	switch {
	case shapeinference.ComparisonOperations.Has(t):
		return func(a arguments) ([]shapes.Shape, error) {
			return one(shapeinference.ComparisonOp(t, a.shape(0), a.shape(1)))
		}
	case shapeinference.StandardBinaryOperations.Has(t):
		return func(a arguments) ([]shapes.Shape, error) {
			return one(shapeinference.BinaryOp(t, a.shape(0), a.shape(1)))
		}
	case shapeinference.StandardUnaryOperations.Has(t):
		return func(a arguments) ([]shapes.Shape, error) { return one(shapeinference.UnaryOp(t, a.shape(0))) }
	}
	return nil
}

// rulesFor returns the rules that hold on a backend of these capabilities. An
// operation that it does not list is left to the worker, to answer as the
// backend does. Parameter and Constant always have their rule.
func rulesFor(c compute.Capabilities) map[wire.Op]rule {
	out := map[wire.Op]rule{wire.OpParameter: rules[wire.OpParameter], wire.OpConstant: rules[wire.OpConstant]}
	for _, op := range wire.Operations() {
		t, err := compute.OpTypeString(op.String())
		if err != nil || !c.Operations[t] {
			continue
		}
		if r := rules[op]; r != nil {
			out[op] = r
		} else if r := elementwise(t); r != nil {
			out[op] = r
		}
	}
	return out
}
