package examples

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A gauge is a measure at work: the lists of its features.
type gauge struct {
	Measure
	site  hooked.Site
	names []string
	lists []*lists
}

// take measures the activation of the search's batch and offers its contexts to the lists.
func (g *gauge) take(x *hooked.Tensor, s *search) error {
	seen := activation{g.site, x.AxisNames(), x.Shape()}
	if g.check != nil && g.lists == nil {
		if err := g.check(seen); err != nil {
			return err
		}
	}
	p, err := g.peaks(x, s)
	if err != nil {
		return err
	}
	if g.lists == nil {
		if err := g.begin(p, seen, s); err != nil {
			return err
		}
	}
	if p.features != len(g.lists) {
		return brief.Errorf("it gives %d features, and gave %d of the first batch", p.features, len(g.lists))
	}
	if s.config.Histogram {
		if err := g.count(p, s); err != nil {
			return err
		}
	}
	return g.fill(g.offer(p, s), p, s)
}

func (g *gauge) begin(p *peaks, x activation, s *search) (err error) {
	if g.names, err = g.labels(p.features, x); err != nil {
		return err
	}
	for range p.features {
		g.lists = append(g.lists, newLists(s.config))
	}
	return nil
}

// Peaks are what the host looks at of a batch: [batch, feature] each.
type peaks struct {
	values   *hooked.Tensor // [batch, feature, pos], on the device
	features int
	extremes []extreme
	active   []float32 // positions above zero
}

// An extreme of each context, largest or smallest: its value and position.
type extreme struct {
	value []float32
	at    []int32
}

const (
	peak = iota
	trough
)

// peaks measures a batch on the device.
func (g *gauge) peaks(x *hooked.Tensor, s *search) (*peaks, error) {
	wanted := []int{peak}
	if s.config.Bottom > 0 {
		wanted = append(wanted, trough)
	}
	axes := "batch feature pos, batch feature, batch feature"
	for range wanted {
		axes += ", batch feature, batch feature"
	}
	out, err := hooked.ApplyAll(axes, func(in []*Node) []*Node {
		y := g.graph(in, s.length)
		seen := SliceAxis(y, 2, AxisRange(s.config.Skip))
		count := func(x *Node) *Node { return ReduceSum(ConvertDType(x, dtypes.Float32), 2) }
		nodes := []*Node{y, count(IsNaN(seen)), count(GreaterThan(seen, ScalarZero(seen.Graph(), seen.DType())))}
		for _, which := range wanted {
			if which == peak {
				nodes = append(nodes, ReduceMax(seen, 2), ArgMax(seen, 2))
			} else {
				nodes = append(nodes, ReduceMin(seen, 2), ArgMin(seen, 2))
			}
		}
		return nodes
	}, append([]*hooked.Tensor{x}, g.with...)...)
	if err != nil {
		return nil, err
	}
	p := &peaks{values: out[0], features: out[0].Shape()[1]}
	var nans []float32
	err = hooked.Try(func() {
		nans, p.active = out[1].Float32s(), out[2].Float32s()
		for i := range wanted {
			p.extremes = append(p.extremes, extreme{out[3+2*i].Float32s(), out[4+2*i].Int32s()})
		}
	})
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(nans, func(n float32) bool { return n > 0 }); i >= 0 {
		return nil, brief.Errorf("feature %d is NaN in row %d", i%p.features, s.next+min(i/p.features, len(s.rows)-1))
	}
	return p, nil
}

// offer puts the batch's contexts into the lists that want them. What it returns has no activations
// yet.
func (g *gauge) offer(p *peaks, s *search) (fresh []*fetched) {
	for row := range s.rows {
		for feature, l := range g.lists {
			i := row*p.features + feature
			l.active += int(p.active[i])
			for which, x := range p.extremes {
				e := Example{Row: s.next + row, Pos: int(x.at[i]) + s.config.Skip, Value: x.value[i]}
				if entered := l.offer(e, which, s.config); entered != nil {
					fresh = append(fresh, &fetched{entered, row, feature})
				}
			}
		}
	}
	return slices.DeleteFunc(fresh, func(f *fetched) bool { return f.lists == 0 })
}

// offer gives an example to the lists that it is for; nil if none wants it.
func (l *lists) offer(e Example, which int, c Config) *entry {
	var entered *entry
	add := func(l *list) {
		if !l.wants(e) {
			return
		}
		if entered == nil {
			entered = &entry{Example: e}
		}
		l.add(entered)
	}
	if which == trough {
		add(&l.bottom)
		return entered
	}
	add(&l.top)
	if e.Value > c.Floor || c.AllValues {
		add(&l.sample)
	}
	return entered
}

// A fetched entry has entered a list in this batch.
type fetched struct {
	*entry
	row, feature int // in the batch
}

// fill gives entries their tokens and activations.
func (g *gauge) fill(fresh []*fetched, p *peaks, s *search) error {
	if len(fresh) == 0 {
		return nil
	}
	lines, err := p.lines(fresh, s)
	if err != nil {
		return err
	}
	for i, f := range fresh {
		from, to := 0, s.length
		if a := s.config.Around; a > 0 {
			from, to = max(0, f.Pos-a), min(s.length, f.Pos+a+1)
		}
		f.From, f.Tokens, f.Activations = from, s.rows[f.row][from:to:to], slices.Clone(lines(i)[from:to])
	}
	return nil
}

// leastLines is the least number of lines that a program gathers: more are the next power of two,
// so that there are few programs.
const leastLines = 64

// lines gives the activations of each entry in its context. Few are gathered on the device; where
// they are half of all or more, as in the first batches, all of them are brought over.
func (p *peaks) lines(fresh []*fetched, s *search) (func(i int) []float32, error) {
	places := make([][]int32, 0, 2*len(fresh))
	for _, f := range fresh {
		places = append(places, []int32{int32(f.row), int32(f.feature)})
	}
	n := leastLines
	for n < len(fresh) {
		n *= 2
	}
	values, err := p.values, error(nil)
	whole := 2*n >= s.config.Batch*p.features
	if !whole {
		for len(places) < n {
			places = append(places, places[0])
		}
		var at *hooked.Tensor
		if at, err = s.source.newTensor(places, "line index"); err != nil {
			return nil, err
		}
		values, err = hooked.Apply("line pos", func(x, at *Node) *Node { return Gather(x, at) }, p.values, at)
		if err != nil {
			return nil, err
		}
	}
	var flat []float32
	if err := hooked.Try(func() { flat = values.Float32s() }); err != nil {
		return nil, err
	}
	return func(i int) []float32 {
		if whole {
			i = fresh[i].row*p.features + fresh[i].feature
		}
		return flat[i*s.length : (i+1)*s.length]
	}, nil
}
