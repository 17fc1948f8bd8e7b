package patching

import (
	"fmt"
	"slices"

	"gopherlens/hooked"
)

// differences tells where the source of a sweep differs from its base. Where it does not, a patch
// changes nothing: a causal model cannot differ before the first token that does.
type differences struct {
	sp *space
	// the axes that are told apart: those that the sweep runs over, and the positions
	kept  []int
	dims  []int             // batch, then the sizes of the kept axes
	layer map[int][]float32 // largest difference for each layer
}

func findDifferences(sp *space, base, source lookup) (*differences, error) {
	d := &differences{sp: sp, dims: []int{sp.batch}, layer: make(map[int][]float32)}
	var rest []string
	for axis, name := range sp.axes {
		if axis == sp.posAxis() || slices.Contains(sp.over, axis) {
			d.kept, d.dims = append(d.kept, axis), append(d.dims, sp.dims[axis])
		} else {
			rest = append(rest, name)
		}
	}
	for _, l := range sp.layers {
		a, err := base(sp.site.At(l))
		if err != nil {
			return nil, err
		}
		b, err := source(sp.site.At(l))
		if err != nil {
			return nil, fmt.Errorf("the source: %w", err)
		}
		if !slices.Equal(a.Shape(), b.Shape()) {
			return nil, fmt.Errorf("%s is %v in the base run and %v in the source: the prompts must be as many and as long", sp.site.At(l), a.Describe(), b.Describe())
		}
		err = hooked.Try(func() {
			diff := b.Sub(a).Abs()
			if len(rest) > 0 {
				diff = diff.Max(rest...)
			}
			d.layer[l] = diff.Float32s()
		})
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

// first is the first position at which a patch changes a prompt, and whether it changes it at all.
func (d *differences) first(p patch, prompt int) (int, bool) {
	values := d.layer[p.layer][prompt*product(d.dims[1:]):]
	pos, end := slices.Index(d.kept, d.sp.posAxis()), 1
	if pos >= 0 { // a tap may have no positions
		end = d.dims[1+pos]
	}
	from := end
	for _, index := range indexer(d.extent(p)) {
		flat := 0
		for i, axis := range d.kept {
			if p.at[axis] != every {
				index[i] = p.at[axis]
			}
			flat = flat*d.dims[1+i] + index[i]
		}
		// NaN, the difference of two infinities, counts as a change: computing too much does no
		// harm
		switch {
		case values[flat] == 0:
		case pos < 0:
			from = 0
		default:
			from = min(from, index[pos])
		}
	}
	return from, from < end
}

// extent is how many entries of each kept axis a patch replaces: one, or all.
func (d *differences) extent(p patch) []int {
	dims := slices.Clone(d.dims[1:])
	for i, axis := range d.kept {
		if p.at[axis] != every {
			dims[i] = 1
		}
	}
	return dims
}
