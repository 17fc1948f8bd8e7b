package arena

import (
	"fmt"
	"math"
	"slices"
)

// This file finds what a wrong answer has in common with the right one.

// numbers are an answer's, and those that are wanted, of one shape.
type numbers struct {
	got, want []float32
	shape     []int
	tolerance float64
	amount    float64
}

// most is how far apart two of them may be.
func (n numbers) most() float64 {
	largest := smallest
	for _, w := range n.want {
		largest = math.Max(largest, math.Abs(float64(w)))
	}
	return math.Max(n.amount, n.tolerance*largest)
}

// worst is where the two differ most, and at how many places they do too much.
func (n numbers) worst() (at, bad int) {
	most, far := n.most(), -1.0
	for i, w := range n.want {
		d := math.Abs(float64(n.got[i]) - float64(w))
		if d <= most {
			continue
		}
		bad++
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		if d > far {
			at, far = i, d
		}
	}
	return at, bad
}

// place is the index of an entry along each axis.
func (n numbers) place(at int) []int {
	index := make([]int, len(n.shape))
	for i := len(n.shape) - 1; i >= 0; i-- {
		index[i], at = at%n.shape[i], at/n.shape[i]
	}
	return index
}

// guesses are what the numbers show, the most certain first.
func (n numbers) guesses() []string {
	for _, look := range []func(numbers) string{
		numbers.noNumbers, numbers.zeros, numbers.sign, numbers.factor, numbers.shift, numbers.swapped, numbers.bias, numbers.gain, numbers.rows,
	} {
		if found := look(n); found != "" {
			return []string{found}
		}
	}
	return nil
}

