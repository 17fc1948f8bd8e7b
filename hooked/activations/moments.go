package activations

import "math"

// moments are sums over activations of one site, from which those of two sets together follow.
type moments struct {
	count     int64
	mean      []float64
	scatter   []float64 // Σ (x-mean)(x-mean)ᵀ, upper triangle; nil where it is not kept
	norms     [4]float64
	histogram []int64
}

// What norms holds.
const (
	normSum = iota
	normSquares
	normMin
	normMax
)

func newMoments(width int, scatter bool) *moments {
	m := &moments{mean: make([]float64, width), histogram: make([]int64, bins)}
	m.norms[normMin] = math.Inf(1)
	if scatter {
		m.scatter = make([]float64, triangle(width))
	}
	return m
}

// merge adds the activations of b: Chan, Golub and LeVeque, "Updating formulae and a pairwise
// algorithm for computing sample variances", 1979.
func (m *moments) merge(b *moments) {
	if b.count == 0 {
		return
	}
	na, nb := float64(m.count), float64(b.count)
	n := na + nb
	shift := make([]float64, len(m.mean))
	for i := range shift {
		shift[i] = b.mean[i] - m.mean[i]
		m.mean[i] += shift[i] * (nb / n)
	}
	if k := 0; m.scatter != nil {
		for i, x := range shift {
			x *= na * nb / n
			for _, y := range shift[i:] {
				m.scatter[k] += float64(b.scatter[k] + float64(x*y))
				k++
			}
		}
	}
	m.count += b.count
	m.norms[normSum] += b.norms[normSum]
	m.norms[normSquares] += b.norms[normSquares]
	m.norms[normMin] = min(m.norms[normMin], b.norms[normMin])
	m.norms[normMax] = max(m.norms[normMax], b.norms[normMax])
	for i, c := range b.histogram {
		m.histogram[i] += c
	}
}

// ofShard sums up a site's activations in a shard: those at the first position of each row, and the
// others.
func ofShard(s *shard, a *About, site int) (first, rest *moments) {
	width := a.Sites[site].Width()
	scatter := a.covers(site)
	first, rest = newMoments(width, scatter), newMoments(width, scatter)
	each := func(f func(m *moments, row []float32)) {
		row := make([]float32, width)
		size := width * codecs[a.DType].size
		for i := range s.rows * a.Context {
			codecs[a.DType].decode(row, s.values[site][i*size:(i+1)*size])
			if i%a.Context == 0 {
				f(first, row)
			} else {
				f(rest, row)
			}
		}
	}
	each((*moments).addFirstOrder)
	for _, m := range []*moments{first, rest} {
		for i := range m.mean {
			m.mean[i] /= float64(max(1, m.count))
		}
	}
	if scatter {
		sums := map[*moments]*gram{first: newGram(width), rest: newGram(width)}
		each(func(m *moments, row []float32) { sums[m].add(row, m.mean) })
		first.scatter, rest.scatter = sums[first].packed(), sums[rest].packed()
	}
	return first, rest
}

// addFirstOrder adds an activation to the sums that do not need the mean; mean holds the sum.
func (m *moments) addFirstOrder(row []float32) {
	squares := 0.0
	for i, v := range row {
		x := float64(v)
		m.mean[i] += x
		squares += float64(x * x)
	}
	norm := math.Sqrt(squares)
	m.count++
	m.norms[normSum] += norm
	m.norms[normSquares] += squares
	m.norms[normMin] = min(m.norms[normMin], norm)
	m.norms[normMax] = max(m.norms[normMax], norm)
	m.histogram[binOf(norm)]++
}

// covers reports whether a covariance of a site is kept.
func (a *About) covers(site int) bool { return a.Covariance && a.Sites[site].Width() <= MaxCovariance }
