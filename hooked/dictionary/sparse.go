package dictionary

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Sparse are feature activations [..., feature] of which only those that are not zero are kept: row
// by row, in the order of the features.
type Sparse struct {
	Axes  []string // of the dense tensor; the last is "feature"
	Shape []int
	From  []int     // where each row begins in Index and Value; one more at the end
	Index []int32   // features
	Value []float32 // their activations
}

// An Activation is a feature that is active somewhere.
type Activation struct {
	Row     int // of all positions, counted through in row-major order
	Feature int
	Value   float32
}

// Rows is the number of positions.
func (s *Sparse) Rows() int {
	if s == nil || len(s.From) == 0 {
		return 0
	}
	return len(s.From) - 1
}

// At are the features that are active at a position, given by its index on each axis but the last,
// and their activations; negative indices count from the end. The slices are the tensor's own.
func (s *Sparse) At(position ...int) (features []int32, values []float32, err error) {
	if s.Rows() == 0 || len(position) != len(s.Shape)-1 {
		return nil, nil, brief.Errorf("At: %d indices for activations with axes %v", len(position), s.axes())
	}
	row := 0
	for i, at := range position {
		n := s.Shape[i]
		if at < -n || at >= n {
			return nil, nil, brief.Errorf("At: index %d of axis %q, which has %d entries", at, s.Axes[i], n)
		}
		row = row*n + (at+n)%n
	}
	from, to := s.From[row], s.From[row+1]
	return s.Index[from:to], s.Value[from:to], nil
}

func (s *Sparse) axes() []string {
	if s == nil {
		return nil
	}
	return s.Axes
}

// TopFeatures are the k largest activations of all, each feature once, at the position where it is
// most active, the largest first. There may be fewer.
func (s *Sparse) TopFeatures(k int) []Activation {
	best := make(map[int32]Activation)
	for row := range s.Rows() {
		for i := s.From[row]; i < s.From[row+1]; i++ {
			f, v := s.Index[i], s.Value[i]
			if at, ok := best[f]; !ok || v > at.Value {
				best[f] = Activation{row, int(f), v}
			}
		}
	}
	all := make([]Activation, 0, len(best))
	for _, a := range best {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Activation) int {
		return cmp.Or(-cmp.Compare(a.Value, b.Value), cmp.Compare(a.Feature, b.Feature))
	})
	return all[:max(min(k, len(all)), 0)]
}

// Feature are the activations of one feature at all positions, in row-major order.
func (s *Sparse) Feature(f int) []float32 {
	out := make([]float32, s.Rows())
	for row := range out {
		if i, ok := slices.BinarySearch(s.Index[s.From[row]:s.From[row+1]], int32(f)); ok {
			out[row] = s.Value[s.From[row]+i]
		}
	}
	return out
}

// L0 is the mean number of active features of a position.
func (s *Sparse) L0() float64 {
	if s.Rows() == 0 {
		return 0
	}
	return float64(len(s.Index)) / float64(s.Rows())
}

// Dense are all activations, zeros included, as a tensor.
func (s *Sparse) Dense() (*hooked.Tensor, error) {
	if s.Rows() == 0 {
		return nil, brief.Errorf("Dense: there are no activations")
	}
	out := hooked.NewArray(s.Shape...)
	n := s.Shape[len(s.Shape)-1]
	for row := range s.Rows() {
		for i := s.From[row]; i < s.From[row+1]; i++ {
			out.Data[row*n+int(s.Index[i])] = s.Value[i]
		}
	}
	return hooked.NewTensor(out, joined(s.Axes))
}

