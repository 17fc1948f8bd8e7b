package devices

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// A layout says which part of a tensor lies on which device. The zero layout is the whole tensor on
// the first device.
type layout struct {
	grid Grid   // of the devices that it lies on; none in the zero layout
	cuts string // the kind of each axis as it is cut, an [Axis] each
}

// layoutOf is the layout of a tensor with axes of these kinds. Each kind cuts one axis, the first
// that it divides; axes that are not named are whole.
func (g Grid) layoutOf(shape shapes.Shape, axes []Axis) layout {
	cuts := make([]byte, shape.Rank())
	parts := map[Axis]int{Batch: g.Batch, Weights: g.Weights}
	for i := range min(len(cuts), len(axes)) {
		kind := axes[i]
		if n := parts[kind]; n > 1 && shape.Dimensions[i]%n == 0 {
			cuts[i] = byte(kind)
			delete(parts, kind)
		}
	}
	return layout{g, string(cuts)}
}

// home reports whether it is the zero layout.
func (l layout) home() bool { return l.grid == Grid{} }

// devices is how many devices hold a part, which are the first ones.
func (l layout) devices() int {
	if l.home() {
		return 1
	}
	return l.grid.Devices()
}

// cut reports whether any axis is.
func (l layout) cut() bool {
	return slices.ContainsFunc([]byte(l.cuts), func(c byte) bool { return c != 0 })
}

// serves reports whether what lies so can be read as want says, from the first devices.
func (l layout) serves(want layout) bool {
	switch {
	case want.home():
		return !l.cut()
	case l.home() || l.cuts != want.cuts || l.devices() < want.devices():
		return l == want
	}
	// Devices are counted batch part by batch part: fewer of these are a beginning.
	return l.grid.Weights == want.grid.Weights && (l.grid.Batch == want.grid.Batch || !l.cutsKind(Batch))
}

// cutsKind reports whether an axis of this kind is cut.
func (l layout) cutsKind(kind Axis) bool { return slices.Contains([]byte(l.cuts), byte(kind)) }

// spec is the layout in XLA's words.
func (l layout) spec() *compute.ShardingSpec {
	axes := make([][]string, len(l.cuts))
	for i := range l.cuts {
		if name := meshAxes[Axis(l.cuts[i])]; name != "" {
			axes[i] = []string{name}
		}
	}
	return &compute.ShardingSpec{Mesh: meshName, Axes: axes}
}

// meshName is the name of the one mesh of a program.
const meshName = "devices"

// mesh is the devices in XLA's words; those of one part are left out.
func (g Grid) mesh() compute.Mesh {
	m := compute.Mesh{Name: meshName}
	for _, axis := range []struct {
		kind  Axis
		parts int
	}{{Batch, g.Batch}, {Weights, g.Weights}} {
		if axis.parts > 1 {
			m.AxesNames, m.AxesSizes = append(m.AxesNames, meshAxes[axis.kind]), append(m.AxesSizes, axis.parts)
		}
	}
	return m
}

// partShape is the shape of a device's part.
func (l layout) partShape(shape shapes.Shape) shapes.Shape {
	part := shape.Clone()
	for i := range l.cuts {
		part.Dimensions[i] /= l.partsOf(Axis(l.cuts[i]))
	}
	return part
}

func (l layout) partsOf(kind Axis) int {
	switch kind {
	case Batch:
		return l.grid.Batch
	case Weights:
		return l.grid.Weights
	}
	return 1
}

// part is which part along an axis of a kind a device has.
func (l layout) part(kind Axis, device int) int {
	switch kind {
	case Batch:
		return device / l.grid.Weights
	case Weights:
		return device % l.grid.Weights
	}
	return 0
}

// copyPart copies a device's part out of the flat values of a whole tensor, or with into true back
// into them.
func (l layout) copyPart(shape shapes.Shape, device int, whole, part any, into bool) {
	move := func(to, from []byte) { copy(to, from) }
	if into {
		move = func(to, from []byte) { copy(from, to) }
	}
	w, p := dtypes.UnsafeByteSliceFromAny(whole), dtypes.UnsafeByteSliceFromAny(part)
	cut := l.partShape(shape)
	// run is how many bytes follow each other in both: all axes behind the last that is cut, with
	// the part of that one
	last := len(l.cuts) - 1
	for last >= 0 && l.cuts[last] == 0 {
		last--
	}
	run := shape.DType.Size()
	for i := max(last, 0); i < shape.Rank(); i++ {
		run *= cut.Dimensions[i]
	}
	if last < 0 {
		move(p, w)
		return
	}
	index := make([]int, last)
	for at := 0; at < len(p); at += run {
		move(p[at:at+run], w[l.offset(shape, cut, device, index, last):][:run])
		for axis := last - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < cut.Dimensions[axis] {
				break
			}
			index[axis] = 0
		}
	}
}

// offset is where, in bytes, the run of a part with this index begins in the whole.
func (l layout) offset(shape, cut shapes.Shape, device int, index []int, last int) int {
	offset := 0
	for axis, n := range shape.Dimensions {
		at := l.part(Axis(l.cuts[axis]), device) * cut.Dimensions[axis]
		if axis < last {
			at += index[axis]
		}
		offset = offset*n + at
	}
	return offset * shape.DType.Size()
}

// distinct are the devices whose parts make the whole: of those that hold the same, the first.
func (l layout) distinct() []int {
	var list []int
	for d := range l.devices() {
		batch, weights := l.part(Batch, d), l.part(Weights, d)
		if (batch == 0 || l.cutsKind(Batch)) && (weights == 0 || l.cutsKind(Weights)) {
			list = append(list, d)
		}
	}
	return list
}