func (n numbers) noNumbers() string {
	count := 0
	for _, g := range n.got {
		if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
			count++
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("%d of them are NaN or infinite: a division by zero, the logarithm of zero, or a row that is masked whole?", count)
}

func (n numbers) zeros() string {
	if len(n.got) < 2 || slices.ContainsFunc(n.got, func(g float32) bool { return g != 0 }) {
		return ""
	}
	return "every value is 0: is the result returned?"
}

func (n numbers) sign() string {
	if n.all(func(i int) float64 { return -float64(n.want[i]) }) {
		return "every value has the other sign"
	}
	return ""
}

// all tells whether the answer is f of each place.
func (n numbers) all(f func(i int) float64) bool {
	most := n.most()
	for i := range n.got {
		want := f(i)
		if !(math.Abs(float64(n.got[i])-want) <= most*math.Max(1, math.Abs(want)/math.Max(math.Abs(float64(n.want[i])), smallest))) {
			return false
		}
	}
	return true
}

func (n numbers) factor() string {
	ratio := n.ratio(all(len(n.got)))
	if len(n.got) < 2 || ratio == 0 || !n.all(func(i int) float64 { return ratio * float64(n.want[i]) }) {
		return ""
	}
	return fmt.Sprintf("every value is %.4g times what is wanted: a factor that is missing, or one too many?", ratio)
}

// ratio is the factor that fits the answer at some places best.
func (n numbers) ratio(places []int) float64 {
	var gw, ww float64
	for _, i := range places {
		g, w := float64(n.got[i]), float64(n.want[i])
		gw, ww = gw+g*w, ww+w*w
	}
	if ww == 0 {
		return 0
	}
	return gw / ww
}

func all(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return places
}

// difference is how much larger the answer is on average.
func (n numbers) difference(places []int) float64 {
	sum := 0.0
	for _, i := range places {
		sum += float64(n.got[i]) - float64(n.want[i])
	}
	return sum / float64(len(places))
}

func (n numbers) shift() string {
	by := n.difference(all(len(n.got)))
	if len(n.got) < 2 || !n.all(func(i int) float64 { return float64(n.want[i]) + by }) {
		return ""
	}
	if by < 0 {
		return fmt.Sprintf("every value is too small by %.4g", -by)
	}
	return fmt.Sprintf("every value is too large by %.4g", by)
}

// swapped sees the transpose of the last two axes.
func (n numbers) swapped() string {
	r := len(n.shape)
	if r < 2 || n.shape[r-1] != n.shape[r-2] || n.shape[r-1] < 2 {
		return ""
	}
	side := n.shape[r-1]
	if !n.all(func(i int) float64 {
		row, column := i/side%side, i%side
		return float64(n.want[i+(column-row)*side+row-column])
	}) {
		return ""
	}
	return "these are the right values with the last two axes swapped"
}

// columns are the places with the same index of the last axis.
func (n numbers) columns() (all [][]int) {
	last := n.shape[len(n.shape)-1]
	all = make([][]int, last)
	for i := range n.got {
		all[i%last] = append(all[i%last], i)
	}
	return all
}

// lastRows are the places that differ in the last axis alone.
func (n numbers) lastRows() (all [][]int) {
	last := n.shape[len(n.shape)-1]
	for i := 0; i < len(n.got); i += last {
		row := make([]int, last)
		for j := range row {
			row[j] = i + j
		}
		all = append(all, row)
	}
	return all
}

// fits tells whether in each group the answer is what is wanted plus an amount, or times a factor.
func (n numbers) fits(groups [][]int, factor bool) bool {
	predicted := make([]float64, len(n.got))
	for _, g := range groups {
		if len(g) < 2 {
			return false // one number fits always
		}
		ratio, by := n.ratio(g), n.difference(g)
		for _, i := range g {
			if factor {
				predicted[i] = ratio * float64(n.want[i])
			} else {
				predicted[i] = float64(n.want[i]) + by
			}
		}
	}
	return n.all(func(i int) float64 { return predicted[i] })
}

func (n numbers) bias() string {
	if len(n.shape) < 2 || !n.fits(n.columns(), false) {
		return ""
	}
	return "along the last axis, the same vector is missing or too much everywhere: a bias?"
}

func (n numbers) gain() string {
	if len(n.shape) < 2 || !n.fits(n.columns(), true) {
		return ""
	}
	return "along the last axis, the same factors are missing or too much everywhere: a norm's weight?"
}

func (n numbers) rows() string {
	if len(n.shape) < 2 {
		return ""
	}
	rows := n.lastRows()
	switch {
	case n.fits(rows, true):
		return "each vector along the last axis is off by a factor of its own: how is it normalized?"
	case n.fits(rows, false):
		return "each vector along the last axis is off by a number of its own: is a mean taken off, or not?"
	}
	right := 0
	most := n.most()
	for _, row := range rows {
		if !slices.ContainsFunc(row, func(i int) bool { return !within(float64(n.got[i]), float64(n.want[i]), most) }) {
			right++
		}
	}
	if right > 0 {
		return fmt.Sprintf("%d of %d vectors along the last axis are right", right, len(rows))
	}
	return ""
}

// shapeGuesses are what two shapes have in common.
func shapeGuesses(got, want []int) []string {
	sorted := func(s []int) []int { s = slices.Clone(s); slices.Sort(s); return s }
	if slices.Equal(sorted(got), sorted(want)) {
		return []string{"the axes are these, in another order"}
	}
	if product(got) == product(want) {
		return []string{"as many numbers, but otherwise split into axes"}
	}
	for i := range want {
		if slices.Equal(got, slices.Concat(want[:i], want[i+1:])) {
			return []string{fmt.Sprintf("axis %d of %d entries is missing: is there a sum, mean or pick too many?", i, want[i])}
		}
	}
	for i := range got {
		if slices.Equal(want, slices.Concat(got[:i], got[i+1:])) {
			return []string{fmt.Sprintf("axis %d of %d entries is too much: is a sum, mean or pick missing?", i, got[i])}
		}
	}
	return nil
}

func product(shape []int) int {
	p := 1
	for _, d := range shape {
		p *= d
	}
	return p
}