// Sparse are the features of activations x, of which only those that are active leave the device.
func (d *Dictionary) Sparse(x *hooked.Tensor) (*Sparse, error) {
	if err := d.checkInput("Sparse", x); err != nil {
		return nil, err
	}
	shape := x.Shape()
	last := 1
	if d.byHeads(shape) {
		last = 2
	}
	if len(shape) < last || size(shape[len(shape)-last:]) != d.Config.DIn {
		return nil, brief.Errorf("Sparse: a %s reads vectors of %d entries, the activation has shape %v", d.Config.Kind, d.Config.DIn, shape)
	}
	lead := shape[:len(shape)-last]
	out := &Sparse{Axes: append(slices.Clone(x.AxisNames()[:len(lead)]), "feature"), Shape: append(slices.Clone(lead), d.Config.Features), From: []int{0}}
	if kinds[d.Config.Kind].wholeBatch { // what is chosen depends on all rows
		return out, d.appendSparse(out, x)
	}
	rows, err := flattened(x, last)
	if err != nil {
		return nil, err
	}
	n, step := size(lead), d.rowsTogether()
	for from := 0; from < n; from += step {
		part := rows
		if n > step {
			if err := hooked.Try(func() { part = rows.At(hooked.Range{From: from, To: min(from+step, n)}) }); err != nil {
				return nil, err
			}
		}
		if err := d.appendSparse(out, part); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rowsTogether bounds what is dense at a time.
func (d *Dictionary) rowsTogether() int { return max(1, (32<<20)/d.Config.Features) }

// flattened is x with all axes but the last ones made one.
func flattened(x *hooked.Tensor, last int) (*hooked.Tensor, error) {
	axes := "row"
	for _, name := range x.AxisNames()[len(x.Shape())-last:] {
		axes += " " + name
	}
	return hooked.Apply(axes, func(x *graph.Node) *graph.Node {
		dims := x.Shape().Dimensions
		tail := dims[len(dims)-last:]
		return graph.Reshape(x, append([]int{size(dims[:len(dims)-last])}, tail...)...)
	}, x)
}

// expected is how many active features of a row there is room for at first.
const expected = 128

// appendSparse adds the rows of x. Where a row has more active features than there is room for it
// is done again with more.
func (d *Dictionary) appendSparse(s *Sparse, x *hooked.Tensor) error {
	room := expected
	if c := d.Config; kinds[c.Kind].topK {
		room = int(c.K)
	}
	for room = min(room, d.Config.Features); ; {
		parts, err := d.computeAll("Sparse", x, "row active, row active, row", func(p Pass, x *graph.Node) []*graph.Node {
			acts := p.Encode(x).Acts
			return packed(graph.Reshape(acts, acts.Shape().Size()/d.Config.Features, d.Config.Features), room)
		})
		if err != nil {
			return err
		}
		counts := parts[2].Int32s()
		most := int(slices.Max(counts))
		if most <= room {
			s.add(counts, parts[0].Int32s(), parts[1].Float32s(), room)
			return nil
		}
		room = min(1<<bits.Len(uint(most-1)), d.Config.Features)
	}
}

// add adds rows of which there are so many of the room's entries.
func (s *Sparse) add(counts, index []int32, value []float32, room int) {
	for row, n := range counts {
		from := row * room
		s.Index = append(s.Index, index[from:from+int(n)]...)
		s.Value = append(s.Value, value[from:from+int(n)]...)
		s.From = append(s.From, len(s.Index))
	}
}

// blockOf is how many features are counted by one matrix product.
const blockOf = 128

// packed are the features of acts [row, feature] that are not zero: which, how active, [row, room],
// and how many there are, [row]. A row is counted through, and the place where the count reaches 1,
// 2, ... is searched: backends can neither sort alike nor leave entries out.
func packed(acts *graph.Node, room int) []*graph.Node {
	g := acts.Graph()
	rows, n := acts.Shape().Dim(0), acts.Shape().Dim(1)
	upTo := countUpTo(graph.NotEqual(acts, graph.ScalarZero(g, acts.DType()))) // [row, n]
	total := graph.Reshape(graph.Slice(upTo, graph.AxisRange(), graph.AxisElem(n-1)), rows)
	want := graph.AddScalar(graph.Iota(g, shapes.Make(dtypes.Int32, rows, room), 1), int32(1))
	// how many features come before the one that is searched
	before := graph.Zeros(g, shapes.Make(dtypes.Int32, rows, room))
	for bit := bits.Len(uint(n)) - 1; bit >= 0; bit-- {
		next := graph.AddScalar(before, int32(1)<<bit)
		inside := graph.LessOrEqual(next, graph.Scalar(g, dtypes.Int32, n))
		at := graph.MinScalar(graph.AddScalar(next, int32(-1)), int32(n-1))
		fewer := graph.LessThan(pick(upTo, at), want)
		before = graph.Where(graph.And(inside, fewer), next, before)
	}
	index := graph.MinScalar(before, int32(n-1))
	return []*graph.Node{index, pick(acts, index), total}
}

// countUpTo is how many entries of a row are true up to each, itself included: [row, n] int32.
func countUpTo(mask *graph.Node) *graph.Node {
	g := mask.Graph()
	rows, n := mask.Shape().Dim(0), mask.Shape().Dim(1)
	blocks := (n + blockOf - 1) / blockOf
	ones := graph.Pad(graph.ConvertDType(mask, dtypes.Float32), graph.ScalarZero(g, dtypes.Float32), graph.PadAxis{}, graph.PadAxis{End: blocks*blockOf - n})
	inside := graph.Dot(graph.Reshape(ones, rows*blocks, blockOf), triangle(g, blockOf, true)).MatMul()
	inside = graph.Reshape(inside, rows, blocks, blockOf)
	sums := graph.Reshape(graph.Slice(inside, graph.AxisRange(), graph.AxisRange(), graph.AxisElem(blockOf-1)), rows, blocks)
	earlier := graph.Dot(sums, triangle(g, blocks, false)).MatMul()
	all := graph.Reshape(graph.Add(inside, graph.Reshape(earlier, rows, blocks, 1)), rows, blocks*blockOf)
	// whole numbers this small are exact in float32
	return graph.ConvertDType(graph.Slice(all, graph.AxisRange(), graph.AxisRange(0, n)), dtypes.Int32)
}

// triangle [n, n] is one where the row is before the column, or at it.
func triangle(g *graph.Graph, n int, itself bool) *graph.Node {
	row, column := graph.Iota(g, shapes.Make(dtypes.Int32, n, n), 0), graph.Iota(g, shapes.Make(dtypes.Int32, n, n), 1)
	if itself {
		return graph.ConvertDType(graph.LessOrEqual(row, column), dtypes.Float32)
	}
	return graph.ConvertDType(graph.LessThan(row, column), dtypes.Float32)
}

// pick is x [row, n] at the indices [row, k] of its last axis.
func pick(x, index *graph.Node) *graph.Node {
	rows, n, k := x.Shape().Dim(0), x.Shape().Dim(1), index.Shape().Dim(1)
	first := graph.MulScalar(graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, rows, 1), 0), int32(n))
	places := graph.Reshape(graph.Add(first, index), rows*k, 1)
	return graph.Reshape(graph.Gather(graph.Reshape(x, rows*n, 1), places), rows, k)
}

// Features are the feature activations at all positions of an input, [batch, pos, feature]. Options
// are those of [hooked.Model.Cache] but for what is recorded.
func (d *Dictionary) Features(m *hooked.Model, input any, options ...hooked.Option) (*Sparse, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	cache, err := m.Cache(input, append(slices.Clone(options), hooked.Names(d.Config.Hook))...)
	if err != nil {
		return nil, err
	}
	x, err := cache.Lookup(d.Config.Hook)
	if err != nil {
		return nil, err
	}
	return d.Sparse(x)
}
