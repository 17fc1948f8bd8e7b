package activations

import (
	"math"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Statistics are those of a site, over all tokens of a store as they are kept: of all positions, of
// the first position of each row, and of the others.
type Statistics struct {
	Site             Site
	All, First, Rest Moments
}

// Moments are statistics of some activations, summed in float64.
type Moments struct {
	Count int
	Mean  []float64 // of each value, in row-major order of the site's shape
	Norms Norms

	site    Site
	scatter []float64
}

// Statistics are those of a site.
func (s *Store) Statistics(at hooked.Selector) (Statistics, error) {
	if err := s.check(); err != nil {
		return Statistics{}, err
	}
	i, err := s.index.About.site(at)
	if err != nil {
		return Statistics{}, err
	}
	all, err := s.sums()
	if err != nil {
		return Statistics{}, err
	}
	site, one := s.index.About.Sites[i], all.sites[i]
	together := newMoments(site.Width(), one.first.scatter != nil)
	together.merge(one.first)
	together.merge(one.rest)
	return Statistics{Site: site, All: together.told(site), First: one.first.told(site), Rest: one.rest.told(site)}, nil
}

// told are moments as a reader gets them.
func (m *moments) told(site Site) Moments {
	out := Moments{Count: int(m.count), Mean: slices.Clone(m.mean), site: site, scatter: m.scatter}
	if m.count > 0 {
		n := float64(m.count)
		out.Norms = Norms{Mean: m.norms[normSum] / n, RMS: math.Sqrt(m.norms[normSquares] / n), Min: m.norms[normMin], Max: m.norms[normMax],
			count: int(m.count), histogram: m.histogram}
	}
	return out
}

// Covariance is the covariance of the site's values, [width, width] in row-major order, with
// Count - 1 below as torch.cov has it.
func (m Moments) Covariance() ([]float64, error) {
	switch {
	case m.scatter == nil:
		return nil, brief.Errorf("no covariance of %s was kept: it is left out of sites with more than %d values, and where Config.NoCovariance says so",
			m.site.Name, MaxCovariance)
	case m.Count < 2:
		return nil, brief.Errorf("a covariance needs two activations, and there are %d", m.Count)
	}
	d := m.site.Width()
	out := make([]float64, d*d)
	k := 0
	for i := range d {
		for j := i; j < d; j++ {
			v := m.scatter[k] / float64(m.Count-1)
			out[i*d+j], out[j*d+i] = v, v
			k++
		}
	}
	return out, nil
}

// MeanTensor is the mean with the site's axes, such as [head, d_head]: what [hooked.Replace] puts
// in the place of an activation for mean ablation.
func (m Moments) MeanTensor() (*hooked.Tensor, error) {
	if m.Count == 0 {
		return nil, brief.Errorf("there are no activations to take a mean of")
	}
	a := hooked.NewArray(m.site.Shape...)
	for i, v := range m.Mean {
		a.Data[i] = float32(v)
	}
	return hooked.NewTensor(a, strings.Join(m.site.Axes, " "))
}
