package hooked

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// Sizes are the sizes of axes in a pattern that the tensor's shape does not tell.
type Sizes map[string]int

// Rearrange moves, splits and merges axes by a pattern in the notation of einops (Rogozhnikov
// 2022):
//
//	w.Rearrange("(head d) m -> head d m", hooked.Sizes{"head": 12})
//
// Axes in parentheses are one axis of the tensor, "1" or "()" is an axis of a single entry, and
// "..." stands for the axes that are left. As in [Tensor.Einsum], the names are the pattern's own
// and become the result's; a merged axis is called after its parts, "head_d".
//
// It panics if the pattern does not fit the tensor.
func (t *Tensor) Rearrange(pattern string, sizes ...Sizes) *Tensor {
	p := t.pattern("Rearrange", pattern, sizes)
	if gone, added := p.gone(), p.added(); len(gone)+len(added) > 0 {
		fail("Rearrange(%q): both sides must have the same axes, and %s is on one of them only: Reduce drops axes, Repeat adds some",
			pattern, brief.Names(append(gone, added...)))
	}
	return p.apply(t)
}

// Repeat is [Tensor.Rearrange] with new axes on the right, along which the entries are repeated:
// v.Repeat("kv_head d -> (kv_head 4) d").
func (t *Tensor) Repeat(pattern string, sizes ...Sizes) *Tensor {
	p := t.pattern("Repeat", pattern, sizes)
	if gone := p.gone(); len(gone) > 0 {
		fail("Repeat(%q): %s is missing on the right: Reduce drops axes", pattern, brief.Names(gone))
	}
	if err := p.sizeNew(); err != nil {
		fail("Repeat(%q): %v", pattern, err)
	}
	return p.apply(t)
}

// reductions are what [Tensor.Reduce] does to the entries of an axis that goes away.
var reductions = map[string]func(t *Tensor, axes ...string) *Tensor{
	"sum": (*Tensor).Sum, "mean": (*Tensor).Mean, "max": (*Tensor).Max, "min": (*Tensor).Min,
}

// Reduce is [Tensor.Rearrange] for patterns that lack axes on the right: these are reduced by
// "sum", "mean", "max" or "min", as in x.Reduce("(block 4) d -> block d", "mean").
func (t *Tensor) Reduce(pattern, how string, sizes ...Sizes) *Tensor {
	t.need()
	f, ok := reductions[how]
	if !ok {
		fail("Reduce(%q, %q): want one of %s", pattern, how, brief.Names(slices.Sorted(maps.Keys(reductions))))
	}
	p := t.pattern("Reduce", pattern, sizes)
	if added := p.added(); len(added) > 0 {
		fail("Reduce(%q): %s is missing on the left: Repeat adds axes", pattern, brief.Names(added))
	}
	gone := p.gone()
	if len(gone) == 0 {
		return p.apply(t)
	}
	apart := tensorPattern{from: p.from, to: eachAlone(flatten(p.from)), dims: p.dims}.apply(t)
	left := f(apart, gone...)
	return tensorPattern{from: eachAlone(left.axes), to: p.to, dims: p.dims}.apply(left)
}

// tensorPattern is a pattern with the sizes of its axes.
type tensorPattern struct {
	from, to [][]string
	known    Sizes // by the user
	dims     map[string]int
}

// pattern reads a pattern for t.
func (t *Tensor) pattern(method, text string, given []Sizes) tensorPattern {
	p, err := t.readPattern(text, given)
	if err != nil {
		fail("%s(%q) of a tensor %s: %v", method, text, t.Describe(), err)
	}
	return p
}

func (t *Tensor) readPattern(text string, given []Sizes) (p tensorPattern, err error) {
	left, right, ok := strings.Cut(text, "->")
	if !ok {
		return p, brief.Errorf("it has no arrow: want something like \"(head d) m -> head d m\"")
	}
	if p.from, err = readSide(left); err != nil {
		return p, err
	}
	if p.to, err = readSide(right); err != nil {
		return p, err
	}
	if err := p.fillDots(len(t.need().axes)); err != nil {
		return p, err
	}
	if p.known, err = p.knownSizes(given); err != nil {
		return p, err
	}
	p.dims, err = (axisPattern{from: p.from}).sizes(t.Shape(), p.known)
	return p, err
}

const dots = "..."

// readSide reads one side of a pattern. An axis of a single entry is an empty group.
func readSide(side string) ([][]string, error) {
	if err := checkParentheses(side); err != nil {
		return nil, err
	}
	out := groups(side)
	for i, group := range out {
		out[i] = slices.DeleteFunc(group, func(name string) bool { return name == "1" })
	}
	if names := flatten(out); repeated(names) {
		return nil, brief.Errorf("an axis stands twice in %q", strings.TrimSpace(side))
	}
	return out, nil
}

