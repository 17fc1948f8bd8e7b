package probe

import (
	"context"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// collector fills the rows of a collection, run by run.
type collector struct {
	ctx    context.Context
	m      *hooked.Model
	c      Collection
	tokens [][]int
	out    *Activations

	first []int // the first row of each text, in each column
	rows  int   // in each column
	stop  int   // the layer before which runs end; 0 while it is not known
}

// place gives each text its rows.
func (r *collector) place() {
	r.first = make([]int, len(r.tokens))
	for i, row := range r.tokens {
		r.first[i] = r.rows
		r.rows += r.c.At.rowsOf(len(row))
	}
}

// run reads the texts of a batch.
func (r *collector) run(b batch) error {
	tokens := make(hooked.Tokens, len(b.texts))
	for i, text := range b.texts {
		row := r.tokens[text]
		tokens[i] = append(slices.Clone(row), slices.Repeat(row[:1], b.width-len(row))...)
	}
	options := append([]hooked.Option{hooked.Names(r.c.Sites), hooked.WithContext(r.ctx)}, r.c.Edits...)
	if r.stop > 0 {
		options = append(options, hooked.StopAtLayer(r.stop))
	}
	cache, err := r.m.Cache(tokens, options...)
	if err != nil {
		return err
	}
	sites := cache.Sites()
	found := make([]*hooked.Tensor, len(sites))
	for i, s := range sites {
		if found[i], err = cache.Lookup(s); err != nil {
			return err
		}
		if err := checkAxes(s, found[i], b); err != nil {
			return err
		}
	}
	if r.out.sites == nil {
		r.begin(sites, found)
	}
	values, k, err := r.read(b, found)
	if err != nil {
		return err
	}
	for i, s := range sites {
		r.file(b, s.String(), values[i], k)
	}
	return nil
}

// checkAxes refuses a site that has no row for each position.
func checkAxes(s hooked.Site, t *hooked.Tensor, b batch) error {
	axes, shape := t.AxisNames(), t.Shape()
	if len(axes) < 3 || axes[0] != "batch" || !slices.Contains([]string{"pos", "query", "key"}, axes[1]) {
		return brief.Errorf("%s has axes %v: a probe reads sites with numbers for each position, [batch pos ...]", s, axes)
	}
	if shape[0] != len(b.texts) || shape[1] != b.width {
		return brief.Errorf("%s has shape %v for %d texts of %d tokens: leave what cuts activations out of Collection.Edits", s, shape, len(b.texts), b.width)
	}
	return nil
}

// begin makes room for the rows, once the first run has told the sites.
func (r *collector) begin(sites []hooked.Site, found []*hooked.Tensor) {
	for _, s := range sites {
		r.out.sites = append(r.out.sites, s.String())
	}
	examples := make([]int, r.rows)
	positions := make([]int, r.rows)
	for text, row := range r.tokens {
		for i := range r.c.At.rowsOf(len(row)) {
			examples[r.first[text]+i] = text
		}
	}
	inLayers := true
	for i, s := range sites {
		axes, dims := found[i].AxisNames()[2:], found[i].Shape()[2:]
		d := product(dims)
		for range r.out.columns {
			name := s.String()
			r.out.rows[name] = append(r.out.rows[name], &Rows{data: make([]float32, r.rows*d), n: r.rows, d: d, axes: axes, dims: dims, site: name,
				examples: examples, of: len(r.tokens), position: slices.Clone(positions), model: r.m})
		}
		layer, ok := s.Layer()
		inLayers, r.stop = inLayers && ok, max(r.stop, layer+1)
	}
	if !inLayers || r.stop == r.m.Config().NLayers {
		r.stop = 0
	}
}

// read copies activations to the host: of each text k positions, [text, k, d].
func (r *collector) read(b batch, found []*hooked.Tensor) (values [][]float32, k int, err error) {
	values = make([][]float32, len(found))
	if r.whole() {
		err = hooked.Try(func() {
			for i, t := range found {
				values[i] = t.Float32s()
			}
		})
		return values, b.width, err
	}
	var at []int // counted over all texts
	for i, text := range b.texts {
		list := r.c.At.of(text, len(r.tokens[text]))
		k = len(list)
		for _, p := range list {
			at = append(at, i*b.width+p)
		}
	}
	index, err := r.m.NewTensor(at, "row")
	if err != nil {
		return nil, 0, err
	}
	axes := strings.Repeat(",row d", len(found))[1:]
	picked, err := hooked.ApplyAll(axes, pickRows, append([]*hooked.Tensor{index}, found...)...)
	if err != nil {
		return nil, 0, err
	}
	err = hooked.Try(func() {
		for i, t := range picked {
			values[i] = t.Float32s()
		}
	})
	return values, k, err
}

// whole reports whether all tokens of a text are read, for themselves or for their mean.
func (r *collector) whole() bool {
	return slices.Contains([]positionKind{all, mean, every}, r.c.At.kind)
}

// pickRows takes from activations [batch, pos, ...] the places in[0] of their first two axes
// together: [row, d].
func pickRows(in []*graph.Node) []*graph.Node {
	at := graph.InsertAxes(in[0], -1)
	out := make([]*graph.Node, len(in)-1)
	for i, x := range in[1:] {
		dims := x.Shape().Dimensions
		out[i] = graph.Gather(graph.Reshape(x, dims[0]*dims[1], product(dims[2:])), at)
	}
	return out
}

// file puts a batch's values at a site, [text, k, d], into the rows.
func (r *collector) file(b batch, s string, values []float32, k int) {
	columns := r.out.rows[s]
	d := columns[0].d
	for i, text := range b.texts {
		own := values[i*k*d : (i+1)*k*d]
		list := r.c.At.of(text, len(r.tokens[text]))
		to := r.first[text]
		switch r.c.At.kind {
		case mean:
			average(columns[0].row(to), own, list)
			columns[0].position[to] = -1
		case all:
			for j, p := range list {
				copy(columns[0].row(to+j), own[p*d:(p+1)*d])
				columns[0].position[to+j] = p
			}
		default:
			for j, p := range list {
				copy(columns[j].row(to), own[j*d:(j+1)*d])
				columns[j].position[to] = p
			}
		}
	}
}

// average is the mean of the rows of values that are listed.
func average(to, values []float32, list []int) {
	d := len(to)
	sum := make([]float64, d)
	for _, p := range list {
		for c, v := range values[p*d : (p+1)*d] {
			sum[c] += float64(v)
		}
	}
	for c, v := range sum {
		to[c] = float32(v / float64(len(list)))
	}
}

// check refuses what is no number.
func (r *collector) check() error {
	for _, s := range r.out.sites {
		for _, rows := range r.out.rows[s] {
			if err := rows.check(); err != nil {
				return err
			}
		}
	}
	return nil
}
