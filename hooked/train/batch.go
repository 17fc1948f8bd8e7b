package train

import (
	"maps"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// A Batch is what one step reads: rows of tokens, all of one length, and whatever the loss compares
// with. It also is how a whole set of examples is given, see [Batch.Shuffled].
type Batch struct {
	Tokens hooked.Tokens // [batch][pos]

	// Mask says which tokens are real (1) and which are pads (0), [batch][pos]; nil where all are.
	Mask [][]int

	// Labels are what losses and metrics read beside the model, by name. The first axis of each is
	// the batch: []int and [][]int become whole numbers of the graph; []float32, []float64,
	// [][]float32, [][]float64 and *hooked.Array become float32.
	Labels map[string]any
}

// label is a label as a graph gets it.
type label struct {
	shape shapes.Shape
	flat  any // []int32 or []float32
}

// labelOf reads a label in any of its forms.
func labelOf(name string, value any) (l label, err error) {
	switch v := value.(type) {
	case []int:
		l, err = wholeLabel([][]int{v}, len(v))
	case [][]int:
		l, err = wholeLabel(v, len(v), width(v))
	case []float32:
		l = realLabel(v, len(v))
	case []float64:
		l, err = rowsLabel([][]float64{v}, len(v))
	case [][]float32:
		l, err = rowsLabel(v, len(v), width(v))
	case [][]float64:
		l, err = rowsLabel(v, len(v), width(v))
	case *hooked.Array:
		if v == nil {
			return l, brief.Errorf("label %q is a nil *hooked.Array", name)
		}
		l = realLabel(v.Data, v.Shape...)
	default:
		return l, brief.Errorf("label %q is a %T: want []int, [][]int, []float32, []float64, rows of these, or a *hooked.Array", name, value)
	}
	if err != nil {
		return l, brief.Errorf("label %q: %w", name, err)
	}
	if l.shape.Rank() == 0 || l.shape.Size() == 0 {
		return l, brief.Errorf("label %q is empty", name)
	}
	return l, nil
}

func width[T any](rows [][]T) int {
	if len(rows) == 0 {
		return 0
	}
	return len(rows[0])
}

func wholeLabel(rows [][]int, dims ...int) (label, error) {
	var flat []int32
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return label{}, brief.Errorf("row %d has %d entries, row 0 has %d: want equal rows", i, len(row), len(rows[0]))
		}
		for _, v := range row {
			if int(int32(v)) != v {
				return label{}, brief.Errorf("%d is too large for int32", v)
			}
			flat = append(flat, int32(v))
		}
	}
	return label{shapes.Make(dtypes.Int32, dims...), flat}, nil
}

func rowsLabel[T float32 | float64](rows [][]T, dims ...int) (label, error) {
	var flat []float32
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return label{}, brief.Errorf("row %d has %d entries, row 0 has %d: want equal rows", i, len(row), len(rows[0]))
		}
		for _, v := range row {
			if math.IsInf(float64(float32(v)), 0) && !math.IsInf(float64(v), 0) {
				return label{}, brief.Errorf("%v is too large for float32", v)
			}
			flat = append(flat, float32(v))
		}
	}
	return realLabel(flat, dims...), nil
}

func realLabel(flat []float32, dims ...int) label {
	return label{shapes.Make(dtypes.Float32, dims...), flat}
}

// check reports a batch that the model cannot read.
func (b Batch) check(c hooked.Config) error {
	if len(b.Tokens) == 0 || len(b.Tokens[0]) == 0 {
		return brief.Errorf("the batch has no tokens")
	}
	n := len(b.Tokens[0])
	if n > c.NCtx {
		return brief.Errorf("the batch has rows of %d tokens, the model's context is %d: %w", n, c.NCtx, hooked.ErrOutOfContext)
	}
	for i, row := range b.Tokens {
		if len(row) != n {
			return brief.Errorf("row %d has %d tokens, row 0 has %d: a batch has rows of one length", i, len(row), n)
		}
		for k, id := range row {
			if id < 0 || id >= c.DVocab {
				return brief.Errorf("row %d, position %d: token %d is outside the vocabulary of %d", i, k, id, c.DVocab)
			}
		}
	}
	return b.checkMask()
}

func (b Batch) checkMask() error {
	if b.Mask == nil {
		return nil
	}
	if len(b.Mask) != len(b.Tokens) {
		return brief.Errorf("the mask has %d rows, the batch %d", len(b.Mask), len(b.Tokens))
	}
	for i, row := range b.Mask {
		if len(row) != len(b.Tokens[0]) {
			return brief.Errorf("the mask's row %d has %d entries, the tokens %d", i, len(row), len(b.Tokens[0]))
		}
		if k := slices.IndexFunc(row, func(v int) bool { return v != 0 && v != 1 }); k >= 0 {
			return brief.Errorf("the mask's row %d, position %d is %d: want 1 for a token, 0 for a pad", i, k, row[k])
		}
	}
	return nil
}