func checkParentheses(side string) error {
	depth := 0
	for _, r := range side {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 || depth > 1 {
			break
		}
	}
	if depth != 0 {
		return brief.Errorf("the parentheses in %q do not pair", strings.TrimSpace(side))
	}
	return nil
}

// fillDots puts names in place of "...", for a tensor of so many axes.
func (p *tensorPattern) fillDots(rank int) error {
	isDots := func(group []string) bool { return slices.Contains(group, dots) }
	left, right := slices.IndexFunc(p.from, isDots), slices.IndexFunc(p.to, isDots)
	if left < 0 && right < 0 {
		return nil
	}
	if left < 0 || right < 0 || len(p.from[left]) != 1 {
		return brief.Errorf("%q must stand on both sides, and not in parentheses on the left", dots)
	}
	n := rank - len(p.from) + 1
	if n < 0 {
		return brief.Errorf("the pattern has %d axes on the left", len(p.from)-1)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("dim", left+i)
	}
	p.from = slices.Replace(p.from, left, left+1, eachAlone(names)...)
	if len(p.to[right]) == 1 {
		p.to = slices.Replace(p.to, right, right+1, eachAlone(names)...)
		return nil
	}
	at := slices.Index(p.to[right], dots)
	p.to[right] = slices.Replace(p.to[right], at, at+1, names...)
	return nil
}

// eachAlone makes a group of each name.
func eachAlone(names []string) [][]string {
	out := make([][]string, len(names))
	for i, name := range names {
		out[i] = []string{name}
	}
	return out
}

// knownSizes are the sizes that the user gives, which must all be of axes of the pattern.
func (p *tensorPattern) knownSizes(given []Sizes) (Sizes, error) {
	known := make(Sizes)
	names := append(flatten(p.from), flatten(p.to)...)
	for _, sizes := range given {
		for name, n := range sizes {
			if !slices.Contains(names, name) {
				return nil, brief.Errorf("the pattern has no axis %q, whose size is given%s", name, nearest.Hint(name, names))
			}
			if n <= 0 {
				return nil, brief.Errorf("axis %q cannot have %d entries", name, n)
			}
			known[name] = n
		}
	}
	return known, nil
}

// sizeNew finds the sizes of the axes that the right side adds.
func (p *tensorPattern) sizeNew() error {
	for _, name := range p.added() {
		n, ok := p.known[name]
		if number, err := strconv.Atoi(name); err == nil {
			n, ok = number, number > 0
		}
		if !ok {
			return brief.Errorf("the size of %q is unknown: give it as hooked.Sizes{%q: n}", name, name)
		}
		p.dims[name] = n
	}
	return nil
}

// gone are the axes that the right side lacks.
func (p *tensorPattern) gone() []string { return lacking(flatten(p.from), flatten(p.to)) }

// added are the axes that the left side lacks.
func (p *tensorPattern) added() []string { return lacking(flatten(p.to), flatten(p.from)) }

func lacking(names, among []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(among, name) })
}

// apply splits the axes of t, puts them in order, repeats along new ones, and merges.
func (p tensorPattern) apply(t *Tensor) *Tensor {
	left, right := flatten(p.from), flatten(p.to)
	var order []int // of the left axes
	whole := make([]int, len(right))
	place := make([]int, len(right)) // whole, with new axes of a single entry
	for i, name := range right {
		whole[i], place[i] = p.dims[name], 1
		if at := slices.Index(left, name); at >= 0 {
			order = append(order, at)
			place[i] = whole[i]
		}
	}
	apart := groupSizes(eachAlone(left), p.dims)
	merged := groupSizes(p.to, p.dims)
	v := t.eng.eager(fmt.Sprint("rearrange ", apart, order, place, whole, merged), func(in []*Node) *Node {
		x := Reshape(in[0], apart...)
		if len(order) > 1 && !slices.IsSorted(order) {
			x = TransposeAllAxes(x, order...)
		}
		if !slices.Equal(place, whole) {
			x = BroadcastToDims(Reshape(x, place...), whole...)
		}
		return Reshape(x, merged...)
	}, t.value)
	return &Tensor{v, groupNames(p.to), t.eng}
}

// groupNames are the names of the axes that groups are merged into.
func groupNames(groups [][]string) []string {
	names := make([]string, len(groups))
	for i, group := range groups {
		if names[i] = strings.Join(group, "_"); len(group) == 0 {
			names[i] = "1"
		}
	}
	return names
}
