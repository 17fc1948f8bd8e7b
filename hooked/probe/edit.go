package probe

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Edit erases at a site, in all activations or in the picked entries, such as hooked.Pos(-1):
//
//	hooked.Edit(hooked.ResidPost.At(8), eraser.Edit())
//
// Its matrices are run-time values: another eraser of the same rank compiles nothing.
func (e *Eraser) Edit(at ...hooked.Entries) hooked.Intervention {
	if err := e.need(); err != nil {
		return broken(err)
	}
	shift := mat.NewDense(1, e.Rank(), nil)
	if e.centre != nil {
		shift.Mul(mat.NewDense(1, len(e.centre), e.centre), e.read)
	}
	dims := e.frame.dims
	erase := func(x *graph.Node, s hooked.Site, values []*graph.Node) *graph.Node {
		flat := flattened(x, dims)
		inside := graph.Sub(graph.MatMul(flat, values[0]), values[1])
		return restored(graph.Sub(flat, graph.MatMul(inside, values[2])), x)
	}
	return limited(hooked.With(erase, arrayOf(e.read), arrayOf(shift), arrayOf(e.write)), at)
}

// ProjectOut takes a direction out of activations, x - (x u) u with u of its length 1. The
// direction has the axes of a site's activation after batch and pos, as [Probe.Direction] has.
func ProjectOut(direction *hooked.Tensor, at ...hooked.Entries) hooked.Intervention {
	var unit []float32
	var dims []int
	err := hooked.Try(func() { unit, dims = direction.Float32s(), direction.Shape() })
	if err != nil {
		return broken(brief.Errorf("ProjectOut: %w", err))
	}
	length := 0.0
	for _, v := range unit {
		length += float64(v) * float64(v)
	}
	if length = math.Sqrt(length); !(length > 0 && length <= math.MaxFloat32) {
		return broken(brief.Errorf("ProjectOut: the direction has length %v: there is nothing to project out", length))
	}
	column := hooked.NewArray(len(unit), 1)
	for i, v := range unit {
		column.Data[i] = float32(float64(v) / length)
	}
	project := func(x *graph.Node, s hooked.Site, values []*graph.Node) *graph.Node {
		flat := flattened(x, dims)
		return restored(graph.Sub(flat, graph.MatMul(graph.MatMul(flat, values[0]), graph.Transpose(values[0], 0, 1))), x)
	}
	return limited(hooked.With(project, hooked.Value(column)), at)
}

// limited is a change of the picked entries alone, or of all if none are given.
func limited(i hooked.Intervention, at []hooked.Entries) hooked.Intervention {
	if i = i.Local(); len(at) > 0 {
		i = i.Only(at...)
	}
	return i
}

// broken is an edit that fails in the run that it is given to, which names its site.
func broken(err error) hooked.Intervention {
	return hooked.With(func(*graph.Node, hooked.Site, []*graph.Node) *graph.Node { panic(err) })
}

func arrayOf(m *mat.Dense) hooked.Operand {
	n, k := m.Dims()
	array := hooked.NewArray(n, k)
	for i := range n {
		for c, v := range m.RawRowView(i) {
			array.Data[i*k+c] = float32(v)
		}
	}
	return hooked.Value(array)
}

// flattened is an activation as rows [.., d] in float32, whose last axes have these dimensions.
func flattened(x *graph.Node, dims []int) *graph.Node {
	all := x.Shape().Dimensions
	lead := len(all) - len(dims)
	fits := lead >= 0
	for i := range dims {
		fits = fits && all[lead+i] == dims[i]
	}
	if !fits {
		exceptions.Panicf("it is of activations whose last axes are %v, this one is %v", dims, all)
	}
	return graph.ConvertDType(graph.Reshape(x, -1, product(dims)), dtypes.Float32)
}

// restored has the shape and type of x again.
func restored(flat, x *graph.Node) *graph.Node {
	return graph.ConvertDType(graph.Reshape(flat, x.Shape().Dimensions...), x.DType())
}
