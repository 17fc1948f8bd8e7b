package hooked

import (
	"fmt"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
)

// rearrange moves the axes of a by a pattern in the notation of einops (Rogozhnikov 2022): "(head
// e) d -> head d e" splits the first axis and moves d between its halves. Sizes name the axes that
// the shape alone does not tell.
func rearrange(a *Array, pattern string, sizes map[string]int) (*Array, error) {
	p, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	dims, err := p.sizes(a.Shape, sizes)
	if err != nil {
		return nil, brief.Errorf("rearranging shape %v by %q: %w", a.Shape, pattern, err)
	}
	strides := make(map[string]int)
	stride := 1
	for _, axis := range backwards(flatten(p.from)) {
		strides[axis] = stride
		stride *= dims[axis]
	}
	out := &Array{Shape: groupSizes(p.to, dims), Data: make([]float32, len(a.Data))}
	axes := flatten(p.to)
	loop := make([]axisLoop, len(axes))
	for i, axis := range axes {
		loop[i] = axisLoop{dims[axis], strides[axis]}
	}
	copyStrided(out.Data, a.Data, loop)
	return out, nil
}

// axisLoop is one axis of the result: how long it is, and how far apart its entries lie in the
// source.
type axisLoop struct{ n, stride int }

// copyStrided fills dst in order from src and returns what is left of dst.
func copyStrided(dst, src []float32, loop []axisLoop) []float32 {
	switch {
	case len(loop) == 0:
		dst[0] = src[0]
		return dst[1:]
	case len(loop) == 2 && loop[0].stride == 1:
		return copyTransposed(dst, src, loop[0].n, loop[1])
	case len(loop) > 1:
		for i := range loop[0].n {
			dst = copyStrided(dst, src[i*loop[0].stride:], loop[1:])
		}
		return dst
	case loop[0].stride == 1:
		return dst[copy(dst, src[:loop[0].n]):]
	}
	row := dst[:loop[0].n]
	for i := range row {
		row[i] = src[i*loop[0].stride]
	}
	return dst[loop[0].n:]
}

// tile is the side of the squares in which a matrix is transposed: read and written, they fit the
// nearest cache.
const tile = 32

// copyTransposed writes rows rows of dst, each a column of src, in tiles: reading a large matrix
// down its columns would miss the cache at every step.
func copyTransposed(dst, src []float32, rows int, column axisLoop) []float32 {
	cols := column.n
	for i0 := 0; i0 < rows; i0 += tile {
		for j0 := 0; j0 < cols; j0 += tile {
			for i := i0; i < min(i0+tile, rows); i++ {
				for j := j0; j < min(j0+tile, cols); j++ {
					dst[i*cols+j] = src[i+j*column.stride]
				}
			}
		}
	}
	return dst[rows*cols:]
}

// withoutRows is a without its first n rows.
func (a *Array) withoutRows(n int) (*Array, error) {
	if len(a.Shape) == 0 || a.Shape[0] < n {
		return nil, brief.Errorf("shape %v has no %d leading rows", a.Shape, n)
	}
	shape := append([]int{a.Shape[0] - n}, a.Shape[1:]...)
	return &Array{Shape: shape, Data: a.Data[len(a.Data)-sizeOf(shape):]}, nil
}

// axisPattern is "from -> to", each side a list of groups of axis names.
type axisPattern struct{ from, to [][]string }

func parsePattern(pattern string) (axisPattern, error) {
	left, right, ok := strings.Cut(pattern, "->")
	if !ok {
		return axisPattern{}, brief.Errorf("pattern %q has no arrow: want something like \"a b -> b a\"", pattern)
	}
	p := axisPattern{from: groups(left), to: groups(right)}
	from, to := flatten(p.from), flatten(p.to)
	if !sameAxes(from, to) {
		return p, brief.Errorf("pattern %q must have the same axes on both sides, each once", pattern)
	}
	return p, nil
}

func groups(side string) [][]string {
	side = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(side)
	var out [][]string
	inside := false
	for _, word := range strings.Fields(side) {
		switch {
		case word == "(":
			inside = true
			out = append(out, nil)
		case word == ")":
			inside = false
		case inside:
			out[len(out)-1] = append(out[len(out)-1], word)
		default:
			out = append(out, []string{word})
		}
	}
	return out
}

// ungroup writes groups as a side of a pattern.
func ungroup(groups [][]string) string {
	var words []string
	for _, g := range groups {
		if len(g) == 1 {
			words = append(words, g[0])
		} else {
			words = append(words, "("+strings.Join(g, " ")+")")
		}
	}
	return strings.Join(words, " ")
}

func flatten(groups [][]string) []string {
	var out []string
	for _, g := range groups {
		out = append(out, g...)
	}
	return out
}

func sameAxes(a, b []string) bool {
	seen := make(map[string]int)
	for _, name := range a {
		seen[name]++
	}
	for _, name := range b {
		seen[name]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return len(seen) == len(a)
}

func backwards(axes []string) []string {
	out := make([]string, len(axes))
	for i, axis := range axes {
		out[len(axes)-1-i] = axis
	}
	return out
}

func groupSizes(groups [][]string, dims map[string]int) []int {
	shape := make([]int, len(groups))
	for i, g := range groups {
		shape[i] = 1
		for _, axis := range g {
			shape[i] *= dims[axis]
		}
	}
	return shape
}

// sizes is the size of each axis, from the shape and from what is known beforehand. A number as a
// name is its own size.
func (p axisPattern) sizes(shape []int, known map[string]int) (map[string]int, error) {
	if len(shape) != len(p.from) {
		return nil, brief.Errorf("the pattern has %d axes on the left, the array %d", len(p.from), len(shape))
	}
	dims := make(map[string]int)
	for i, g := range p.from {
		if err := solveGroup(g, shape[i], known, dims); err != nil {
			return nil, err
		}
	}
	return dims, nil
}

func solveGroup(group []string, size int, known, dims map[string]int) error {
	unknown, product := "", 1
	for _, axis := range group {
		n, ok := known[axis]
		if number, err := strconv.Atoi(axis); err == nil {
			n, ok = number, true
		}
		switch {
		case ok:
			dims[axis] = n
			product *= n
		case unknown != "":
			return brief.Errorf("the sizes of both %q and %q are unknown", unknown, axis)
		default:
			unknown = axis
		}
	}
	if unknown != "" && size%product == 0 {
		dims[unknown] = size / product
		product = size
	}
	if product != size {
		var sizes []string
		for _, axis := range group {
			sizes = append(sizes, fmt.Sprint(axis, " of ", dims[axis]))
		}
		return brief.Errorf("an axis of size %d cannot be %s", size, strings.Join(sizes, " times "))
	}
	return nil
}
