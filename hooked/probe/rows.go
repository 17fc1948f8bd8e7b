package probe

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Rows are activations to fit probes on, a row for each place that was looked at: [row, d]. They
// lie in the memory of this process, 4 bytes a number. [Collect] makes them, and [NewRows] and
// [RowsOf] of what was computed elsewhere.
type Rows struct {
	data     []float32
	n, d     int
	axes     []string // of a row at its site, such as ["d_model"] or ["head" "d_head"]
	dims     []int
	site     string // its name; "" where that is not known
	examples []int  // which text each row is of
	of       int    // how many texts there are, with those of which Pick has left no row
	position []int  // where in its text each stands; nil where that is not known

	model *hooked.Model // that they were collected from, for tensors on its device; nil for none
}

// NewRows are rows of numbers as activations, each an example of its own.
func NewRows(rows [][]float32) (*Rows, error) {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, brief.Errorf("there are no rows, or they are empty")
	}
	r := &Rows{n: len(rows), d: len(rows[0]), axes: []string{"d_model"}, dims: []int{len(rows[0])}, examples: count(len(rows)), of: len(rows)}
	for i, row := range rows {
		if len(row) != r.d {
			return nil, brief.Errorf("row %d has %d numbers, row 0 has %d", i, len(row), r.d)
		}
		r.data = append(r.data, row...)
	}
	return r, r.check()
}

// RowsOf are the entries of a tensor's first axis as rows, each an example of its own: of
// activations [batch, pos, d_model] take one position first, t.At(hooked.All, -1).
func RowsOf(t *hooked.Tensor) (*Rows, error) {
	r := &Rows{}
	err := hooked.Try(func() {
		shape := t.Shape()
		if len(shape) < 2 {
			panic(brief.Errorf("a tensor %s has no rows: want [row, d]", t.Describe()))
		}
		r.n, r.dims, r.axes = shape[0], shape[1:], t.AxisNames()[1:]
		r.data = t.Float32s()
	})
	if err != nil {
		return nil, err
	}
	r.d, r.examples, r.of = product(r.dims), count(r.n), r.n
	if len(r.data) == 0 {
		return nil, brief.Errorf("there are no rows, or they are empty: the tensor is %s", t.Describe())
	}
	return r, r.check()
}

func count(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

var errNilRows = brief.Errorf("the rows are nil or empty: look at the error of the call that should have made them")

// need reports nil rows.
func (r *Rows) need() error {
	if r == nil || r.n == 0 {
		return errNilRows
	}
	return nil
}

// check refuses what is no number: it would make a probe of NaN, in silence.
func (r *Rows) check() error {
	for i, v := range r.data {
		if !(math.Abs(float64(v)) <= math.MaxFloat32) {
			return brief.Errorf("row %d%s holds %v at %d of %d: leave it out, or look at what made it", i/r.d, r.at(), v, i%r.d, r.d)
		}
	}
	return nil
}

// at tells the site in messages.
func (r *Rows) at() string {
	if r.site == "" {
		return ""
	}
	return " of " + r.site
}

// Len is the number of rows, 0 of nil.
func (r *Rows) Len() int {
	if r == nil {
		return 0
	}
	return r.n
}

// Shape is [row, d]: what is more than one axis at a site, such as [head, d_head], is one here.
func (r *Rows) Shape() []int {
	if r == nil {
		return []int{0, 0}
	}
	return []int{r.n, r.d}
}

// Float32s are the numbers in row-major order.
func (r *Rows) Float32s() []float32 {
	if r == nil {
		return nil
	}
	return slices.Clone(r.data)
}

// Site is the name of where the rows were collected, which selects it in edits; "" if that is not
// known.
func (r *Rows) Site() string {
	if r == nil {
		return ""
	}
	return r.site
}

// Examples is the number of the text that each row is of. Splits keep the rows of a text together.
func (r *Rows) Examples() []int {
	if r == nil {
		return nil
	}
	return slices.Clone(r.examples)
}

// Positions is where in its text each row stands, -1 for a mean; nil where that is not known.
func (r *Rows) Positions() []int {
	if r == nil {
		return nil
	}
	return slices.Clone(r.position)
}

// Tensor is the rows as a tensor, [row, d_model], or with the axes of another site.
func (r *Rows) Tensor() (*hooked.Tensor, error) {
	if err := r.need(); err != nil {
		return nil, err
	}
	array := &hooked.Array{Shape: append([]int{r.n}, r.dims...), Data: slices.Clone(r.data)}
	return r.newTensor(array, append([]string{"row"}, r.axes...))
}

// newTensor makes a tensor on the model's device, or where that is not known, on that of the
// process.
func (r *Rows) newTensor(array *hooked.Array, axes []string) (*hooked.Tensor, error) {
	if r.model != nil {
		return r.model.NewTensor(array, strings.Join(axes, " "))
	}
	return hooked.NewTensor(array, strings.Join(axes, " "))
}

// Pick are some of the rows, in this order. They are of the examples that they were of, so that
// labels for each example of r are labels of the picked rows as they are.
func (r *Rows) Pick(rows []int) (*Rows, error) {
	if err := r.need(); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, brief.Errorf("Pick of no rows")
	}
	out := r.like(len(rows))
	for i, at := range rows {
		if at < 0 || at >= r.n {
			return nil, brief.Errorf("there is no row %d, only 0 to %d", at, r.n-1)
		}
		copy(out.row(i), r.row(at))
		out.examples[i] = r.examples[at]
		if r.position != nil {
			out.position = append(out.position, r.position[at])
		}
	}
	return out, nil
}

// like are n rows of zeros at the same site.
func (r *Rows) like(n int) *Rows {
	return &Rows{data: make([]float32, n*r.d), n: n, d: r.d, axes: r.axes, dims: r.dims, site: r.site, model: r.model, examples: make([]int, n), of: r.of}
}

func (r *Rows) row(i int) []float32 { return r.data[i*r.d : (i+1)*r.d] }

// matrix are some of the rows in float64, in which all is solved.
func (r *Rows) matrix(rows []int) *mat.Dense {
	out := mat.NewDense(len(rows), r.d, nil)
	for i, at := range rows {
		to := out.RawRowView(i)
		for k, v := range r.row(at) {
			to[k] = float64(v)
		}
	}
	return out
}

// fits reports rows of another width than what is applied to them.
func (r *Rows) fits(d int, what string) error {
	if err := r.need(); err != nil {
		return err
	}
	if r.d != d {
		return brief.Errorf("the rows%s have %d numbers each, %s was fitted on %d", r.at(), r.d, what, d)
	}
	return nil
}
