package hooked

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes/gotype"
	"github.com/gomlx/gomlx/core/tensors"
)

// Tensors from nothing. Axes are named in one text, separated by blanks, and sizes follow:
// NewZeros("head d_head", 12, 64). Like methods of tensors these panic if the two do not fit.

// NewZeros is a tensor of zeros.
func NewZeros(axes string, dims ...int) *Tensor { return NewFull(0, axes, dims...) }

// NewOnes is a tensor of ones.
func NewOnes(axes string, dims ...int) *Tensor { return NewFull(1, axes, dims...) }

// NewFull is a tensor of one value.
func NewFull(value float32, axes string, dims ...int) *Tensor {
	return generated(axes, dims, func(int) float32 { return value })
}

// NewEye is the identity matrix, [row, column] by the names given.
func NewEye(axes string, n int) *Tensor {
	return generated(axes, []int{n, n}, func(i int) float32 {
		if i/n == i%n {
			return 1
		}
		return 0
	})
}

// NewArange are the whole numbers from 0 up to but not including one bound, or from the first bound
// to the second, in steps of the third if there is one: Python's range.
func NewArange(axis string, bounds ...int) *Tensor {
	from, to, step := 0, 0, 1
	switch len(bounds) {
	case 1:
		to = bounds[0]
	case 2:
		from, to = bounds[0], bounds[1]
	case 3:
		from, to, step = bounds[0], bounds[1], bounds[2]
	default:
		fail("NewArange of %v: want one to three bounds", bounds)
	}
	if step == 0 || (to-from)*step <= 0 {
		fail("NewArange from %d to %d in steps of %d has no entries", from, to, step)
	}
	sign := 1
	if step < 0 {
		sign = -1
	}
	n := (to - from + step - sign) / step
	for _, bound := range []int{from, to} {
		if int(int32(bound)) != bound {
			fail("NewArange: %d is too large for int32", bound)
		}
	}
	return generated(axis, []int{n}, func(i int) int32 { return int32(from + i*step) })
}

// NewLinspace are n numbers from one to another at equal distances, both included.
func NewLinspace(axis string, from, to float64, n int) *Tensor {
	return generated(axis, []int{n}, func(i int) float32 {
		if i == n-1 && n > 1 {
			return float32(to)
		}
		return float32(from + (to-from)*float64(i)/float64(max(n-1, 1)))
	})
}

// NewCausalMask holds where a query may look at a key, at its own position and before: truth values
// [query, key]. scores.MaskedFill(hooked.NewCausalMask(n).Not(), -1e5) is a model's mask.
func NewCausalMask(n int) *Tensor {
	return generated("query key", []int{n, n}, func(i int) bool { return i%n <= i/n })
}

// NewNormal are random numbers with mean zero and variance one, the same for the same seed on every
// backend. They are not PyTorch's for that seed.
func NewNormal(seed int64, axes string, dims ...int) *Tensor {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	return generated(axes, dims, func(int) float32 { return float32(random.NormFloat64()) })
}

// NewUniform are random numbers from 0 up to but not including 1, the same for the same seed on
// every backend.
func NewUniform(seed int64, axes string, dims ...int) *Tensor {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	return generated(axes, dims, func(int) float32 { return random.Float32() })
}

// generated is a tensor of what value gives for each place, counted from the first entry.
func generated[T gotype.Supported](axes string, dims []int, value func(i int) T) *Tensor {
	names := strings.Fields(axes)
	if len(names) != len(dims) {
		fail("%d axes (%s) for a tensor of shape %v: want a name for each axis", len(names), axes, dims)
	}
	size := 1
	for _, d := range dims {
		if d <= 0 || size > mostValues/d {
			fail("a tensor of shape %v: every size must be positive, and all together below 2^40", dims)
		}
		size *= d
	}
	e, err := processEngine()
	if err != nil {
		fail("%v", err)
	}
	data := make([]T, size)
	for i := range data {
		data[i] = value(i)
	}
	return &Tensor{tensors.FromFlatDataAndDimensions(data, slices.Clone(dims)...), names, e}
}
