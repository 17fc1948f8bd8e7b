package hooked

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Einsum multiplies t with other tensors and sums over the axes that the result does not name, in
// the notation of einops (Rogozhnikov 2022), t being the first operand: a.Einsum("head query key,
// key head d -> query head d", b). The names are the equation's own: they label axes by their
// order, whatever the tensors call them, and become the names of the result's axes. An axis named
// twice in one operand means its diagonal: "i i -> i" takes it, "i i ->" is the trace.
//
// It panics if the equation does not fit the tensors.
func (t *Tensor) Einsum(equation string, others ...*Tensor) *Tensor {
	operands := append([]*Tensor{t}, others...)
	for _, operand := range operands {
		operand.need()
	}
	eq := parseEinsum(equation)
	eq.check(operands)
	kind := commonType(operands)
	if kind == dtypes.Bool {
		kind = dtypes.Int32
	}
	eng := sharedBy(operands)
	out := eng.eager("einsum "+equation, func(in []*Node) *Node {
		for i, x := range in {
			in[i] = asType(x, kind)
		}
		return eq.build(in)
	}, tensorValues(operands)...)
	return &Tensor{out, slices.Clone(eq.out), eng}
}

// einsum is an equation taken apart: the axes of each operand and of the result.
type einsum struct {
	text string
	in   [][]string
	out  []string
}

func parseEinsum(equation string) einsum {
	left, right, ok := strings.Cut(equation, "->")
	if !ok {
		fail("Einsum(%q) has no arrow: want something like \"a b, b c -> a c\"", equation)
	}
	eq := einsum{text: equation, out: strings.Fields(right)}
	for _, operand := range strings.Split(left, ",") {
		eq.in = append(eq.in, strings.Fields(operand))
	}
	if repeated(eq.out) {
		fail("Einsum(%q): the result names an axis twice", equation)
	}
	return eq
}

func repeated(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) < len(names)
}

// check compares the equation with the tensors.
func (eq einsum) check(operands []*Tensor) {
	if len(operands) != len(eq.in) {
		fail("Einsum(%q) has %d operands, %d tensors are given", eq.text, len(eq.in), len(operands))
	}
	sizes := make(map[string]int)
	for i, t := range operands {
		shape := t.Shape()
		if len(shape) != len(eq.in[i]) {
			fail("Einsum(%q): operand %d has axes %v, the tensor is %v", eq.text, i, eq.in[i], t.axes)
		}
		for k, name := range eq.in[i] {
			if n, seen := sizes[name]; seen && n != shape[k] {
				fail("Einsum(%q): axis %q has %d entries in one operand and %d in another", eq.text, name, n, shape[k])
			}
			sizes[name] = shape[k]
		}
	}
	for _, name := range eq.out {
		if _, ok := sizes[name]; !ok {
			fail("Einsum(%q): no operand has the axis %q of the result", eq.text, name)
		}
	}
}

// build multiplies from left to right and sums an axis away as soon as nothing that follows needs
// it.
func (eq einsum) build(in []*Node) *Node {
	eq.in = slices.Clone(eq.in)
	for i, x := range in {
		in[i], eq.in[i] = withoutRepeats(x, eq.in[i])
	}
	x, axes := in[0], eq.in[0]
	for i := 1; i < len(in); i++ {
		keep := eq.neededAfter(i, append(slices.Clone(axes), eq.in[i]...))
		x = einsumPair(x, in[i], axes, eq.in[i], keep)
		axes = keep
	}
	return eq.finish(x, axes)
}

// withoutRepeats takes the diagonal of each two axes of one name.
func withoutRepeats(x *Node, axes []string) (*Node, []string) {
	for j := len(axes) - 1; j > 0; j-- {
		i := slices.Index(axes[:j], axes[j])
		if i < 0 {
			continue
		}
		n := len(axes)
		var order []int // of the axes, these two last
		for k := range n {
			if k != i && k != j {
				order = append(order, k)
			}
		}
		x = TransposeAllAxes(x, append(order, i, j)...)
		lead := x.Shape().Dimensions[:n-2]
		size := x.Shape().Dim(n - 1)
		x = Reshape(diagonalOf(Reshape(x, sizeOf(lead), size, size), 0), append(slices.Clone(lead), size)...)
		name := axes[j]
		axes = append(without(without(axes, j), i), name)
		j = len(axes)
	}
	return x, axes
}

// neededAfter are the axes among have, each once, that operands after i or the result use.
func (eq einsum) neededAfter(i int, have []string) []string {
	var keep []string
	for _, name := range have {
		later := slices.Contains(eq.out, name)
		for _, axes := range eq.in[i+1:] {
			later = later || slices.Contains(axes, name)
		}
		if later && !slices.Contains(keep, name) {
			keep = append(keep, name)
		}
	}
	return keep
}

// finish sums away what is left and puts the axes in order.
func (eq einsum) finish(x *Node, axes []string) *Node {
	var over []int
	var kept []string
	for i, name := range axes {
		if slices.Contains(eq.out, name) {
			kept = append(kept, name)
		} else {
			over = append(over, i)
		}
	}
	if len(over) > 0 {
		x = reduceSum(x, over...)
	}
	if slices.Equal(kept, eq.out) {
		return x
	}
	order := make([]int, len(eq.out))
	for i, name := range eq.out {
		order[i] = slices.Index(kept, name)
	}
	return TransposeAllAxes(x, order...)
}

// einsumPair is GoMLX's einsum of two operands with whole words as names of axes.
func einsumPair(a, b *Node, axesA, axesB, out []string) *Node {
	letters := make(map[string]byte)
	spell := func(axes []string) string {
		var s strings.Builder
		for _, name := range axes {
			if _, ok := letters[name]; !ok {
				letters[name] = byte('a' + len(letters))
			}
			s.WriteByte(letters[name])
		}
		return s.String()
	}
	left, right := spell(axesA), spell(axesB)
	return Dot(a, b).Einsum(fmt.Sprintf("%s,%s->%s", left, right, spell(out)))
}
