package hooked

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

const (
	summarised = 1000    // of more values only the edges of each axis are printed
	edge       = 3       // entries at each end of an axis
	lineWidth  = 80      // characters of values in a line
	copied     = 1 << 20 // of more values only the edges are copied to the host
)

// String shows the names and sizes of the axes and the values, as PyTorch prints them: with four
// digits, and the edges of each axis where there are more than a thousand. A tensor with a single
// value and no axes prints as a number.
func (t *Tensor) String() string {
	if t.check() != nil {
		return "nil tensor"
	}
	var text string
	if err := Try(func() { text = t.format() }); err != nil {
		return fmt.Sprintf("%s (its values cannot be read: %v)", t.Describe(), err)
	}
	return text
}

// Describe is the names and sizes of the axes without values: "[batch=1 pos=4 d_vocab=50257]", and
// the type where it is not float32.
func (t *Tensor) Describe() string {
	if t.check() != nil {
		return "nil tensor"
	}
	sizes := make([]string, len(t.axes))
	for i, name := range t.axes {
		sizes[i] = fmt.Sprintf("%s=%d", name, t.value.Shape().Dim(i))
	}
	text := "[" + strings.Join(sizes, " ") + "]"
	if kind := t.value.DType(); kind != dtypes.Float32 {
		text += " " + typeName(kind)
	}
	return text
}

// typeName is PyTorch's name of a type.
func typeName(kind dtypes.DType) string { return strings.ToLower(kind.String()) }

func (t *Tensor) format() string {
	if len(t.axes) == 0 {
		return numberText(t)
	}
	p := printer{shape: t.Shape(), short: t.value.Size() > summarised}
	p.cells = t.cells(p.short)
	for _, cell := range p.cells {
		p.width = max(p.width, len(cell))
	}
	values := p.block(0)
	if strings.Contains(values, "\n") || len(values) > lineWidth/2 {
		return t.Describe() + "\n" + values
	}
	return t.Describe() + " " + values
}

func numberText(t *Tensor) string {
	switch kind := t.value.DType(); {
	case kind == dtypes.Bool:
		return strconv.FormatBool(t.truth())
	case kind.IsFloat():
		return fmt.Sprintf("%.6g", t.Item())
	}
	return fmt.Sprint(t.int64s()[0])
}

// cells are the texts of the entries that are printed, in order.
func (t *Tensor) cells(short bool) []string {
	shown := t
	if t.value.Size() > copied {
		for i, n := range t.Shape() {
			shown = shown.gather(i, edgeIndices(n))
		}
	}
	at := shown.printed(short && shown == t)
	kind := t.value.DType()
	if kind.IsFloat() {
		return floatTexts(pickAll(shown.Float32s(), at))
	}
	texts := make([]string, len(at))
	for i, v := range pickAll(shown.int64s(), at) {
		if texts[i] = strconv.FormatInt(v, 10); kind == dtypes.Bool {
			texts[i] = strconv.FormatBool(v != 0)
		}
	}
	return texts
}

// printed are the places of the entries that are printed, counted from the first entry: all, or
// those at both ends of each axis.
func (t *Tensor) printed(short bool) []int {
	shape := t.Shape()
	picks := make([][]int, len(shape))
	dims := make([]int, len(shape))
	for i, n := range shape {
		picks[i] = firstN(n)
		if short {
			picks[i] = edgeIndices(n)
		}
		dims[i] = len(picks[i])
	}
	at := make([]int, sizeOf(dims))
	place := make([]int, len(dims))
	for k := range at {
		for d, p := range place {
			at[k] = at[k]*shape[d] + picks[d][p]
		}
		countOn(place, dims)
	}
	return at
}

func firstN(n int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// edgeIndices are the first and the last of n entries, all if there are few.
func edgeIndices(n int) []int {
	if n <= 2*edge {
		return firstN(n)
	}
	indices := firstN(2 * edge)
	for i := edge; i < 2*edge; i++ {
		indices[i] += n - 2*edge
	}
	return indices
}

func pickAll[T any](values []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = values[k]
	}
	return out
}

// floatTexts are numbers as PyTorch prints them: "2." if all are whole, with an exponent if they
// are very unequal or small, else with four digits after the point.
func floatTexts(values []float32) []string {
	format := "%.4f"
	whole, least, most := true, math.Inf(1), 0.0
	for _, v := range values {
		x := math.Abs(float64(v))
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		whole = whole && x == math.Trunc(x)
		if x != 0 {
			least, most = min(least, x), max(most, x)
		}
	}
	if whole {
		format = "%.0f."
	}
	if most > 1e8 || most > 1000*least || least < 1e-4 {
		format = "%.4e"
	}
	texts := make([]string, len(values))
	for i, v := range values {
		switch x := float64(v); {
		case math.IsNaN(x):
			texts[i] = "nan"
		case math.IsInf(x, 0):
			texts[i] = strings.ToLower(strings.TrimPrefix(fmt.Sprint(x), "+"))
		default:
			texts[i] = fmt.Sprintf(format, x)
		}
	}
	return texts
}

// printer lays out the texts of entries.
type printer struct {
	shape []int
	cells []string // not printed yet
	width int
	short bool
}

// block is what is inside one pair of brackets at a depth.
func (p *printer) block(depth int) string {
	n := p.shape[depth]
	cut := p.short && n > 2*edge
	if cut {
		n = 2 * edge
	}
	parts := make([]string, 0, n+1)
	for i := range n {
		if cut && i == edge {
			parts = append(parts, "...")
		}
		if depth+1 < len(p.shape) {
			parts = append(parts, p.block(depth+1))
			continue
		}
		parts = append(parts, fmt.Sprintf("%*s", p.width, p.cells[0]))
		p.cells = p.cells[1:]
	}
	indent := strings.Repeat(" ", depth+1)
	if deeper := len(p.shape) - depth - 1; deeper > 0 {
		return "[" + strings.Join(parts, ","+strings.Repeat("\n", deeper)+indent) + "]"
	}
	return "[" + wrapped(parts, indent) + "]"
}

// wrapped joins the entries of a row, with as many in a line as fit.
func wrapped(parts []string, indent string) string {
	var b strings.Builder
	length := 0
	for i, part := range parts {
		switch {
		case i == 0:
		case length+len(part)+2 > lineWidth-len(indent):
			b.WriteString(",\n" + indent)
			length = 0
		default:
			b.WriteString(", ")
			length += 2
		}
		b.WriteString(part)
		length += len(part)
	}
	return b.String()
}