// labels are the batch's labels that a program reads, as it gets them. They must be there, and none
// that nobody knows: those that other programs of the training read are.
func (b Batch) labels(read, known []string) (map[string]label, error) {
	names := slices.Sorted(maps.Keys(b.Labels))
	for _, name := range read {
		if _, ok := b.Labels[name]; !ok {
			return nil, brief.Errorf("the loss reads label %q, which the batch does not have%s", name, nearest.Hint(name, names))
		}
	}
	all := make(map[string]label)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, brief.Errorf("the batch has label %q, which neither loss nor metric reads; they read %s", name, orNone(known))
		}
		if !slices.Contains(read, name) {
			continue
		}
		l, err := labelOf(name, b.Labels[name])
		if err != nil {
			return nil, err
		}
		if rows := l.shape.Dimensions[0]; rows != len(b.Tokens) {
			return nil, brief.Errorf("label %q has %d rows, the batch %d", name, rows, len(b.Tokens))
		}
		all[name] = l
	}
	return all, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return brief.Names(names)
}

// rows are some of the batch's rows, in this order.
func (b Batch) rows(at []int) Batch {
	out := Batch{Tokens: pickRows(b.Tokens, at)}
	if b.Mask != nil {
		out.Mask = pickRows(b.Mask, at)
	}
	if b.Labels != nil {
		out.Labels = make(map[string]any)
		for name, value := range b.Labels {
			out.Labels[name] = labelRows(value, at)
		}
	}
	return out
}

func pickRows[S ~[]T, T any](all S, at []int) S {
	out := make(S, len(at))
	for i, k := range at {
		out[i] = all[k]
	}
	return out
}

// labelRows are some rows of a label. One that fits no form stays as it is, and is refused when it
// is read.
func labelRows(value any, at []int) any {
	switch v := value.(type) {
	case []int:
		return pickRows(v, at)
	case [][]int:
		return pickRows(v, at)
	case []float32:
		return pickRows(v, at)
	case []float64:
		return pickRows(v, at)
	case [][]float32:
		return pickRows(v, at)
	case [][]float64:
		return pickRows(v, at)
	case *hooked.Array:
		size := len(v.Data) / v.Shape[0]
		out := &hooked.Array{Shape: append([]int{len(at)}, v.Shape[1:]...)}
		for _, k := range at {
			out.Data = append(out.Data, v.Data[k*size:(k+1)*size]...)
		}
		return out
	}
	return value
}

// checkRows reports a set of examples whose parts have different numbers of rows.
func (b Batch) checkRows() error {
	if len(b.Tokens) == 0 {
		return brief.Errorf("there are no examples")
	}
	if b.Mask != nil && len(b.Mask) != len(b.Tokens) {
		return brief.Errorf("the mask has %d rows, there are %d examples", len(b.Mask), len(b.Tokens))
	}
	for _, name := range slices.Sorted(maps.Keys(b.Labels)) {
		l, err := labelOf(name, b.Labels[name])
		if err != nil {
			return err
		}
		if rows := l.shape.Dimensions[0]; rows != len(b.Tokens) {
			return brief.Errorf("label %q has %d rows, there are %d examples", name, rows, len(b.Tokens))
		}
	}
	return nil
}

// A feed is a batch as a program gets it: arrays in the order of their names.
type feed struct {
	names  []string
	values []label
	rows   int
	tokens int
}

// feed checks a batch and lays it out for a program that reads some of the labels that are known.
func (b Batch) feed(c hooked.Config, read, known []string) (feed, error) {
	if err := b.check(c); err != nil {
		return feed{}, err
	}
	labels, err := b.labels(read, known)
	if err != nil {
		return feed{}, err
	}
	dims := b.Tokens.Shape()
	f := feed{rows: dims[0], tokens: dims[0] * dims[1]}
	add := func(name string, l label) { f.names, f.values = append(f.names, name), append(f.values, l) }
	tokens, err := wholeLabel(b.Tokens, dims...)
	if err != nil {
		return f, err
	}
	add(tokensInput, tokens)
	if b.Mask != nil {
		mask, err := wholeLabel(b.Mask, dims...)
		if err != nil {
			return f, err
		}
		add(maskInput, mask)
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		add(labelInput+name, labels[name])
	}
	return f, nil
}

// Names of a program's inputs.
const (
	tokensInput = "tokens"
	maskInput   = "mask"
	labelInput  = "label "
)

// tensors are the feed's arrays on the device.
func (f feed) tensors(be compute.Backend) ([]*tensors.Tensor, error) {
	out := make([]*tensors.Tensor, len(f.values))
	for i, v := range f.values {
		buffer, err := be.BufferFromFlatData(0, v.flat, v.shape)
		if err != nil {
			return nil, brief.Errorf("uploading the batch's %s: %w", f.names[i], err)
		}
		if out[i], err = tensors.FromBuffer(buffer); err != nil {
			return nil, err
		}
	}
	return out, nil
}
